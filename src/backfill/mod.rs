//! Backfill: copies what was there before both sides were written, while the service runs.
//!
//! A [job](Job) lives in the control tables. It goes through these [stages](Stage):
//!
//! 1. *Preparing.* Every process of the service must have reported that it writes both sides, and for long enough that no older request is
//!    under way. Then the high watermark is taken, and the [source] is cut into shards.
//! 2. *Copying.* Workers, in any number of processes, lease shards and copy them in chunks. The rows of a chunk, the checkpoint, the
//!    counters and the lease are one transaction, fenced by the epoch of the lease: whatever is killed at any moment, nothing is lost
//!    and nothing is counted twice, and a worker that has lost its lease commits nothing.
//! 3. *Indexing*, if what only searches need was left out: the postings, and some indexes.
//! 4. *Catching up.* What was written meanwhile has to arrive; then the two sides are compared, and what differs is repaired, until nothing does.
//!
//! # Live writes win
//!
//! A row that is copied gets a version below everything that was written since both sides are: the number of the outbox up to which the
//! backfill brings everything, or the time when the last process began to write both, or the document's own. So a live write that comes
//! before it stands, one that comes after it replaces it, and a deletion stays one. While live writes are slow or queue up, the workers
//! [wait](Throttle).
//!
//! # Rows that cannot be copied
//!
//! A chunk that PostgreSQL refuses is taken apart until the rows that are to blame stand alone. They are kept with the cause, and the job goes on,
//! up to [`JobOptions::max_failed_rows`]. [`Backfill::retry_failed`] tries them again.
//!
//! # Example
//!
//! ```no_run
//! # use crossfade::{backend::{meili::MeiliOptions, postgres::PostgresOptions}, store::Store};
//! use crossfade::backfill::{Backfill, JobOptions, Quiet, source::MeiliSource};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example(url: &str, meili: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::connect(url, "cn_search").await?;
//! let source = MeiliSource::new(MeiliOptions::new(meili, None)?.index("posts"));
//! let backfill = Backfill::new(&store, PostgresOptions::new(url)?.index("posts"), source).workers(2);
//! backfill.create("posts-1", &JobOptions { shards: 4, ..JobOptions::default() }).await?;
//! println!("{:?}", backfill.run("posts-1", CancellationToken::new(), &Quiet).await?);
//! # Ok(()) }
//! ```

mod ahead;
mod catch_up;
mod chunk;
mod copy;
mod error;
mod eta;
mod indexes;
mod job;
mod jobs;
mod lease;
mod page;
mod patience;
mod prepare;
mod retry;
mod run;
pub mod source;
mod sql;
mod throttle;
mod write;

use std::{sync::Arc, time::Duration};

pub use error::BackfillError;
pub use job::{Job, JobOptions, JobStatus, Stage, Throttle};
pub use jobs::{BackfillJobs, FailedRow, FailureCause};
pub use retry::Retried;
pub use run::BackfillOutcome;
use source::BackfillSource;

use crate::{
    backend::postgres::PostgresIndex,
    drift::{DriftCheck, DriftProgress, DriftRepair},
    opaque::opaque_debug,
    outbox::OutboxMonitor,
    store::Store,
};

/// What is needed to work on backfills of one index from one source.
pub struct Backfill {
    jobs: BackfillJobs,
    target: PostgresIndex,
    source: Arc<dyn BackfillSource>,
    outbox: Option<OutboxMonitor>,
    comparison: Option<Comparison>,
    workers: usize,
    patience: Duration,
}

/// How the sides are compared in the end.
enum Comparison {
    Check(DriftCheck),
    Repair(DriftRepair),
}

/// Hears what a backfill does.
pub trait Note: Send + Sync {
    /// A step, in words.
    fn say(&self, step: &str);

    /// How far it is, twice a second.
    fn progress(&self, job: &Job);

    /// How far the comparison is.
    fn comparing(&self, progress: DriftProgress) {
        let _ = progress;
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug)]
pub struct Quiet;

impl Note for Quiet {
    fn say(&self, _step: &str) {}

    fn progress(&self, _job: &Job) {}
}

impl Backfill {
    /// Copies from `source` to `target`, with the jobs of the control tables, which must be in the same database and schema as the target.
    pub fn new(store: &Store, target: PostgresIndex, source: impl BackfillSource) -> Self {
        Self {
            jobs: BackfillJobs::new(store),
            target,
            source: Arc::new(source),
            outbox: None,
            comparison: None,
            workers: 1,
            patience: Duration::from_secs(60),
        }
    }

    /// The outbox that feeds the sides, if one does: its numbers are the versions of documents then.
    #[must_use]
    pub fn outbox(mut self, monitor: OutboxMonitor) -> Self {
        self.outbox = Some(monitor);
        self
    }

    /// Compares the sides when everything has arrived: the job succeeds only if they agree.
    #[must_use]
    pub fn compare(mut self, check: DriftCheck) -> Self {
        self.comparison = Some(Comparison::Check(check));
        self
    }

    /// The same, and repairs what differs, until a comparison finds nothing.
    #[must_use]
    pub fn repair(mut self, repair: DriftRepair) -> Self {
        self.comparison = Some(Comparison::Repair(repair));
        self
    }

    /// How many shards this process copies at once. 1
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How long a server may be away before the job fails. 60 s
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Makes a job; [`run`](Self::run) works on it.
    pub async fn create(&self, job: &str, options: &JobOptions) -> Result<(), BackfillError> {
        self.jobs.create(job, self.target.uid(), &self.source.describe(), options).await
    }

    /// The jobs of the control tables.
    pub fn jobs(&self) -> &BackfillJobs {
        &self.jobs
    }
}

opaque_debug!(Backfill);
