//! Whether writes are still under way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::{MeiliIndex, index::path};
use crate::backend::Settlement;

/// More names than this are not remembered: they come from queries, and need not be names of indexes.
const MOST_INDEXES: usize = 1_000;

/// Asks the server whether an index has tasks that are unfinished, or that finished while a pair was read. The server's
/// clock is taken to agree with this machine's.
///
/// An answer is always newer than its question. Questions that come in while one is asked share the next request, and
/// wait for it: an index is looked at once an interval.
#[derive(Clone, Debug)]
pub struct MeiliSettlement {
    index: MeiliIndex,
    interval: Duration,
    seen: Arc<Mutex<HashMap<Arc<str>, Arc<Seen>>>>,
}

/// What is known of one index.
#[derive(Debug, Default)]
struct Seen {
    waiting: Mutex<Waiting>,
    /// Who holds the lock looks; the others wait and take over the answer.
    last: tokio::sync::Mutex<Option<Look>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Looks begun so far.
    begun: u64,
    /// From when on those who wait want to know.
    since: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    /// How many had begun with it.
    number: u64,
    began: Instant,
    since: Instant,
    settled: Option<bool>,
}

impl MeiliSettlement {
    /// Asks the server of this index, every 50 ms at most.
    pub fn new(index: MeiliIndex) -> Self {
        Self { index, interval: Duration::from_millis(50), seen: Arc::default() }
    }

    /// How long is waited between two looks at an index. Longer than the 250 ms that a pair waits, and only some pairs
    /// know.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    async fn look(&self, uid: &str, since: Instant) -> Option<bool> {
        path(uid).ok()?;
        let seen = self.seen(uid);
        let ticket = seen.wait(since);
        let mut last = seen.last.lock().await;
        if let Some(look) = *last {
            // It began after this question, and knows of it: one whose asker gave up does not.
            if look.number > ticket && look.since <= since {
                return look.settled;
            }
            sleep_until(look.began + self.interval).await;
        }
        let (number, since) = seen.begin(since);
        let began = Instant::now();
        let settled = self.ask(uid, since).await;
        *last = Some(Look { number, began, since, settled });
        settled
    }

    async fn ask(&self, uid: &str, since: Instant) -> Option<bool> {
        let unfinished = Question { statuses: Some("enqueued,processing"), ..Question::about(uid) };
        if self.any(&unfinished).await? {
            return Some(false);
        }
        let ago = SignedDuration::try_from(since.elapsed()).ok()?;
        let since = Timestamp::now().checked_sub(ago).ok()?.to_string();
        // Asked second: what finishes meanwhile is seen here.
        let finished = Question { after_finished_at: Some(since), ..Question::about(uid) };
        Some(!self.any(&finished).await?)
    }

    async fn any(&self, question: &Question<'_>) -> Option<bool> {
        let client = self.index.client();
        let tasks: Tasks = client.get("/tasks", question, self.index.timeout(), "looking for tasks").await.ok()?;
        Some(!tasks.results.is_empty())
    }

    fn seen(&self, uid: &str) -> Arc<Seen> {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = all.get(uid) {
            return Arc::clone(seen);
        }
        if all.len() >= MOST_INDEXES {
            all.clear();
        }
        Arc::clone(all.entry(Arc::from(uid)).or_default())
    }
}

impl Seen {
    /// How many looks had begun before; the next one covers `since`.
    fn wait(&self, since: Instant) -> u64 {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.since = Some(waiting.since.map_or(since, |oldest| oldest.min(since)));
        waiting.begun
    }

    /// The number of a look, and from when on those who wait for it want to know.
    fn begin(&self, since: Instant) -> (u64, Instant) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.begun += 1;
        (waiting.begun, waiting.since.take().map_or(since, |oldest| oldest.min(since)))
    }
}

impl Settlement for MeiliSettlement {
    fn settled<'a>(&'a self, index: Option<&'a str>, since: Instant) -> BoxFuture<'a, Option<bool>> {
        Box::pin(self.look(index.unwrap_or(self.index.uid()), since))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    index_uids: &'a str,
    limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    statuses: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_finished_at: Option<String>,
}

impl<'a> Question<'a> {
    fn about(index_uids: &'a str) -> Self {
        Self { index_uids, limit: 1, statuses: None, after_finished_at: None }
    }
}

/// Only whether there are any: the SDK's type cannot read every task.
#[derive(Deserialize)]
struct Tasks {
    results: Vec<serde::de::IgnoredAny>,
}
