//! The way through the phases, by the flags alone.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use axum::Router;
use crossfade::{
    dual_write::DualWrites,
    plan::{Phase, PlanHandle},
};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    Options,
    backfill::backfill,
    backfilled::Backfilled,
    backlog::Backlog,
    load::Load,
    memory::Memory,
    outage::{Outage, outage, tasks_fail},
    output::Progress,
    rollback::Rollback,
    steps::{Event, STEPS, Settings, Step, Stretch},
    world::World,
    writes::Writers,
};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub struct Walk<'a> {
    pub options: Options,
    pub world: &'a World,
    pub plan: PlanHandle,
    pub router: Router,
    pub writes: DualWrites,
}

/// What was seen on the way.
pub struct Walked {
    pub started: Timestamp,
    pub phases: Vec<Stretch>,
    pub rollback: Rollback,
    /// All that were sent, also those between the phases.
    pub requests: usize,
    pub failed: usize,
    pub writes: Memory,
    pub backfill: Option<Backfilled>,
    pub outages: Vec<Outage>,
    /// Tasks of accepted writes that were made to fail.
    pub task_faults: u64,
    /// From the last write until the journal was empty.
    pub drained: Duration,
}

/// Who asks and writes, and what happened to them.
pub struct Under<'a> {
    pub load: Load,
    pub writers: Writers,
    pub backlog: Backlog<'a>,
    backfill: Option<Backfilled>,
    outages: Vec<Outage>,
    task_faults: u64,
}

pub const OPERATOR: &str = "drill";
/// How long the service may take to hear of a change of the flags, after an outage too.
const ARRIVAL: Duration = Duration::from_secs(10);

impl Walk<'_> {
    pub async fn run(self, progress: &Progress) -> Result<Walked> {
        let mut under = Under {
            load: Load::new(self.router.clone(), self.world.queries()),
            writers: Writers::new(self.router.clone()),
            backlog: Backlog { journal: self.writes.journal(), progress },
            backfill: None,
            outages: Vec::new(),
            task_faults: 0,
        };
        let stop = CancellationToken::new();
        let readers = tokio::spawn(under.load.clone().run(self.options.rate, stop.clone()));
        let mut writing = None;
        let started = Timestamp::now();
        let mut phases = Vec::new();
        for step in STEPS {
            for (flag, value) in step.flags {
                self.world.store.flags().set(flag, value, OPERATOR, step.name).await?;
            }
            self.arrive(step.phase, step.flags).await?;
            if step.phase == Phase::DualWrite && writing.is_none() {
                writing = Some(tokio::spawn(under.writers.clone().run(self.options.writes, stop.clone())));
            }
            phases.push(self.last(step, &mut under).await?);
        }
        let (rollback, after) = self.roll_back(&under).await?;
        phases.push(after);
        stop.cancel();
        readers.await?;
        if let Some(writing) = writing {
            writing.await?;
        }
        let drained = under.backlog.empty().await?;
        let (requests, failed) = under.load.totals();
        let Under { backfill, outages, task_faults, .. } = under;
        let writes = under.writers.memory().clone();
        Ok(Walked { started, phases, rollback, requests, failed, writes, backfill, outages, task_faults, drained })
    }

    /// Lets a step last, with what happens in it.
    async fn last(&self, step: &Step, under: &mut Under<'_>) -> Result<Stretch> {
        let (lasts, progress) = (self.options.phase, under.backlog.progress);
        let before = under.writers.counts();
        under.load.take();
        match step.event {
            Event::Nothing => progress.run(step.name, lasts).await,
            Event::Backfill => under.backfill = Some(backfill(self.world, lasts, progress).await?),
            Event::Outage(side) => under.outages.extend(outage(side, lasts, self.world, &under.backlog).await?),
            Event::TasksFail => under.task_faults += tasks_fail(step.name, lasts, self.world, progress).await,
        }
        Ok(self.seen(step.name, under, before).0)
    }

    /// What was seen since, and when PostgreSQL last answered.
    pub fn seen(&self, step: &'static str, under: &Under<'_>, before: (u64, u64)) -> (Stretch, Option<Instant>) {
        let now = under.writers.counts();
        let writes = (now.0 - before.0, now.1 - before.1);
        let seen = under.load.take();
        let last_from_pg = seen.last_from_pg;
        let stretch = Stretch::of(step, self.plan.load().phase(), seen, writes);
        under.backlog.progress.step(&stretch.to_string());
        (stretch, last_from_pg)
    }

    /// Waits until the plan shows the flags.
    pub async fn arrive(&self, phase: Phase, flags: &Settings) -> Result<()> {
        let limit = Instant::now() + ARRIVAL;
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
}
