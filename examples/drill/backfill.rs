//! The backfill: what was there before both sides were written is copied while the service runs, by a process that is killed
//! in the middle of it. Before anything is read from PostgreSQL, both sides have to agree.

use std::time::{Duration, Instant};

use crossfade::{
    backfill::{
        BackfillJobs, Job, JobOptions, JobStatus, Stage, Throttle,
        source::{BackfillSource, MeiliSource},
    },
    drift::DriftReport,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    agreement,
    assignment::{Assignment, Event},
    backfilled::Backfilled,
    child::Child,
    output::{Line, Progress},
    walk::Result,
    worker,
    world::World,
};

const JOB: &str = "drill";
/// How long the processes of the service have to write both sides before it begins: its requests take milliseconds.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a process that has died keeps its shards.
const LEASE: Duration = Duration::from_secs(1);
/// Small chunks, so that live writes wait for none.
const CHUNK: Duration = Duration::from_millis(100);
/// Copying lasts as long as this share of a phase, if the servers are fast enough, and never shorter than this.
const SHARE: f64 = 0.6;
const SHORTEST: Duration = Duration::from_millis(1500);
/// The share of the rows after which the process is killed: somewhere between.
const KILLED_BETWEEN: (f64, f64) = (0.2, 0.8);
/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How long a write may take to stand on both sides, for the comparisons.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// The backfill under way.
struct Work<'a> {
    jobs: BackfillJobs,
    assignment: Assignment,
    progress: &'a Progress,
    line: Line<'a>,
    /// Rows at which the last process found the job.
    found: Option<i64>,
    comparisons: u64,
    /// When it was first seen to copy, and not to copy any more.
    copies: Option<Instant>,
    copied: Option<Instant>,
}

/// Copies everything while a phase of about this length lasts, and compares both sides.
///
/// # Errors
/// The job fails, its process dies by itself, or a document differs afterwards.
pub async fn backfill(world: &World, phase: Duration, progress: &Progress) -> Result<Backfilled> {
    let (began, jobs) = (Instant::now(), BackfillJobs::new(&world.store));
    let assignment = world.assignment(JOB, ON_ITS_WAY);
    let source = MeiliSource::new(world.source()?);
    let rows = world.source()?.documents_in_order(0, 1).await?.total;
    let lasts = phase.mul_f64(SHARE).max(SHORTEST);
    let options = JobOptions {
        shards: worker::WORKERS,
        lease: LEASE,
        chunk: CHUNK,
        settle: SETTLE,
        // Nothing reads from PostgreSQL yet.
        defer_indexes: true,
        throttle: Throttle { max_rows_per_second: Some(rows as f64 / lasts.as_secs_f64()), ..Throttle::default() },
        ..JobOptions::default()
    };
    jobs.create(JOB, &assignment.index, &source.describe(), &options).await?;

    let line = progress.line();
    let mut work = Work { jobs, assignment, progress, line, found: None, comparisons: 0, copies: None, copied: None };
    let enough = (rand::random_range(KILLED_BETWEEN.0..KILLED_BETWEEN.1) * rows as f64) as i64;
    let killed_at = work.work_and_kill(enough).await?;
    let (resumed_from, went_on) = match killed_at {
        Some(_) => work.go_on().await?,
        None => (0, Duration::ZERO),
    };
    let job = work.jobs.get(JOB).await?;
    if job.status != JobStatus::Succeeded {
        return Err(format!("the process that copies ended well, but the backfill is {}", job.status).into());
    }
    let Work { assignment, line, comparisons, copies, copied, .. } = work;
    drop(line);
    let seconds = began.elapsed().as_secs_f64();
    let copying = copied.unwrap_or_else(Instant::now) - copies.unwrap_or(began);

    let drift: DriftReport = agreement::before_shadow_reads(&assignment.check()?, progress).await?;
    Ok(Backfilled { job, seconds, copying, killed_at, resumed_from, went_on, comparisons, drift })
}

impl Work<'_> {
    /// Lets a process copy until so many rows are dealt with, and kills it; how many were. `None`: it was over before.
    async fn work_and_kill(&mut self, enough: i64) -> Result<Option<i64>> {
        let mut child = Child::start(&self.assignment)?;
        if !self.watch(&mut child, |job| job.stage == Stage::Copying && job.processed_rows >= enough).await? {
            child.ends().await?;
            return Ok(None);
        }
        let killed = child.kill().await?;
        let job = self.jobs.get(JOB).await?;
        let rows = job.processed_rows;
        if !killed {
            return Err(format!("the process that copies ended before it was killed, at {rows} rows").into());
        }
        let of = job.total_rows.unwrap_or_default();
        let share = 100.0 * rows as f64 / of.max(1) as f64;
        self.progress.step(&format!("backfill: killed with SIGKILL at {rows} of {of} rows ({share:.0} %)"));
        Ok(Some(rows))
    }

    /// Starts it again and lets it finish; where it went on, and after how long.
    async fn go_on(&mut self) -> Result<(i64, Duration)> {
        let started = Instant::now();
        self.found = None;
        let before = self.jobs.get(JOB).await?.processed_rows;
        let mut child = Child::start(&self.assignment)?;
        let moves = |job: &Job| job.processed_rows > before || job.stage != Stage::Copying;
        let mut went_on = started.elapsed();
        if self.watch(&mut child, moves).await? {
            went_on = started.elapsed();
            let found = self.found.unwrap_or_default();
            let after = went_on.as_millis();
            self.progress
                .step(&format!("backfill: started again, found {found} rows done, and went on there after {after} ms"));
            while self.watch(&mut child, |_| false).await? {}
        }
        child.ends().await?;
        Ok((self.found.unwrap_or_default(), went_on))
    }

    /// Shows what a process does until the job is as wanted; `false` if the process ends before.
    async fn watch(&mut self, child: &mut Child, wanted: impl Fn(&Job) -> bool) -> Result<bool> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = child.tells() => match told? {
                    Some(event) => self.hear(event),
                    None => return Ok(false),
                },
                _ = looks.tick() => {
                    let job = self.jobs.get(JOB).await?;
                    self.see(&job);
                    if wanted(&job) {
                        return Ok(true);
                    }
                }
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Found { rows } => self.found = Some(rows),
            Event::Step { text } => self.progress.step(&format!("backfill: {text}")),
            Event::Comparing { read, total: Some(total) } => {
                self.line.show(&format!("backfill: comparing, {read} of {total} documents read"));
            }
            Event::Comparing { total: None, .. } => {}
            Event::Done { comparisons } => self.comparisons = comparisons,
        }
    }

    fn see(&mut self, job: &Job) {
        match job.stage {
            Stage::Preparing => {}
            Stage::Copying => {
                self.copies.get_or_insert_with(Instant::now);
                let (rows, of) = (job.processed_rows, job.total_rows.unwrap_or_default());
                let rate = job.rows_per_second.map_or(String::new(), |rate| format!(", {rate:.0} rows/s"));
                self.line.show(&format!("backfill: {rows} of {of} rows{rate}"));
            }
            Stage::Indexing | Stage::CatchingUp | Stage::Done => {
                self.copied.get_or_insert_with(Instant::now);
            }
        }
    }
}
