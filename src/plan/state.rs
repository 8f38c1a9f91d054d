//! What is in force, and how news of a source change it.

use std::path::PathBuf;

use tokio::sync::watch;

use super::{
    Cause, FlagReading, FlagSet, FlagSourceError, Flags, Mark, PlanHandle, Refusal,
    handle::tell,
    last_good::LastGood,
    merge::{Decision, Inputs, Table},
};
use crate::telemetry::{self, PlanFallback};

pub(super) type Reading = Result<FlagReading, FlagSourceError>;

/// News from a source.
pub(super) enum News {
    /// What the table said, and which marks it was told to keep just before.
    Table { said: Result<FlagReading, Refusal>, marked: Vec<Mark> },
    /// The table may not keep a mark now.
    NotMarked(Refusal),
    /// Reads were rolled back in this process.
    RolledBack,
    /// What the file said.
    File(Result<FlagReading, Refusal>),
}

/// Everything the watcher knows.
pub(super) struct State {
    handle: PlanHandle,
    inputs: Inputs,
    in_force: Option<Decision>,
    /// Who rolled back here, while the table has not heard of it.
    rolled_back: Option<Cause>,
    refused: Refused,
    last_good: Option<PathBuf>,
    saved: Option<LastGood>,
    /// The revision of the table that the plan was made from.
    revision: i64,
    /// Why the last attempt to keep it failed, so that each distinct reason is told once.
    not_saved: Option<String>,
    /// Tells the one who drives the table what it is to keep.
    marks_wanted: watch::Sender<Vec<Mark>>,
}

/// The refusal that each step was last met with, so that each distinct one is told once.
#[derive(Default)]
struct Refused {
    table: Option<Refusal>,
    file: Option<Refusal>,
    mark: Option<Refusal>,
    merge: Option<Refusal>,
}

impl State {
    /// No plan yet but the defaults.
    pub(super) fn new(has_table: bool, last_good: Option<PathBuf>) -> Self {
        let handle = PlanHandle::fixed(Flags::default());
        tell(None, &handle.load());
        Self {
            handle,
            inputs: Inputs { has_table, ..Inputs::default() },
            in_force: None,
            rolled_back: None,
            refused: Refused::default(),
            last_good,
            saved: None,
            revision: 0,
            not_saved: None,
            marks_wanted: watch::Sender::default(),
        }
    }

    pub(super) fn handle(&self) -> PlanHandle {
        self.handle.clone()
    }

    pub(super) fn marks_wanted(&self) -> watch::Receiver<Vec<Mark>> {
        self.marks_wanted.subscribe()
    }

    /// The first plan: from the sources as far as they can be read, and what an earlier process left.
    pub(super) fn begin(&mut self, table: Option<Reading>, file: Option<Reading>) {
        self.restore();
        match table {
            Some(Ok(reading)) => self.take_table(Ok(reading), &[]),
            Some(Err(FlagSourceError::Refused(refusal))) => self.take_table(Err(refusal), &[]),
            Some(Err(FlagSourceError::Unreachable(error))) => self.start_without_table(&*error),
            None => {}
        }
        if self.in_force.is_none() && self.inputs.table.is_some() {
            // The table by itself first: should the file be wrong, this is the last good plan.
            self.settle();
        }
        match file {
            Some(Ok(reading)) => self.take_file(Ok(reading)),
            Some(Err(FlagSourceError::Refused(refusal))) => self.take_file(Err(refusal)),
            Some(Err(FlagSourceError::Unreachable(error))) => tracing::warn!(%error, "the flag file cannot be read"),
            None => {}
        }
        self.settle();
    }

    pub(super) async fn take(&mut self, news: News) {
        match news {
            News::Table { said, marked } => self.take_table(said, &marked),
            News::NotMarked(refusal) => {
                let _: Option<()> = told_once(&mut self.refused.mark, Err(refusal), "a mark in the table");
            }
            News::RolledBack => {}
            News::File(said) => self.take_file(said),
        }
        self.settle();
        self.save().await;
    }

    fn take_table(&mut self, reading: Result<FlagReading, Refusal>, marked: &[Mark]) {
        // A mark and its reading come together, so that there is no moment without it.
        for mark in marked {
            self.refused.mark = None;
            match mark {
                Mark::TargetStale => self.inputs.mark_pending = false,
                // Another one may have come in between.
                Mark::Latched(cause) if self.rolled_back.as_ref() == Some(cause) => self.inputs.latch_pending = false,
                Mark::Latched(_) => {}
            }
        }
        let revision = reading.as_ref().map_or(0, |reading| reading.revision);
        let parsed = reading.and_then(|FlagReading { texts, target_stale, latched, .. }| {
            Ok(Table { set: FlagSet::parse(&texts)?, target_stale, latched })
        });
        if let Some(table) = told_once(&mut self.refused.table, parsed, "the flag table") {
            self.inputs.table = Some(table);
            self.revision = revision;
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
        let handle = self.handle.clone();
        // Nobody rolls back between the decision and its being in force: what is decided knows of every rollback.
        let mut changing = handle.changing();
        if let Some(cause) = changing.rolled_back.take() {
            self.rolled_back = Some(cause);
            self.inputs.latch_pending = self.inputs.has_table;
        }
        // The plan is taken from the handle: without a table, `PlanHandle::clear_stale` is how the mark goes.
        let latch_pending = self.inputs.latch_pending;
        self.in_force = self.in_force.map(|decision| Decision { plan: handle.load(), latch_pending, ..decision });
        let decided = self.inputs.decide(self.in_force.as_ref());
        if let Some(decision) = told_once(&mut self.refused.merge, decided, "the flags together") {
            self.inputs.mark_pending = decision.mark_pending;
            self.inputs.latch_pending = decision.latch_pending;
            self.in_force = Some(decision);
            changing.put(decision.plan);
        }
        if !self.inputs.latch_pending {
            self.rolled_back = None;
        }
        // Last: who sees a revision goes by it.
        handle.seen(self.revision);
        self.want_marks();
    }

    /// Has the table told what it does not know yet.
    fn want_marks(&self) {
        let stale = self.inputs.mark_pending.then_some(Mark::TargetStale);
        let marks = stale.into_iter().chain(self.rolled_back.clone().map(Mark::Latched)).collect();
        self.marks_wanted.send_if_modified(|wanted| {
            let modified = *wanted != marks;
            *wanted = marks;
            modified
        });
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
                Some((decision, table, rolled_back)) => {
                    self.inputs.table = table;
                    self.inputs.mark_pending = decision.mark_pending;
                    self.inputs.latch_pending = decision.latch_pending && self.inputs.has_table;
                    self.rolled_back = rolled_back;
                    self.in_force = Some(decision);
                    self.handle.changing().put(decision.plan);
                    self.saved = Some(kept);
                }
                None => tracing::warn!(path = %path.display(), "the last good plan on disk is not understood"),
            },
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, path = %path.display(), "the last good plan cannot be read"),
        }
    }

    /// Keeps the plan in force for the next process, if it is not what is kept already.
    pub(super) async fn save(&mut self) {
        let (Some(path), Some(decision)) = (&self.last_good, &self.in_force) else { return };
        let kept = LastGood::new(&self.inputs, decision, self.rolled_back.clone());
        if self.saved.as_ref() == Some(&kept) {
            return;
        }
        let (path, written) = (path.clone(), kept.clone());
        match tokio::task::spawn_blocking(move || written.save(&path)).await {
            Ok(Ok(())) => (self.saved, self.not_saved) = (Some(kept), None),
            Ok(Err(error)) => self.tell_not_saved(error.to_string()),
            Err(error) => self.tell_not_saved(error.to_string()),
        }
    }

    fn tell_not_saved(&mut self, error: String) {
        if self.not_saved.as_ref() != Some(&error) {
            tracing::warn!(%error, "the last good plan cannot be kept");
            self.not_saved = Some(error);
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
                telemetry::plan_rejected(refusal.rule().name());
                tracing::warn!(%refusal, "refused: {of}; the last good plan stays");
                *last = Some(refusal);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests;
