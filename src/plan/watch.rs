//! Follows the sources: reads them when they may have changed, and publishes what the merge decides.

use std::{path::PathBuf, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    FlagFile, FlagReading, FlagSource, FlagSourceError, Mark, PlanHandle, Refusal,
    state::{News, Reading, State},
};
use crate::{opaque::opaque_debug, telemetry};

/// Where the flags are: a table, a file, or both.
#[derive(Default)]
pub struct Flagging {
    table: Option<Box<dyn FlagSource>>,
    file: Option<Box<dyn FlagSource>>,
    last_good: Option<PathBuf>,
}

/// Keeps a [`PlanHandle`] up to date while [`run`](Self::run) is polled.
#[must_use = "the plan follows the flags only while `run` is polled"]
pub struct PlanWatcher {
    sources: Sources,
    state: State,
}

struct Sources {
    table: Option<Box<dyn FlagSource>>,
    file: Option<Box<dyn FlagSource>>,
}

impl Flagging {
    /// No sources yet: the default flags.
    pub fn new() -> Self {
        Self::default()
    }

    /// The flags that all replicas share.
    pub fn table(mut self, source: impl FlagSource + 'static) -> Self {
        self.table = Some(Box::new(source));
        self
    }

    /// The local overrides.
    pub fn file(mut self, file: FlagFile) -> Self {
        self.file = Some(Box::new(file));
        self
    }

    /// Where to keep the last good plan, so that a restart while the table is unreachable goes on as before. Without
    /// it such a restart falls back to `meili_only`, and writes miss the target.
    pub fn last_good(mut self, path: impl Into<PathBuf>) -> Self {
        self.last_good = Some(path.into());
        self
    }
}

impl PlanWatcher {
    pub(super) async fn start(flagging: Flagging) -> (PlanHandle, Self) {
        let mut sources = Sources { table: flagging.table, file: flagging.file };
        let (table, file) = tokio::join!(read(&mut sources.table), read(&mut sources.file));
        let mut state = State::new(sources.table.is_some(), flagging.last_good);
        state.begin(table, file);
        state.save().await;
        (state.handle(), Self { sources, state })
    }

    /// Follows the sources until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let Self { mut sources, mut state } = self;
        let (news, mut inbox) = mpsc::channel(4);
        let marks_wanted = state.marks_wanted();
        let follow = async move {
            // Side by side, so that a table that hangs does not hold up a rollback by file.
            let sources = async {
                tokio::join!(
                    follow_table(sources.table.as_deref_mut(), marks_wanted, news.clone()),
                    follow_file(sources.file.as_deref_mut(), news.clone()),
                )
            };
            tokio::select! {
                () = stop.cancelled() => {}
                _ = sources => {}
            }
        };
        // Ends when the sources have: what they told is published and kept before that.
        let publish = async {
            let handle = state.handle();
            loop {
                let news = tokio::select! {
                    news = inbox.recv() => news,
                    () = handle.rolled_back() => Some(News::RolledBack),
                };
                let ended = news.is_none();
                // At the end once more: a rollback of the last moment is kept too.
                state.take(news.unwrap_or(News::RolledBack)).await;
                if ended {
                    return;
                }
            }
        };
        tokio::join!(follow, publish);
    }
}

async fn read(source: &mut Option<Box<dyn FlagSource>>) -> Option<Reading> {
    match source {
        Some(source) => Some(source.read().await),
        None => None,
    }
}

async fn follow_table(
    source: Option<&mut (dyn FlagSource + 'static)>,
    mut marks_wanted: watch::Receiver<Vec<Mark>>,
    news: mpsc::Sender<News>,
) {
    let Some(source) = source else { return };
    let mut last_read = Instant::now();
    loop {
        let wanted = marks_wanted.borrow_and_update().clone();
        let mut marked = Vec::new();
        for mark in wanted {
            match source.mark(&mark).await {
                Ok(()) => marked.push(mark),
                Err(FlagSourceError::Refused(refusal)) => {
                    if news.send(News::NotMarked(refusal)).await.is_err() {
                        return;
                    }
                }
                Err(FlagSourceError::Unreachable(error)) => {
                    tracing::debug!(%error, ?mark, "the table cannot be told what it is to keep");
                }
            }
        }
        match answered(source.read().await) {
            Some(said) => {
                last_read = Instant::now();
                telemetry::plan_stale(Duration::ZERO);
                if news.send(News::Table { said, marked }).await.is_err() {
                    return;
                }
            }
            None => telemetry::plan_stale(last_read.elapsed()),
        }
        tokio::select! {
            () = source.changed() => {}
            _ = marks_wanted.changed() => {}
        }
    }
}

async fn follow_file(source: Option<&mut (dyn FlagSource + 'static)>, news: mpsc::Sender<News>) {
    let Some(source) = source else { return };
    loop {
        source.changed().await;
        if let Some(said) = answered(source.read().await)
            && news.send(News::File(said)).await.is_err()
        {
            return;
        }
    }
}

/// What a source said, unless it could not be asked: then everything stays as it is.
fn answered(reading: Reading) -> Option<Result<FlagReading, Refusal>> {
    match reading {
        Ok(reading) => Some(Ok(reading)),
        Err(FlagSourceError::Refused(refusal)) => Some(Err(refusal)),
        Err(FlagSourceError::Unreachable(error)) => {
            tracing::debug!(%error, "flags cannot be read; the plan stays");
            None
        }
    }
}

opaque_debug!(Flagging);
opaque_debug!(PlanWatcher);
