//! The ramp controller: proposes steps, or takes them, each after the last has stood for a while.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Advance, CutoverError, Kept, Taken,
    advance::{keep, look, take},
};
use crate::{
    gates::{Decision, Policy, StepKind, Verdict},
    store::Store,
};

/// Looks at the gates every now and then. One of all processes does at a time; the others stand by.
#[derive(Clone, Debug)]
pub struct Ramp {
    store: Store,
    policy: Policy,
    options: RampOptions,
    /// Random, for the lease.
    owner: String,
}

/// How a [`Ramp`] works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RampOptions {
    /// Whether it takes steps by itself; otherwise it proposes them only. Default no.
    pub acts: bool,
    /// How often it looks. Default a minute.
    pub every: Duration,
    /// The last kind of step it takes by itself: what is beyond is proposed. Default the cutover; the step without an instant
    /// way back is left to people.
    pub up_to: StepKind,
    /// Under which name its steps are kept.
    pub by: String,
}

/// What came of one look.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "round", rename_all = "snake_case")]
pub enum Round {
    /// Another process does it.
    StandsBy,
    /// The gates hold, or fail: nothing is to be done.
    Waits {
        /// What was decided.
        decision: Box<Decision>,
    },
    /// The gates pass, but the step the migration is at has not stood long enough.
    Dwells {
        /// Until when.
        until: Timestamp,
        /// What was decided.
        decision: Box<Decision>,
    },
    /// The gates pass: somebody may take the step.
    Proposes {
        /// The verdict.
        on: Box<Kept>,
    },
    /// The step was taken.
    Took {
        /// The step.
        taken: Box<Taken>,
    },
    /// Somebody has changed a flag in the same moment; the next look will see it.
    Overtaken,
    /// There is no further step.
    Ended,
}

impl Default for RampOptions {
    fn default() -> Self {
        Self { acts: false, every: Duration::from_secs(60), up_to: StepKind::TargetPrimary, by: "ramp".to_owned() }
    }
}

impl Ramp {
    /// A controller over the control tables. It does nothing until [`run`](Self::run).
    pub fn new(store: Store, policy: Policy, options: RampOptions) -> Self {
        Self { store, policy, options, owner: format!("{:016x}", rand::random::<u64>()) }
    }

    /// Looks until the token is cancelled, and tells what came of each look. A look that fails changes nothing; the next one is made as
    /// usual.
    pub async fn run(self, stop: CancellationToken, mut tell: impl FnMut(Result<Round, CutoverError>) + Send) {
        let rounds = async {
            loop {
                tell(self.round().await);
                sleep(self.options.every).await;
            }
        };
        let _ = Box::pin(stop.run_until_cancelled(rounds)).await;
        self.leave().await;
    }

    /// Lets another process take over at once, after the last [`round`](Self::round); [`run`](Self::run) does so by itself.
    pub async fn leave(&self) {
        if let Err(error) = self.store.decisions().leave_ramp(&self.owner).await {
            tracing::debug!(%error, "the lease of the ramp runs out by itself");
        }
    }

    /// One look.
    pub async fn round(&self) -> Result<Round, CutoverError> {
        // Three looks may be missed before another process takes over.
        if !self.store.decisions().hold_ramp(&self.owner, self.options.every * 3).await? {
            return Ok(Round::StandsBy);
        }
        let decision = look(&self.store, &self.policy).await?;
        let Some(step) = &decision.step else { return Ok(Round::Ended) };
        let decision_of = Box::new;
        if decision.verdict != Verdict::Pass {
            return Ok(Round::Waits { decision: decision_of(decision) });
        }
        if let Some(until) = self.dwells(&decision) {
            return Ok(Round::Dwells { until, decision: decision_of(decision) });
        }
        let acts = self.options.acts && step.kind <= self.options.up_to;
        let on = keep(&self.store, decision, &self.options.by).await?;
        if !acts {
            return Ok(Round::Proposes { on: Box::new(on) });
        }
        let terms = Advance { by: &self.options.by, why: "the gates pass", overriding: false };
        match take(&self.store, &self.policy, on, terms).await {
            Ok(taken) => Ok(Round::Took { taken: Box::new(taken) }),
            Err(CutoverError::Store(crate::store::StoreError::Moved { .. })) => Ok(Round::Overtaken),
            Err(error) => Err(error),
        }
    }

    fn dwells(&self, decision: &Decision) -> Option<Timestamp> {
        let dwell = SignedDuration::try_from(self.policy.dwell).unwrap_or(SignedDuration::MAX);
        let until = decision.since?.saturating_add(dwell).unwrap_or(Timestamp::MAX);
        (decision.at < until).then_some(until)
    }
}
