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
/// An answer is always newer than its question. Questions that come in while one is asked share the next look, and
/// wait for it: an index is looked at once an interval. Each is answered by its own time: a task that finished before a pair was
/// read does not touch it, though it may touch another that waits for the same look.
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
    asked: Option<Asked>,
}

/// From when on is to be known whether there was a task: by the first of some questions, and by the last.
#[derive(Clone, Copy, Debug)]
struct Asked {
    first: Timestamp,
    last: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    /// How many had begun with it.
    number: u64,
    began: Instant,
    /// From when on it knows.
    since: Timestamp,
    found: Option<Found>,
}

/// What a look found.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// A task that is unfinished, or one that finished so late that it touches whoever asked.
    Task,
    /// No task unfinished, and none that finished after this.
    QuietSince(Timestamp),
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
        let ago = SignedDuration::try_from(since.elapsed()).ok()?;
        let since = Timestamp::now().checked_sub(ago).ok()?;
        let seen = self.seen(uid);
        let ticket = seen.wait(since);
        let mut last = seen.last.lock().await;
        if let Some(look) = *last {
            // It began after this question, and knows of it: one whose asker gave up does not.
            if look.number > ticket && look.since <= since {
                return Some(look.found?.is_quiet(since));
            }
            sleep_until(look.began + self.interval).await;
        }
        let (number, asked) = seen.begin(since);
        let began = Instant::now();
        let found = self.ask(uid, asked).await;
        *last = Some(Look { number, began, since: asked.first, found });
        Some(found?.is_quiet(since))
    }

    async fn ask(&self, uid: &str, asked: Asked) -> Option<Found> {
        let unfinished = Question { statuses: Some("enqueued,processing"), ..Question::about(uid) };
        if self.newest(&unfinished).await?.is_some() {
            return Some(Found::Task);
        }
        // Asked second: what finishes meanwhile is seen here.
        let Some(task) = self.finished_after(uid, asked.first).await? else {
            return Some(Found::QuietSince(asked.first));
        };
        // Tasks are listed by when they came in. Those of an index mostly finish in that order, but need not.
        Some(match task.finished_at {
            Some(end) if end < asked.last && self.finished_after(uid, end).await?.is_none() => Found::QuietSince(end),
            _ => Found::Task,
        })
    }

    async fn finished_after(&self, uid: &str, moment: Timestamp) -> Option<Option<Task>> {
        self.newest(&Question { after_finished_at: Some(moment.to_string()), ..Question::about(uid) }).await
    }

    /// The newest of the tasks that are asked for; `None` if the server does not say.
    async fn newest(&self, question: &Question<'_>) -> Option<Option<Task>> {
        let client = self.index.client();
        let tasks: Tasks = client.get("/tasks", question, self.index.timeout(), "looking for tasks").await.ok()?;
        Some(tasks.results.into_iter().next())
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
    fn wait(&self, since: Timestamp) -> u64 {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.asked = Some(Asked::with(waiting.asked, since));
        waiting.begun
    }

    /// The number of a look, and from when on those who wait for it want to know.
    fn begin(&self, since: Timestamp) -> (u64, Asked) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.begun += 1;
        (waiting.begun, Asked::with(waiting.asked.take(), since))
    }
}

impl Asked {
    fn with(others: Option<Self>, since: Timestamp) -> Self {
        let Self { first, last } = others.unwrap_or(Self { first: since, last: since });
        Self { first: first.min(since), last: last.max(since) }
    }
}

impl Found {
    /// Whether there was no task from then on.
    fn is_quiet(self, since: Timestamp) -> bool {
        matches!(self, Self::QuietSince(quiet) if quiet <= since)
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

/// No more than is needed: the SDK's type cannot read every task.
#[derive(Deserialize)]
struct Tasks {
    results: Vec<Task>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    #[serde(default)]
    finished_at: Option<Timestamp>,
}
