//! The way through the phases, by the flags alone.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use axum::Router;
use crossfade::plan::{Phase, PlanHandle};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Options,
    load::{Load, Seen},
    output::Progress,
    world::World,
};

pub struct Walk<'a> {
    pub options: Options,
    pub world: &'a World,
    pub plan: PlanHandle,
    pub router: Router,
}

/// What was seen on the way.
pub struct Walked {
    pub started: Timestamp,
    pub phases: Vec<Stretch>,
    pub rollback: Rollback,
    /// All that were sent, also those between the phases.
    pub requests: usize,
    pub failed: usize,
}

/// One phase.
#[derive(Debug, Serialize)]
pub struct Stretch {
    pub step: &'static str,
    pub phase: Phase,
    pub requests: u64,
    pub failed: u64,
    pub answered_by_pg: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// How long it took, from the change of the flag to the last answer from PostgreSQL.
#[derive(Clone, Copy, Debug)]
pub struct Rollback {
    pub to_last_pg_answer: Duration,
}

/// Flags and their values, to be set in this order.
type Settings = [(&'static str, &'static str)];

/// The steps: a name, what to set, the phase it leads to.
const STEPS: &[(&str, &Settings, Phase)] = &[
    ("before", &[], Phase::SourceOnly),
    ("dual writes", &[("search_write_mode", "dual")], Phase::DualWrite),
    ("shadow 5 %", &[("shadow_sample_rate", "5")], Phase::Shadow),
    ("shadow 25 %", &[("shadow_sample_rate", "25")], Phase::Shadow),
    ("shadow 50 %", &[("shadow_sample_rate", "50")], Phase::Shadow),
    ("canary 5 %", &[("search_read_pg_percent", "5"), ("search_read_backend", "pg")], Phase::Canary),
    ("canary 50 %", &[("search_read_pg_percent", "50")], Phase::Canary),
    ("canary 100 %", &[("search_read_pg_percent", "100")], Phase::TargetPrimary),
];

const OPERATOR: &str = "drill";
/// A later answer from PostgreSQL than this means that the rollback has failed.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(1);
/// Requests a second while the rollback is measured.
const CROWD: u32 = 300;

impl Walk<'_> {
    pub async fn run(self, progress: &Progress) -> Result<Walked, Box<dyn Error + Send + Sync>> {
        let load = Load::new(self.router.clone(), self.world.queries());
        let stop = CancellationToken::new();
        let readers = tokio::spawn(load.clone().run(self.options.rate, stop.clone()));
        let started = Timestamp::now();
        let mut phases = Vec::new();
        for (step, flags, phase) in STEPS {
            for (flag, value) in *flags {
                self.world.store.flags().set(flag, value, OPERATOR, step).await?;
            }
            self.arrive(*phase, flags).await?;
            load.take();
            progress.run(step, self.options.phase).await;
            let stretch = Stretch::of(step, self.plan.load().phase(), load.take());
            progress.step(&stretch.to_string());
            phases.push(stretch);
        }
        let (rollback, after) = self.roll_back(&load, progress).await?;
        phases.push(after);
        stop.cancel();
        readers.await?;
        let (requests, failed) = load.totals();
        Ok(Walked { started, phases, rollback, requests, failed })
    }

    /// Waits until the plan shows the flags.
    async fn arrive(&self, phase: Phase, flags: &Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
        let limit = Instant::now() + Duration::from_secs(5);
        loop {
            let plan = self.plan.load();
            let shown = |(flag, value): &(&str, &str)| match *flag {
                "shadow_sample_rate" => plan.flags.shadow_sample_rate.to_string() == *value,
                "search_read_pg_percent" => plan.flags.read_pg_percent.to_string() == *value,
                _ => true,
            };
            if plan.phase() == phase && flags.iter().all(shown) {
                return Ok(());
            }
            if Instant::now() > limit {
                return Err(format!("the flags were set, but the service stayed in {}", plan.phase()).into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn roll_back(
        &self,
        load: &Load,
        progress: &Progress,
    ) -> Result<(Rollback, Stretch), Box<dyn Error + Send + Sync>> {
        // More readers for a moment: the last answer from PostgreSQL is only as exact as they are frequent.
        let crowd = CancellationToken::new();
        let readers = tokio::spawn(load.clone().run(CROWD, crowd.clone()));
        progress.run("a crowd gathers", Duration::from_millis(200)).await;
        load.take();
        let changed = Instant::now();
        self.world.store.flags().set("search_read_backend", "meili", OPERATOR, "rollback").await?;
        progress.run("rollback", Duration::from_millis(300)).await;
        crowd.cancel();
        readers.await?;
        progress.run("rollback", self.options.phase).await;
        let seen = load.take();
        let last = seen.last_from_pg.unwrap_or(changed);
        let phase = self.plan.load().phase();
        if phase != Phase::Shadow || last > changed + ROLLBACK_LIMIT {
            return Err(format!("the rollback did not take effect: the service is in {phase}").into());
        }
        let stretch = Stretch::of("rollback", phase, seen);
        progress.step(&stretch.to_string());
        Ok((Rollback { to_last_pg_answer: last.saturating_duration_since(changed) }, stretch))
    }
}

impl Stretch {
    fn of(step: &'static str, phase: Phase, mut seen: Seen) -> Self {
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
        }
    }
}

impl std::fmt::Display for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { step, phase, requests, failed, answered_by_pg, p50_ms, p99_ms } = self;
        let share = 100.0 * *answered_by_pg as f64 / (*requests).max(1) as f64;
        write!(
            f,
            "{step:<13} {phase:<15} {requests:>6} requests  {failed:>2} failed  {share:>5.1} % from pg  \
             p50 {p50_ms:>6.2} ms  p99 {p99_ms:>7.2} ms"
        )
    }
}
