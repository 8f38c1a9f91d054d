//! Scripted sides and services.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossfade::{
    backend::SearchBackend,
    error::{BackendError, BackendErrorKind, Side},
    plan::{Flags, Percent, ReadBackend, WriteMode},
    search::{Hit, SearchHits, SearchQuery},
};
use futures_util::future::BoxFuture;

/// What a scripted side does with the next queries.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    Answer(Vec<&'static str>),
    Slow(Duration, Vec<&'static str>),
    Fail(BackendErrorKind),
    Hang,
    /// The first question, the second, and from the beginning again.
    InTurn(Vec<Script>),
    Panic,
    /// Panics before there is a future.
    PanicAtOnce,
}

/// A side that does what it is told, and counts.
pub(crate) struct Scripted {
    side: Side,
    script: Mutex<Script>,
    pub(crate) asked: AtomicUsize,
    queries: Mutex<Vec<SearchQuery>>,
}

pub(crate) fn hits(ids: &[&str]) -> SearchHits {
    let hit = |id: &&str| Hit::new(*id, serde_json::json!({ "id": id }).as_object().unwrap().clone());
    SearchHits::new(ids.iter().map(hit).collect::<Vec<_>>(), ids.len() as u64)
}

impl Scripted {
    pub(crate) fn new(side: Side, script: Script) -> Arc<Self> {
        Arc::new(Self { side, script: Mutex::new(script), asked: AtomicUsize::new(0), queries: Mutex::default() })
    }

    pub(crate) fn now(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    /// What it has been asked since the last call.
    pub(crate) fn queries(&self) -> Vec<SearchQuery> {
        std::mem::take(&mut self.queries.lock().unwrap())
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl SearchBackend for Scripted {
    fn side(&self) -> Side {
        self.side
    }

    fn search<'a>(&'a self, query: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        self.queries.lock().unwrap().push(query.clone());
        let script = match self.script.lock().unwrap().clone() {
            Script::InTurn(scripts) => scripts[before % scripts.len()].clone(),
            script => script,
        };
        let side = self.side;
        if let Script::PanicAtOnce = script {
            panic!("scripted");
        }
        Box::pin(async move {
            match script {
                Script::Answer(ids) => Ok(hits(&ids)),
                Script::Slow(wait, ids) => {
                    tokio::time::sleep(wait).await;
                    Ok(hits(&ids))
                }
                Script::Fail(kind) => Err(BackendError::new(side, kind, "doing as told")),
                Script::Hang => std::future::pending().await,
                Script::Panic | Script::PanicAtOnce | Script::InTurn(_) => panic!("scripted"),
            }
        })
    }
}

/// Flags by phase.
pub(crate) fn shadow(rate: u32) -> Flags {
    Flags { write_mode: WriteMode::Dual, shadow_sample_rate: Percent::whole(rate), ..Flags::default() }
}

pub(crate) fn canary(percent: u32) -> Flags {
    Flags {
        write_mode: WriteMode::Dual,
        read_backend: ReadBackend::Pg,
        read_pg_percent: Percent::whole(percent),
        ..Flags::default()
    }
}

/// Waits, at most ten seconds, until `done`.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap_or_else(|_| panic!("never came: {what}"));
}
