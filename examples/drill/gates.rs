//! The steps are taken on evidence: each when the gates before it pass, and not before.

use std::time::{Duration, Instant};

use crossfade::{
    cutover::{Advance, CutoverError, advance},
    gates::{Decision, Policy, StepKind, Verdict},
    plan::Phase,
    store::StoreError,
};
use serde::Serialize;

use crate::{
    output::Progress,
    results::milliseconds,
    walk::{OPERATOR, Result},
    world::World,
};

const FULL: &str = include_str!("gates.toml");
const QUICK: &str = include_str!("gates_quick.toml");
/// How long gates may hold.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often they are asked: their bounds hold however often that is.
const EVERY: Duration = Duration::from_millis(250);

pub struct Gates<'a> {
    world: &'a World,
    pub policy: Policy,
}

/// A step that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct Passage {
    pub step: StepKind,
    pub share: String,
    /// How often the gates held before, and for how long.
    pub held: u32,
    pub held_ms: f64,
    /// The gates that held at the first look.
    pub first_held: Vec<String>,
    pub overridden: bool,
}

impl<'a> Gates<'a> {
    pub fn new(world: &'a World, quick: bool) -> Result<Self> {
        Ok(Self { world, policy: Policy::parse(if quick { QUICK } else { FULL })? })
    }

    /// Waits until the gates pass, and takes the next step.
    ///
    /// # Errors
    /// A gate fails, or they hold for too long.
    pub async fn advance(&self, progress: &Progress) -> Result<Passage> {
        let began = Instant::now();
        let (mut held, mut first_held, mut line) = (0, Vec::new(), progress.line());
        loop {
            let terms = Advance { by: OPERATOR, why: "the gates pass", overriding: false };
            let decision = match advance(&self.world.store, &self.policy, terms).await {
                Ok(taken) => {
                    drop(line);
                    let decision = taken.on.decision;
                    let passage = self.passage(&decision, (held, began.elapsed()), first_held, false)?;
                    progress.step(&format!("gates: pass after {held} holds: {}", what(&decision)));
                    return Ok(passage);
                }
                // Blocked by time, which passes: nothing is latched here.
                Err(CutoverError::NotPassed(decision) | CutoverError::Blocked(decision)) => *decision,
                // A flag has changed since: the next look sees it.
                Err(CutoverError::Store(StoreError::Moved { .. })) => continue,
                Err(error) => return Err(error.into()),
            };
            let open = open(&decision);
            if decision.verdict == Verdict::Fail || began.elapsed() > PATIENCE {
                return Err(format!("the gates {}: {}", decision.verdict.as_str(), open.join(", ")).into());
            }
            if held == 0 {
                first_held = open.clone();
            }
            held += 1;
            line.show(&format!("gates: hold: {}", open.join(", ")));
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Takes the next step whatever the gates say, and says why.
    pub async fn overriding(&self, why: &str, progress: &Progress) -> Result<Passage> {
        let terms = Advance { by: OPERATOR, why, overriding: true };
        let taken = advance(&self.world.store, &self.policy, terms).await?;
        let decision = taken.on.decision;
        progress.step(&format!("gates: {}, overridden ({why}): {}", decision.verdict.as_str(), what(&decision)));
        self.passage(&decision, (0, Duration::ZERO), open(&decision), taken.overridden)
    }

    /// That nothing goes on over a latched rollback, not even overridden.
    pub async fn refuses(&self) -> Result<String> {
        let terms = Advance { by: OPERATOR, why: "trying", overriding: true };
        match advance(&self.world.store, &self.policy, terms).await {
            Err(CutoverError::Blocked(decision)) => Ok(decision.blocked.join("; ")),
            Err(error) => Err(error.into()),
            Ok(taken) => Err(format!("a step was taken over a latched rollback: {}", what(&taken.on.decision)).into()),
        }
    }

    fn passage(
        &self,
        decision: &Decision,
        (held, lasted): (u32, Duration),
        first_held: Vec<String>,
        overridden: bool,
    ) -> Result<Passage> {
        let step = decision.step.as_ref().ok_or("a step was taken that is none")?;
        let (step, share) = (step.kind, step.share.clone());
        Ok(Passage { step, share, held, held_ms: milliseconds(lasted), first_held, overridden })
    }
}

impl Passage {
    /// The phase it leads to.
    pub fn phase(&self) -> Phase {
        match self.step {
            StepKind::DualWrite => Phase::DualWrite,
            StepKind::Shadow | StepKind::ShadowMore => Phase::Shadow,
            StepKind::Canary | StepKind::CanaryMore => Phase::Canary,
            StepKind::TargetPrimary => Phase::TargetPrimary,
            StepKind::TargetOnly => Phase::TargetOnly,
        }
    }
}

/// The gates that count and do not pass.
fn open(decision: &Decision) -> Vec<String> {
    let gates = decision.gates.iter().filter(|judged| judged.counts && judged.verdict != Verdict::Pass);
    let gates = gates.map(|judged| match judged.samples {
        Some(samples) => format!("{} ({samples} samples)", judged.gate),
        None => format!("{} ({})", judged.gate, judged.why),
    });
    gates.chain(decision.blocked.iter().cloned()).collect()
}

fn what(decision: &Decision) -> &str {
    decision.step.as_ref().map_or("nothing", |step| &step.what)
}
