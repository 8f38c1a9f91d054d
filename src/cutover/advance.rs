//! One step, on evidence.

use serde::Serialize;

use super::CutoverError;
use crate::{
    gates::{Decision, Look, Policy, Step, Verdict, decide},
    plan::{FlagSet, Flags},
    store::{
        Store,
        decisions::{NewStep, NewVerdict},
    },
    telemetry,
};

/// Who advances, and on what terms.
#[derive(Clone, Copy, Debug)]
pub struct Advance<'a> {
    /// Who; kept.
    pub by: &'a str,
    /// Why; kept.
    pub why: &'a str,
    /// Whether the step is taken although the verdict is no pass. What is [blocked](Decision::blocked) stays so.
    pub overriding: bool,
}

/// A verdict that was kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kept {
    /// The number it is kept under.
    pub verdict_id: i64,
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// The verdict it was taken on.
    pub on: Kept,
    /// Whether that was no pass.
    pub overridden: bool,
    /// The revision of the flags after it.
    pub revision: i64,
}

/// Looks, decides, and keeps the verdict.
pub async fn judge(store: &Store, policy: &Policy, by: &str) -> Result<Kept, CutoverError> {
    let decision = look(store, policy).await?;
    keep(store, decision, by).await
}

/// Takes the next step if the verdict on it is a pass, or overrides that.
pub async fn advance(store: &Store, policy: &Policy, terms: Advance<'_>) -> Result<Taken, CutoverError> {
    let kept = judge(store, policy, terms.by).await?;
    take(store, policy, kept, terms).await
}

pub(super) async fn look(store: &Store, policy: &Policy) -> Result<Decision, CutoverError> {
    let decision = decide(policy, &Look::take(store, policy).await?)?;
    telemetry::gates_judged(decision.verdict.as_str());
    Ok(decision)
}

pub(super) async fn keep(store: &Store, decision: Decision, by: &str) -> Result<Kept, CutoverError> {
    let step = decision.step.as_ref().map_or("", |step| step.kind.name());
    let verdict = NewVerdict {
        by,
        verdict: decision.verdict.as_str(),
        step,
        revision: decision.revision,
        // A decision has no keys but names.
        decision: serde_json::to_value(&decision).unwrap_or_default(),
    };
    let verdict_id = store.decisions().keep_verdict(&verdict).await?;
    Ok(Kept { verdict_id, decision })
}

/// Takes the step a verdict is about.
pub(super) async fn take(store: &Store, policy: &Policy, on: Kept, terms: Advance<'_>) -> Result<Taken, CutoverError> {
    let decision = &on.decision;
    let step = step_of(policy, decision).ok_or(CutoverError::AtTheEnd)?;
    if !decision.blocked.is_empty() {
        return Err(CutoverError::Blocked(Box::new(on.decision)));
    }
    let overridden = decision.verdict != Verdict::Pass;
    if overridden && !terms.overriding {
        return Err(CutoverError::NotPassed(Box::new(on.decision)));
    }
    let word = if overridden { "overriding" } else { "on" };
    // The history of the flags leads to the verdict, whatever happens to the row of the step.
    let why = format!("{word} verdict {} ({}): {}", on.verdict_id, decision.verdict.as_str(), terms.why);
    let revision = store.flags().step(&step.changes(), decision.revision, terms.by, &why).await?;
    telemetry::step_taken(step.kind.name());
    let share = step.share.map_or(String::new(), |share| share.to_string());
    let row = NewStep {
        step: step.kind.name(),
        share: &share,
        verdict: on.verdict_id,
        overridden,
        revision,
        by: terms.by,
        why: terms.why,
    };
    let kept = store.decisions().keep_step(&row).await;
    kept.map_err(|source| CutoverError::NotKept { revision, source })?;
    Ok(Taken { on, overridden, revision })
}

/// The step of a decision, from the flags it saw.
fn step_of(policy: &Policy, decision: &Decision) -> Option<Step> {
    let set = FlagSet::parse(decision.flags.iter().map(|(name, value)| (*name, value))).ok()?;
    policy.ladder.next(&set.over(Flags::default()))
}
