//! Whether writes are still under way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{MeiliIndex, index::path};
use crate::backend::Settlement;

/// More names than this are not remembered: they come from queries, and need not be names of indexes.
const MOST_INDEXES: usize = 1_000;

/// Asks the server whether an index has unfinished tasks, at most once an interval and with one request at a time.
#[derive(Clone, Debug)]
pub struct MeiliSettlement {
    index: MeiliIndex,
    interval: Duration,
    seen: Arc<Mutex<HashMap<Arc<str>, Seen>>>,
}

/// What was seen last. Who holds the lock asks; the others wait and take over the answer.
type Seen = Arc<tokio::sync::Mutex<Option<(Instant, Option<bool>)>>>;

impl MeiliSettlement {
    /// Asks the server of this index, every 500 ms at most.
    pub fn new(index: MeiliIndex) -> Self {
        Self { index, interval: Duration::from_millis(500), seen: Arc::default() }
    }

    /// How long an answer holds. So long a write may go unseen.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    async fn look(&self, uid: &str) -> Option<bool> {
        path(uid).ok()?;
        let seen = self.seen(uid);
        let mut last = seen.lock().await;
        match *last {
            Some((when, answer)) if when.elapsed() < self.interval => answer,
            _ => {
                let answer = self.ask(uid).await;
                *last = Some((Instant::now(), answer));
                answer
            }
        }
    }

    async fn ask(&self, uid: &str) -> Option<bool> {
        let query = Unfinished { statuses: ["enqueued", "processing"], index_uids: uid, limit: 1 };
        let client = self.index.client();
        let tasks: Tasks = client.get("/tasks", query, self.index.timeout(), "looking for tasks").await.ok()?;
        Some(tasks.results.is_empty())
    }

    fn seen(&self, uid: &str) -> Seen {
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

impl Settlement for MeiliSettlement {
    fn settled<'a>(&'a self, index: Option<&'a str>) -> BoxFuture<'a, Option<bool>> {
        Box::pin(self.look(index.unwrap_or(self.index.uid())))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unfinished<'a> {
    statuses: [&'static str; 2],
    index_uids: &'a str,
    limit: u32,
}

/// Only whether there are any: the SDK's type cannot read every task.
#[derive(Deserialize)]
struct Tasks {
    results: Vec<serde::de::IgnoredAny>,
}
