//! The steps of the migration, and what was seen in each.

use crossfade::{error::Side, plan::Phase};
use serde::Serialize;

use crate::load::Seen;

/// Flags and their values, to be set in this order.
pub type Settings = [(&'static str, &'static str)];

/// One step: its name, what to set, the phase that leads to, and what happens in the middle of it.
pub struct Step {
    pub name: &'static str,
    pub flags: &'static Settings,
    pub phase: Phase,
    pub event: Event,
}

/// What happens in the middle of a step.
#[derive(Clone, Copy)]
pub enum Event {
    Nothing,
    /// What was there before is copied, by a process that is killed.
    Backfill,
    /// A server is stopped, and started again.
    Outage(Side),
    /// Meilisearch accepts some writes, and then cancels, fails or forgets their tasks.
    TasksFail,
}

pub const STEPS: &[Step] = &[
    step("before", &[], Phase::SourceOnly, Event::Nothing),
    step("dual writes", &[("search_write_mode", "dual")], Phase::DualWrite, Event::Nothing),
    step("backfill", &[], Phase::DualWrite, Event::Backfill),
    step("shadow 5 %", &[("shadow_sample_rate", "5")], Phase::Shadow, Event::Nothing),
    step("shadow 25 %", &[("shadow_sample_rate", "25")], Phase::Shadow, Event::Outage(Side::Pg)),
    step("shadow 50 %", &[("shadow_sample_rate", "50")], Phase::Shadow, Event::Nothing),
    step(
        "canary 5 %",
        &[("search_read_pg_percent", "5"), ("search_read_backend", "pg")],
        Phase::Canary,
        Event::TasksFail,
    ),
    step("canary 50 %", &[("search_read_pg_percent", "50")], Phase::Canary, Event::TasksFail),
    step("canary 100 %", &[("search_read_pg_percent", "100")], Phase::TargetPrimary, Event::Outage(Side::Meili)),
];

const fn step(name: &'static str, flags: &'static Settings, phase: Phase, event: Event) -> Step {
    Step { name, flags, phase, event }
}

/// What was seen in one step.
#[derive(Debug, Serialize)]
pub struct Stretch {
    pub step: &'static str,
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
    pub fn of(step: &'static str, phase: Phase, mut seen: Seen, writes: (u64, u64)) -> Self {
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
