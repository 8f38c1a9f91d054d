//! What was decided: verdicts with all they were reached by, and the steps that were taken on them.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow, query_as, query_scalar, types::Json};

use super::{Store, StoreError, timestamp};

/// Keeps and reads decisions.
#[derive(Clone, Debug)]
pub struct Decisions {
    store: Store,
}

/// A verdict to be kept.
#[derive(Clone, Debug)]
pub struct NewVerdict<'a> {
    /// Who asked.
    pub by: &'a str,
    /// pass, hold or fail.
    pub verdict: &'a str,
    /// The step it is about; empty at the end of the way.
    pub step: &'a str,
    /// The revision of the flags it saw.
    pub revision: i64,
    /// Every gate with its figure, bounds, samples and reason.
    pub decision: Value,
}

/// A step to be kept.
#[derive(Clone, Debug)]
pub struct NewStep<'a> {
    /// Which one.
    pub step: &'a str,
    /// The share it went to; empty where it went to none.
    pub share: &'a str,
    /// The verdict it was taken on.
    pub verdict: i64,
    /// Whether it was taken although that was no pass.
    pub overridden: bool,
    /// The revision of the flags after it.
    pub revision: i64,
    /// Who took it.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Which one.
    pub step: String,
    /// The share it went to.
    pub share: String,
    /// The verdict it was taken on.
    pub verdict_id: i64,
    /// What that was.
    pub verdict: String,
    /// Whether it was taken although that was no pass.
    pub overridden: bool,
    /// The revision of the flags after it.
    pub revision: i64,
    /// Who took it.
    pub taken_by: String,
    /// Why.
    pub why: String,
}

const KEEP_VERDICT: &str = "
    INSERT INTO gate_verdicts (asked_by, verdict, step, revision, decision) VALUES ($1, $2, $3, $4, $5) RETURNING id";

const KEEP_STEP: &str = "
    INSERT INTO gate_steps (step, share, verdict_id, overridden, revision, taken_by, why)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";

const STEPS: &str = "
    SELECT (extract(epoch FROM s.at) * 1000000)::bigint AS at_micros, s.step, s.share, s.verdict_id, v.verdict,
        s.overridden, s.revision, s.taken_by, s.why
    FROM gate_steps s JOIN gate_verdicts v ON v.id = s.verdict_id ORDER BY s.id DESC LIMIT $1";

/// Whoever owns it keeps it; whoever does not gets it when its time is over.
const TAKE_RAMP: &str = "
    UPDATE ramp_lease SET owner = $1, lease_until = clock_timestamp() + make_interval(secs => $2)
    WHERE owner = $1 OR lease_until < clock_timestamp()";

const LEAVE_RAMP: &str = "UPDATE ramp_lease SET lease_until = '-infinity' WHERE owner = $1";

#[derive(FromRow)]
struct StepRow {
    at_micros: i64,
    step: String,
    share: String,
    verdict_id: i64,
    verdict: String,
    overridden: bool,
    revision: i64,
    taken_by: String,
    why: String,
}

impl Store {
    /// What was decided.
    pub fn decisions(&self) -> Decisions {
        Decisions { store: self.clone() }
    }
}

impl Decisions {
    /// Keeps a verdict; its number.
    pub async fn keep_verdict(&self, verdict: &NewVerdict<'_>) -> Result<i64, StoreError> {
        let kept = query_scalar(KEEP_VERDICT)
            .bind(verdict.by)
            .bind(verdict.verdict)
            .bind(verdict.step)
            .bind(verdict.revision)
            .bind(Json(&verdict.decision))
            .fetch_one(self.store.pool());
        kept.await.map_err(StoreError::of("keeping a verdict"))
    }

    /// Keeps a step that was taken; its number.
    pub async fn keep_step(&self, step: &NewStep<'_>) -> Result<i64, StoreError> {
        let kept = query_scalar(KEEP_STEP)
            .bind(step.step)
            .bind(step.share)
            .bind(step.verdict)
            .bind(step.overridden)
            .bind(step.revision)
            .bind(step.by)
            .bind(step.why)
            .fetch_one(self.store.pool());
        kept.await.map_err(StoreError::of("keeping a step"))
    }

    /// The last steps, the newest first.
    pub async fn steps(&self, limit: u32) -> Result<Vec<Step>, StoreError> {
        let rows: Vec<StepRow> = query_as(STEPS)
            .bind(i64::from(limit))
            .fetch_all(self.store.pool())
            .await
            .map_err(StoreError::of("reading the steps that were taken"))?;
        Ok(rows.into_iter().map(StepRow::into_step).collect())
    }

    /// Takes, or keeps, the right to take steps by oneself; whether it was to be had.
    pub async fn hold_ramp(&self, owner: &str, lease: Duration) -> Result<bool, StoreError> {
        let taken = sqlx::query(TAKE_RAMP).bind(owner).bind(lease.as_secs_f64()).execute(self.store.pool()).await;
        Ok(taken.map_err(StoreError::of("taking the lease of the ramp"))?.rows_affected() > 0)
    }

    /// Gives that right back.
    pub async fn leave_ramp(&self, owner: &str) -> Result<(), StoreError> {
        let left = sqlx::query(LEAVE_RAMP).bind(owner).execute(self.store.pool()).await;
        left.map_err(StoreError::of("giving the lease of the ramp back"))?;
        Ok(())
    }
}

impl StepRow {
    fn into_step(self) -> Step {
        Step {
            at: timestamp(self.at_micros),
            step: self.step,
            share: self.share,
            verdict_id: self.verdict_id,
            verdict: self.verdict,
            overridden: self.overridden,
            revision: self.revision,
            taken_by: self.taken_by,
            why: self.why,
        }
    }
}
