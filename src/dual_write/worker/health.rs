//! How a side is doing: whether it is asked at all, and how long failures are waited out.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use tower::retry::budget::{Budget, TpsBudget};

use super::super::DualWritePolicy;
use crate::{
    breaker::{Admission, Breaker},
    error::{BackendError, Side},
    telemetry,
};

/// The state of one side.
#[derive(Debug)]
pub(super) struct Health {
    side: Side,
    breaker: Breaker,
    failures: AtomicU32,
    /// Whether the last task succeeded.
    tasks_well: AtomicBool,
    budget: TpsBudget,
    random: Mutex<StdRng>,
    first: Duration,
    max: Duration,
}

impl Health {
    pub(super) fn new(side: Side, policy: &DualWritePolicy, seed: u64) -> Self {
        Self {
            side,
            breaker: Breaker::new(policy.breaker),
            failures: AtomicU32::new(0),
            tasks_well: AtomicBool::new(true),
            // Tried again is at most what succeeds, beside ten a second.
            budget: TpsBudget::new(Duration::from_secs(10), 10, 1.0),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            first: policy.first_pause,
            max: policy.max_pause,
        }
    }

    /// Whether the side may be asked now.
    pub(super) fn admits(&self) -> bool {
        self.breaker.admit(Instant::now()) != Admission::Open
    }

    /// Nothing was asked after all.
    pub(super) fn released(&self) {
        self.breaker.released(Instant::now());
    }

    pub(super) fn succeeded(&self) {
        self.breaker.succeeded();
        self.failures.store(0, Ordering::Relaxed);
        self.budget.deposit();
    }

    /// The side failed as a whole.
    pub(super) fn failed(&self, error: &BackendError) {
        telemetry::dual_write_failed(self.side, error.kind().as_str());
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        if failures == 0 {
            tracing::warn!(%error, "a side cannot be written; trying again until it can");
        }
        if self.breaker.failed(Instant::now()) {
            tracing::warn!(side = self.side.as_str(), failures, "writes to this side are paused, and probed");
        }
    }

    /// Whether the last call went well: what fails now is to blame itself.
    pub(super) fn is_well(&self) -> bool {
        self.failures.load(Ordering::Relaxed) == 0
    }

    /// A task has ended; whether the one before it succeeded.
    pub(super) fn task_ended(&self, succeeded: bool) -> bool {
        self.tasks_well.swap(succeeded, Ordering::Relaxed)
    }

    /// A pause after a failure of the side.
    pub(super) fn pause(&self) -> Duration {
        self.jitter(self.failures.load(Ordering::Relaxed).saturating_sub(1))
    }

    /// A pause before something is tried again that has failed so often; long when there is no room for retries.
    pub(super) fn pause_after(&self, attempts: u32) -> Duration {
        if self.budget.withdraw() { self.jitter(attempts) } else { self.jitter(u32::MAX) }
    }

    /// Full jitter: from nothing to a ceiling that doubles.
    fn jitter(&self, doublings: u32) -> Duration {
        let ceiling = self.first.saturating_mul(2u32.saturating_pow(doublings.min(31))).min(self.max);
        let share: f64 = self.random.lock().unwrap_or_else(PoisonError::into_inner).random();
        ceiling.mul_f64(share)
    }
}
