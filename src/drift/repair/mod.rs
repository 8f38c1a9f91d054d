//! Making the sides alike again.

mod mend;
mod report;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use self::mend::Mend;
pub use self::report::{LeftOver, RepairPlan, RepairReport, RepairWrites};
use super::{DriftCheck, DriftError, DriftProgress};
use crate::{
    backend::write::{SourceWriter, TargetWriter},
    dual_write::{self, DualWritePolicy},
    error::Side,
    journal::memory::MemoryJournal,
    opaque::opaque_debug,
    plan::{Plan, PlanHandle, WriteMode},
};

/// Copies what differs from the side that decides writes to the other one.
///
/// It goes the way of every write: a journal, and the worker of [`dual_write`], which copies under compare-and-swap. To the
/// service it is one more replica, so that a write that comes in between wins. Its journal is in memory: what a crash takes
/// with it is drift, and is found the next time.
pub struct DriftRepair {
    check: DriftCheck,
    source: Arc<dyn SourceWriter>,
    target: Arc<dyn TargetWriter>,
    plan: PlanHandle,
    rate: u32,
    patience: Duration,
    allow_deletions: bool,
}

impl DriftRepair {
    /// A repair of what a check finds. The plan says which side decides; nothing is repaired while it wants only one written.
    pub fn new(
        check: DriftCheck,
        source: Arc<dyn SourceWriter>,
        target: Arc<dyn TargetWriter>,
        plan: PlanHandle,
    ) -> Self {
        Self { check, source, target, plan, rate: 500, patience: Duration::from_secs(60), allow_deletions: false }
    }

    /// Documents repaired in a second, at most (500).
    pub fn rate(mut self, documents: u32) -> Self {
        self.rate = documents;
        self
    }

    /// How long it goes on while nothing comes forward, because a side is away or too slow (60 s).
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether more than 100 documents may be deleted if those are more than a tenth of what their side holds (no): the side that
    /// decides may be the wrong one, or not yet filled.
    pub fn allow_deletions(mut self, allow: bool) -> Self {
        self.allow_deletions = allow;
        self
    }

    /// Checks, repairs what differs, and looks at that again.
    pub async fn run(&self, mut progress: impl FnMut(DriftProgress) + Send) -> Result<RepairReport, DriftError> {
        let authority = deciding_side(self.plan.load())?;
        if self.check.source.uid() != self.check.target.uid() {
            return Err(DriftError::TwoNames);
        }
        let journal = Arc::new(MemoryJournal::default());
        // What is left in the journal is drift: nothing is waited for at the end.
        let policy = DualWritePolicy { show_journal: false, drain: Duration::ZERO, ..DualWritePolicy::default() };
        let clock = policy.clock.clone();
        let (source, target) = (Arc::clone(&self.source), Arc::clone(&self.target));
        let (writes, worker) = dual_write::pair(self.plan.clone(), journal, source, target, policy);
        let stop = CancellationToken::new();
        let repair = async {
            let _stop = stop.clone().drop_guard();
            Mend::new(self, authority, writes, clock).run(&mut progress).await
        };
        let (_, report) = tokio::join!(worker.run(stop.cancelled()), Box::pin(repair));
        report
    }
}

/// The side that decides writes, if both are written.
pub fn deciding_side(plan: Plan) -> Result<Side, DriftError> {
    match plan.flags.write_mode {
        WriteMode::Dual => Ok(plan.authority()),
        mode => Err(DriftError::NotDual { mode }),
    }
}

opaque_debug!(DriftRepair);
