//! The way through the phases, by gates and steps alone.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use crossfade::{
    dual_write::DualWrites,
    error::Side,
    plan::{Phase, PlanHandle},
};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    Options, agreement,
    backfill::backfill,
    backfilled::Backfilled,
    backlog::Backlog,
    fault::Guarded,
    gates::{Gates, Passage},
    load::Load,
    memory::Memory,
    outage::{Outage, outage, tasks_fail},
    output::Progress,
    rhythm::Rhythm,
    rollback::Rollback,
    steps::{Event, Stretch},
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
    /// How long bursts of them took to stand on both sides, the shortest first.
    pub stood: Vec<Duration>,
    pub backfill: Option<Backfilled>,
    pub outages: Vec<Outage>,
    /// Tasks of accepted writes that were made to fail.
    pub task_faults: u64,
    /// From the last write until the journal was empty.
    pub drained: Duration,
    /// Every step that was taken.
    pub passages: Vec<Passage>,
    /// What the guard did; `None`: no fault could be injected.
    pub guarded: Option<Guarded>,
    /// Where it ended.
    pub ended: Phase,
}

/// Who asks and writes, and what happened to them.
pub struct Under<'a> {
    pub load: Load,
    pub writers: Writers,
    pub rhythm: Arc<Rhythm>,
    pub backlog: Backlog<'a>,
    backfill: Option<Backfilled>,
    pub outages: Vec<Outage>,
    task_faults: u64,
    passages: Vec<Passage>,
    phases: Vec<Stretch>,
    guarded: Option<Guarded>,
}

pub const OPERATOR: &str = "drill";
/// How long the service may take to hear of a change of the flags, after an outage too.
const ARRIVAL: Duration = Duration::from_secs(10);

impl Walk<'_> {
    pub async fn run(self, progress: &Progress) -> Result<Walked> {
        let mut under = Under {
            load: Load::new(self.router.clone(), self.world.queries()),
            writers: Writers::new(self.router.clone()),
            rhythm: Arc::new(Rhythm::new(self.writes.journal().clone(), self.world.source()?)),
            backlog: Backlog { journal: self.writes.journal(), progress },
            backfill: None,
            outages: Vec::new(),
            task_faults: 0,
            passages: Vec::new(),
            phases: Vec::new(),
            guarded: None,
        };
        let gates = Gates::new(self.world, self.options.quick)?;
        let (stop, written) = (CancellationToken::new(), CancellationToken::new());
        let readers = tokio::spawn(under.load.clone().run(self.options.rate, stop.clone()));
        let started = Timestamp::now();

        self.last("before", Event::Nothing, &gates, &mut under).await?;
        self.advance(&gates, &mut under).await?;
        let writing = under.writers.clone().run(self.options.writes, under.rhythm.clone(), written.clone());
        let writing = tokio::spawn(writing);
        self.last("dual writes", Event::Nothing, &gates, &mut under).await?;
        self.last("backfill", Event::Backfill, &gates, &mut under).await?;
        while self.advance(&gates, &mut under).await? != Phase::Canary {
            self.last(&self.share("shadow"), Event::Nothing, &gates, &mut under).await?;
        }
        let rungs = gates.policy.ladder.canary.len();
        for rung in 1..=rungs {
            if rung > 1 {
                self.advance(&gates, &mut under).await?;
            }
            // The last rung has the most readers: that is where a fault matters.
            let event = if rung == rungs { Event::Fault } else { Event::TasksFail };
            self.last(&self.share("canary"), event, &gates, &mut under).await?;
        }
        // Again from where the guard has sent everybody.
        while self.plan.load().phase() != Phase::TargetPrimary {
            if self.advance(&gates, &mut under).await? == Phase::Canary {
                self.last(&self.share("canary"), Event::TasksFail, &gates, &mut under).await?;
            }
        }
        self.last("cutover", Event::Outage, &gates, &mut under).await?;
        let (rollback, after) = self.roll_back(&under).await?;
        under.phases.push(after);
        self.world.store.flags().clear_latch(OPERATOR, "it was a rehearsal").await?;
        while self.plan.load().phase() != Phase::TargetPrimary {
            let passage = gates.overriding("it stood before the rehearsal", progress).await?;
            self.arrive(passage.phase()).await?;
            under.passages.push(passage);
        }

        // Nothing is written from here on: both sides can be compared in the end.
        written.cancel();
        writing.await?;
        let drained = under.backlog.empty().await?;
        let check = self.world.assignment("drill", Duration::from_millis(500)).check()?;
        let compared = agreement::before_shadow_reads(&check, progress).await?;
        self.world.store.evidence().keep_drift(&compared.seen()).await?;
        self.advance(&gates, &mut under).await?;
        self.last("pg only", Event::Nothing, &gates, &mut under).await?;
        stop.cancel();
        readers.await?;

        let (requests, failed) = under.load.totals();
        let Under { backfill, outages, task_faults, passages, phases, guarded, writers, rhythm, .. } = under;
        let ended = self.plan.load().phase();
        let writes = writers.memory().clone();
        Ok(Walked {
            started,
            phases,
            rollback,
            requests,
            failed,
            writes,
            stood: rhythm.stood(),
            backfill,
            outages,
            task_faults,
            drained,
            passages,
            guarded,
            ended,
        })
    }

    /// Takes the next step when the gates pass; the phase it leads to.
    async fn advance(&self, gates: &Gates<'_>, under: &mut Under<'_>) -> Result<Phase> {
        let passage = gates.advance(under.backlog.progress).await?;
        let phase = passage.phase();
        under.passages.push(passage);
        self.arrive(phase).await?;
        Ok(phase)
    }

    /// A name with the share that is in force.
    fn share(&self, name: &str) -> String {
        let flags = self.plan.load().flags;
        let share = if name == "shadow" { flags.shadow_sample_rate } else { flags.read_pg_percent };
        format!("{name} {share} %")
    }

    /// Lets a step last, with what happens in it.
    async fn last(&self, name: &str, event: Event, gates: &Gates<'_>, under: &mut Under<'_>) -> Result<()> {
        let (lasts, progress) = (self.options.phase, under.backlog.progress);
        let before = under.writers.counts();
        under.load.take();
        match event {
            Event::Nothing => progress.run(name, lasts).await,
            Event::Backfill => {
                under.rhythm.hurry(true);
                under.backfill = Some(backfill(self.world, lasts, progress).await?);
                under.rhythm.hurry(false);
            }
            Event::Outage => {
                let waiting = (&*under.rhythm, &under.backlog);
                under.outages.extend(outage(Side::Meili, lasts, self.world, waiting).await?);
            }
            Event::Fault => under.guarded = self.fault(gates, under, lasts).await?,
            Event::TasksFail => {
                under.task_faults += tasks_fail(name, lasts, self.world, (&*under.rhythm, progress)).await;
            }
        }
        let (stretch, _) = self.seen(name.to_owned(), under, before);
        under.phases.push(stretch);
        Ok(())
    }

    /// What was seen since, and when PostgreSQL last answered.
    pub fn seen(&self, step: String, under: &Under<'_>, before: (u64, u64)) -> (Stretch, Option<Instant>) {
        let now = under.writers.counts();
        let writes = (now.0 - before.0, now.1 - before.1);
        let seen = under.load.take();
        let last_from_pg = seen.last_from_pg;
        let stretch = Stretch::of(step, self.plan.load().phase(), seen, writes);
        under.backlog.progress.step(&stretch.to_string());
        (stretch, last_from_pg)
    }

    /// Waits until the plan shows what the table says.
    pub async fn arrive(&self, phase: Phase) -> Result<()> {
        let limit = Instant::now() + ARRIVAL;
        let wanted = self.world.store.flags().read().await?.plan()?.flags;
        loop {
            let plan = self.plan.load();
            if plan.phase() == phase && plan.flags == wanted {
                return Ok(());
            }
            if Instant::now() > limit {
                return Err(format!("the flags were set, but the service stayed in {}", plan.phase()).into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
