//! The steps of the migration, and what was seen in each.

use crossfade::plan::Phase;
use serde::Serialize;

use crate::load::Seen;

/// What happens while a step lasts.
#[derive(Clone, Copy)]
pub enum Event {
    Nothing,
    /// What was there before is copied, by a process that is killed.
    Backfill,
    /// Meilisearch is stopped, and started again.
    Outage,
    /// PostgreSQL is stopped while it answers readers, until the guard has sent them back.
    Fault,
    /// Meilisearch accepts some writes, and then cancels, fails or forgets their tasks.
    TasksFail,
}

/// What was seen in one step.
#[derive(Debug, Serialize)]
pub struct Stretch {
    pub step: String,
    pub phase: Phase,
    pub requests: u64,
    pub failed: u64,
    pub answered_by_pg: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub writes_acknowledged: u64,
    pub writes_refused: u64,
}

impl Stretch {
    /// `writes`: acknowledged and refused.
    pub fn of(step: String, phase: Phase, mut seen: Seen, writes: (u64, u64)) -> Self {
        seen.latencies.sort_unstable();
        let at = |quantile: f64| {
            let last = seen.latencies.len().saturating_sub(1);
            let place = (last as f64 * quantile).round() as usize;
            seen.latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
        };
        Self {
            step,
            phase,
            requests: seen.requests,
            failed: seen.failed,
            answered_by_pg: seen.answered_by_pg,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            writes_acknowledged: writes.0,
            writes_refused: writes.1,
        }
    }
}

impl std::fmt::Display for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { step, phase, requests, failed, answered_by_pg, p50_ms, p99_ms, .. } = self;
        let share = 100.0 * *answered_by_pg as f64 / (*requests).max(1) as f64;
        let (writes, refused) = (self.writes_acknowledged, self.writes_refused);
        write!(
            f,
            "{step:<12} {phase:<14} {requests:>5} reads {failed:>2} failed {share:>5.1} % from pg  \
             p50 {p50_ms:>5.2} ms p99 {p99_ms:>6.2} ms {writes:>5} writes {refused:>2} refused"
        )
    }
}
