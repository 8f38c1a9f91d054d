//! Working on a job, stage by stage. Any number of processes may do so at once: they share the shards, and one of them leads.

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    task::JoinSet,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Backfill, BackfillError, Job, JobStatus, Note, Stage,
    copy::{Ended, Worker},
    patience::{Patience, may_pass},
    throttle::Brake,
};
use crate::telemetry;

/// How a process ended its work on a job.
#[derive(Clone, Debug, PartialEq)]
pub enum BackfillOutcome {
    /// The job is done.
    Succeeded(Box<Job>),
    /// Somebody has paused it.
    Paused(Box<Job>),
    /// Somebody has given it up.
    Cancelled(Box<Job>),
    /// This process was told to stop; the job goes on with the next that works on it.
    Stopped(Box<Job>),
}

/// How often progress is told.
const TELL: Duration = Duration::from_millis(500);

impl Backfill {
    /// Works on a job until it is over, paused, or `stop`. Lets a job that was paused or has failed go on.
    ///
    /// # Errors
    /// Whatever ends the job: it is kept as [`error_message`](Job::error_message) too, and the job is `failed`. A later run goes on where this
    /// one stopped.
    pub async fn run(
        &self,
        job: &str,
        stop: CancellationToken,
        note: &dyn Note,
    ) -> Result<BackfillOutcome, BackfillError> {
        self.jobs.resume(job).await?;
        match Box::pin(self.work(job, &stop, note)).await {
            Ok(outcome) => Ok(outcome),
            // The job itself has not failed; the next that works on it goes on.
            Err(error) if stop.is_cancelled() && may_pass(&error) => Err(error),
            Err(error) => {
                if let Err(also) = self.jobs.fail(job, &error.to_string()).await {
                    tracing::warn!(error = %also, "why the backfill failed could not be kept in its job");
                }
                Err(error)
            }
        }
    }

    async fn work(
        &self,
        name: &str,
        stop: &CancellationToken,
        note: &dyn Note,
    ) -> Result<BackfillOutcome, BackfillError> {
        let owner = format!("{:016x}", rand::random::<u64>());
        loop {
            let mut patience = Patience::new(name, self.patience, stop);
            let job = loop {
                match self.jobs.get(name).await {
                    Ok(job) => break Box::new(job),
                    Err(error) => patience.after(error).await?,
                }
            };
            note.progress(&job);
            measure(&job);
            match job.status {
                JobStatus::Succeeded => return Ok(BackfillOutcome::Succeeded(job)),
                JobStatus::Paused => return Ok(BackfillOutcome::Paused(job)),
                JobStatus::Cancelled => return Ok(BackfillOutcome::Cancelled(job)),
                JobStatus::Failed => {
                    let why = job.error_message.unwrap_or_else(|| "another process has failed it".to_owned());
                    return Err(BackfillError::FailedElsewhere { job: name.to_owned(), why });
                }
                JobStatus::Pending | JobStatus::Running if stop.is_cancelled() => {
                    return Ok(BackfillOutcome::Stopped(job));
                }
                JobStatus::Pending | JobStatus::Running => {}
            }
            if job.stage == Stage::Copying {
                self.copy(name, stop, note).await?;
                continue;
            }
            self.lead(name, job.stage, &owner, stop, note).await?;
        }
    }

    /// Copies until no shard is left.
    async fn copy(&self, name: &str, stop: &CancellationToken, note: &dyn Note) -> Result<(), BackfillError> {
        // Ends the other workers when one of them fails.
        let stop_workers = stop.child_token();
        let brake = Arc::new(Brake::new(self.jobs.store(), &stop_workers));
        // What is searched later only has its postings built later, in one go.
        let fold = !self.target.lacks_postings().await?;
        let mut workers = JoinSet::new();
        for _ in 0..self.workers.max(1) {
            let worker = Worker {
                store: self.jobs.store().clone(),
                target: self.target.clone(),
                source: self.source.clone(),
                brake: brake.clone(),
                patience: self.patience,
                fold,
                stop: stop_workers.clone(),
            };
            workers.spawn(worker.run(name.to_owned()));
        }
        let telling = async {
            let mut tick = interval(TELL);
            loop {
                tick.tick().await;
                if let Ok(job) = self.jobs.get(name).await {
                    note.progress(&job);
                    measure(&job);
                }
            }
        };
        let working = async {
            let (mut first, mut left) = (Ok(()), false);
            while let Some(ended) = workers.join_next().await {
                match ended.unwrap_or(Err(BackfillError::Panicked)) {
                    Ok(Ended::NothingLeft) => left = true,
                    Ok(Ended::Not(_) | Ended::Stopped) => {}
                    Err(error) => {
                        stop_workers.cancel();
                        first = first.and(Err(error));
                    }
                }
            }
            first.map(|()| left)
        };
        let nothing_left = select! {
            ended = working => ended?,
            () = telling => false,
        };
        if nothing_left {
            // The postings may have been left out by a job before, too.
            let deferred =
                !self.jobs.get(name).await?.deferred_indexes.is_empty() || self.target.lacks_postings().await?;
            let next = if deferred { Stage::Indexing } else { Stage::CatchingUp };
            self.jobs.advance(name, Stage::Copying, next).await?;
        }
        Ok(())
    }

    /// Does what only one process may do, if this is the one; holds the lead meanwhile.
    async fn lead(
        &self,
        name: &str,
        stage: Stage,
        owner: &str,
        stop: &CancellationToken,
        note: &dyn Note,
    ) -> Result<(), BackfillError> {
        let Some(length) = self.jobs.lead(name, owner).await? else {
            let _ = stop.run_until_cancelled(sleep(TELL)).await;
            return Ok(());
        };
        let work = async {
            match stage {
                Stage::Preparing => self.prepare(name, note).await,
                Stage::Indexing => {
                    let mut patience = Patience::new(name, self.patience, stop);
                    while let Err(error) = self.jobs.build_deferred_indexes(name, &self.target, note).await {
                        patience.after(error).await?;
                    }
                    self.jobs.advance(name, Stage::Indexing, Stage::CatchingUp).await
                }
                Stage::CatchingUp => {
                    note.say("folding what was copied into the postings");
                    let mut patience = Patience::new(name, self.patience, stop);
                    while let Err(error) = self.target.fold_all().await {
                        patience.after(error).await?;
                    }
                    self.catch_up(note).await?;
                    self.jobs.succeed(name).await
                }
                Stage::Copying | Stage::Done => Ok(()),
            }
        };
        // Ends when the lead is lost, or the job does not run any more.
        let holding = async {
            loop {
                sleep((length / 4).min(TELL)).await;
                match (self.jobs.lead(name, owner).await, self.jobs.get(name).await) {
                    (Ok(Some(_)), Ok(job)) => {
                        note.progress(&job);
                        if job.status != JobStatus::Running {
                            return;
                        }
                    }
                    (Ok(None), _) => return,
                    // It holds for a while yet; the work itself will notice.
                    (Err(_), _) | (_, Err(_)) => {}
                }
            }
        };
        let done = select! {
            done = work => done,
            () = holding => Ok(()),
            () = stop.cancelled() => Ok(()),
        };
        if let Err(error) = self.jobs.let_lead_go(name, owner).await {
            tracing::debug!(%error, "the lead of a backfill could not be given back; it runs out by itself");
        }
        done
    }
}

fn measure(job: &Job) {
    telemetry::backfill_progress(job.processed_rows, job.backfill_eta_seconds);
}
