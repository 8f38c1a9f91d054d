//! Follows the sources: reads them when they may have changed, and publishes what the merge decides.

use std::{mem, path::PathBuf, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    FlagFile, FlagReading, FlagSet, FlagSource, FlagSourceError, Flags, Plan, PlanHandle, Refusal,
    last_good::LastGood,
    merge::{Decision, Inputs, Table},
};
use crate::telemetry::{self, PlanFallback};

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

struct State {
    handle: PlanHandle,
    inputs: Inputs,
    in_force: Option<Decision>,
    refused: Refused,
    last_good: Option<PathBuf>,
    saved: Option<LastGood>,
    /// Tells the one who drives the table that it is to keep the stale mark.
    mark_wanted: watch::Sender<bool>,
}

/// The refusal that each step was last met with, so that each distinct one is told once.
#[derive(Default)]
struct Refused {
    table: Option<Refusal>,
    file: Option<Refusal>,
    merge: Option<Refusal>,
}

/// News from a source.
enum News {
    Table { reading: FlagReading, marked: bool },
    TableRefused(Refusal),
    File(FlagReading),
    FileRefused(Refusal),
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
        let handle = PlanHandle::fixed(Flags::default());
        let inputs = Inputs { has_table: sources.table.is_some(), ..Inputs::default() };
        let mut state = State {
            handle: handle.clone(),
            inputs,
            in_force: None,
            refused: Refused::default(),
            last_good: flagging.last_good,
            saved: None,
            mark_wanted: watch::Sender::new(false),
        };
        telemetry::plan_in_force(&Plan::default(), &handle.load());
        state.restore();
        match table {
            Some(Ok(reading)) => state.take_table(Ok(reading), false),
            Some(Err(FlagSourceError::Refused(refusal))) => state.take_table(Err(refusal), false),
            Some(Err(FlagSourceError::Unreachable(error))) => state.start_without_table(&*error),
            None => {}
        }
        if state.in_force.is_none() && state.inputs.table.is_some() {
            // The table by itself first: should the file be wrong, this is the last good plan.
            state.settle();
        }
        match file {
            Some(Ok(reading)) => state.take_file(Ok(reading)),
            Some(Err(FlagSourceError::Refused(refusal))) => state.take_file(Err(refusal)),
            Some(Err(FlagSourceError::Unreachable(error))) => tracing::warn!(%error, "the flag file cannot be read"),
            None => {}
        }
        state.settle();
        state.save().await;
        (handle, Self { sources, state })
    }

    /// Follows the sources until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let Self { mut sources, mut state } = self;
        let (news, mut inbox) = mpsc::channel(4);
        let mark_wanted = state.mark_wanted.subscribe();
        let follow = async move {
            // Side by side, so that a table that hangs does not hold up a rollback by file.
            let sources = async {
                tokio::join!(
                    follow_table(sources.table.as_deref_mut(), mark_wanted, news.clone()),
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
            while let Some(news) = inbox.recv().await {
                state.take(news).await;
            }
        };
        tokio::join!(follow, publish);
    }
}

type Reading = Result<FlagReading, FlagSourceError>;

async fn read(source: &mut Option<Box<dyn FlagSource>>) -> Option<Reading> {
    match source {
        Some(source) => Some(source.read().await),
        None => None,
    }
}

async fn follow_table(
    source: Option<&mut (dyn FlagSource + 'static)>,
    mut mark_wanted: watch::Receiver<bool>,
    news: mpsc::Sender<News>,
) {
    let Some(source) = source else { return };
    let mut last_read = Instant::now();
    loop {
        let wanted = *mark_wanted.borrow_and_update();
        let marked =
            wanted && source.mark_stale().await.inspect_err(|error| tracing::debug!(%error, "no mark")).is_ok();
        let reading = match source.read().await {
            Ok(reading) => Some(News::Table { reading, marked }),
            Err(FlagSourceError::Refused(refusal)) => Some(News::TableRefused(refusal)),
            Err(FlagSourceError::Unreachable(error)) => {
                tracing::debug!(%error, "the flag table cannot be read; the plan stays");
                None
            }
        };
        if reading.is_some() {
            last_read = Instant::now();
        }
        telemetry::plan_stale(if reading.is_some() { Duration::ZERO } else { last_read.elapsed() });
        let told = match reading {
            Some(reading) => news.send(reading).await,
            None => Ok(()),
        };
        if told.is_err() {
            return;
        }
        tokio::select! {
            () = source.changed() => {}
            _ = mark_wanted.changed() => {}
        }
    }
}

async fn follow_file(source: Option<&mut (dyn FlagSource + 'static)>, news: mpsc::Sender<News>) {
    let Some(source) = source else { return };
    loop {
        source.changed().await;
        let told = match source.read().await {
            Ok(reading) => news.send(News::File(reading)).await,
            Err(FlagSourceError::Refused(refusal)) => news.send(News::FileRefused(refusal)).await,
            Err(FlagSourceError::Unreachable(error)) => {
                tracing::debug!(%error, "the flag file cannot be read; the plan stays");
                Ok(())
            }
        };
        if told.is_err() {
            return;
        }
    }
}

impl State {
    async fn take(&mut self, news: News) {
        match news {
            News::Table { reading, marked } => self.take_table(Ok(reading), marked),
            News::TableRefused(refusal) => self.take_table(Err(refusal), false),
            News::File(reading) => self.take_file(Ok(reading)),
            News::FileRefused(refusal) => self.take_file(Err(refusal)),
        }
        self.settle();
        self.save().await;
    }

    fn take_table(&mut self, reading: Result<FlagReading, Refusal>, marked: bool) {
        // The mark and its reading come together, so that there is no moment without it.
        self.inputs.mark_pending &= !marked;
        let parsed = reading
            .and_then(|reading| Ok(Table { set: FlagSet::parse(&reading.texts)?, target_stale: reading.target_stale }));
        if let Some(table) = told_once(&mut self.refused.table, parsed, "the flag table") {
            self.inputs.table = Some(table);
        }
    }

    fn take_file(&mut self, reading: Result<FlagReading, Refusal>) {
        let parsed = reading.and_then(|reading| FlagSet::parse(&reading.texts));
        if let Some(set) = told_once(&mut self.refused.file, parsed, "the flag file") {
            self.inputs.file = set;
        }
    }

    /// Decides on the plan, and puts it in force.
    fn settle(&mut self) {
        // The plan is taken from the handle: without a table, publishing one by hand is how the stale mark is cleared.
        let in_force = self.in_force.map(|decision| Decision { plan: self.handle.load(), ..decision });
        let decided = self.inputs.decide(in_force.as_ref());
        let Some(decision) = told_once(&mut self.refused.merge, decided, "the flags together") else { return };
        self.inputs.mark_pending = decision.mark_pending;
        self.mark_wanted
            .send_if_modified(|wanted| mem::replace(wanted, decision.mark_pending) != decision.mark_pending);
        self.put_in_force(decision);
    }

    fn put_in_force(&mut self, decision: Decision) {
        self.in_force = Some(decision);
        let before = self.handle.load();
        if (before.flags, before.target_stale) == (decision.plan.flags, decision.plan.target_stale) {
            return;
        }
        let now = self.handle.publish(decision.plan);
        telemetry::plan_in_force(&before, &now);
        let (from, to) = (before.phase(), now.phase());
        tracing::info!(%from, %to, flags = ?now.flags, target_stale = now.target_stale, "a new plan is in force");
    }

    fn start_without_table(&self, error: &(dyn std::error::Error + Send + Sync)) {
        let phase = self.handle.load().phase();
        if self.in_force.is_some() {
            telemetry::plan_fallback(PlanFallback::LastGood);
            tracing::warn!(%error, %phase, "the flag table cannot be read: going on with the last good plan");
        } else {
            telemetry::plan_fallback(PlanFallback::Defaults);
            tracing::error!(%error, "the flag table cannot be read and no last good plan was kept: source only");
        }
    }

    fn restore(&mut self) {
        let Some(path) = &self.last_good else { return };
        match LastGood::load(path) {
            Ok(Some(kept)) => match kept.restore() {
                Some((decision, table)) => {
                    self.inputs.table = table;
                    self.inputs.mark_pending = decision.mark_pending;
                    self.put_in_force(decision);
                    self.saved = Some(kept);
                }
                None => tracing::warn!(path = %path.display(), "the last good plan on disk is not understood"),
            },
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, path = %path.display(), "the last good plan cannot be read"),
        }
    }

    async fn save(&mut self) {
        let (Some(path), Some(decision)) = (&self.last_good, &self.in_force) else { return };
        let kept = LastGood::new(&self.inputs, decision);
        if self.saved.as_ref() == Some(&kept) {
            return;
        }
        let (path, written) = (path.clone(), kept.clone());
        match tokio::task::spawn_blocking(move || written.save(&path)).await {
            Ok(Ok(())) => self.saved = Some(kept),
            Ok(Err(error)) => tracing::warn!(%error, "the last good plan cannot be kept"),
            Err(error) => tracing::warn!(%error, "the last good plan cannot be kept"),
        }
    }
}

/// The value, or nothing after counting and logging a refusal that is not the one before it.
fn told_once<T>(last: &mut Option<Refusal>, outcome: Result<T, Refusal>, of: &'static str) -> Option<T> {
    match outcome {
        Ok(value) => {
            *last = None;
            Some(value)
        }
        Err(refusal) => {
            if last.as_ref() != Some(&refusal) {
                telemetry::plan_rejected(refusal.rule());
                tracing::warn!(%refusal, "{of} were refused; the last good plan stays");
                *last = Some(refusal);
            }
            None
        }
    }
}
