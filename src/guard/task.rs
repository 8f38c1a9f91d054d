use std::sync::Arc;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::{Breach, Guard, GuardPolicy, Seen};
use crate::{
    error::Side,
    host,
    plan::{Plan, PlanHandle},
    tally::{Counts, Tally},
    telemetry,
};

/// Looks at the tally of this process, and rolls its plan back. Does nothing until [`run`](Self::run).
#[derive(Debug)]
#[must_use = "nothing is guarded until `run` is polled"]
pub struct GuardTask {
    policy: GuardPolicy,
    guard: Guard,
    plan: PlanHandle,
    tally: Arc<Tally>,
    /// What the tally stood at when the window began.
    began: Counts,
}

impl GuardTask {
    /// Guards the reads of `tally`, by which `plan` is latched.
    pub fn new(policy: GuardPolicy, plan: PlanHandle, tally: Arc<Tally>) -> Self {
        let began = tally.counts();
        Self { policy, guard: Guard::new(policy), plan, tally, began }
    }

    /// Looks once a window, until `stop` is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut windows = interval_at(Instant::now() + self.policy.window, self.policy.window);
        // A window is never shorter than it says.
        windows.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(windows.tick()).await.is_some() {
            self.look();
        }
    }

    fn look(&mut self) {
        let (plan, now) = (self.plan.load(), self.tally.counts());
        if plan.answers_all() == Some(Side::Meili) {
            // What still comes in was sent out before.
            self.guard.reset();
            self.began = now;
            return;
        }
        let seen = self.guard.see(&now.since(&self.began));
        if seen == Seen::TooFew {
            return;
        }
        self.began = now;
        if let Seen::Breach(breach) = seen {
            self.roll_back(&plan, &breach);
        }
    }

    fn roll_back(&self, plan: &Plan, breach: &Breach) {
        let (reason, phase) = (breach.figure.as_str(), plan.phase());
        match self.plan.latch(&format!("guard on {}", host::name()), &breach.to_string()) {
            Ok(_) => {
                telemetry::guard_rolled_back(reason);
                tracing::error!(%phase, %breach, "the guard has rolled reads back to meili, and latched");
            }
            Err(refusal) => {
                telemetry::guard_powerless(reason);
                tracing::error!(%phase, %breach, %refusal, "the guard would roll back, and there is nothing to go back to");
            }
        }
    }
}
