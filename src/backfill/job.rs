//! What a job is.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::source::SourceDescription;

/// A backfill, as the control tables have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Job {
    /// Its name.
    pub job_id: String,
    /// The index it fills.
    pub target: String,
    /// Whether it runs.
    pub status: JobStatus,
    /// How far it is.
    pub stage: Stage,
    /// What it reads; `None` for a job of another program.
    pub source: Option<SourceDescription>,
    /// The number of the outbox up to which it brings everything; `None` without an outbox.
    pub high_watermark_seq: Option<i64>,
    /// The version of rows that bring none; `None` as long as it prepares.
    pub row_version: Option<i64>,
    /// Rows that have been dealt with: written, stale and failed ones.
    pub processed_rows: i64,
    /// Rows that were written.
    pub written_rows: i64,
    /// Rows that were not, since something newer stood: a live write, a deletion.
    pub stale_rows: i64,
    /// Rows that could not be copied.
    pub failed_rows: i64,
    /// More of them than this end the job.
    pub max_failed_rows: i64,
    /// How many rows there are to be, if that is known.
    pub total_rows: Option<i64>,
    /// Whether they were counted, and not estimated.
    pub total_is_exact: bool,
    /// Shards in all.
    pub shards: i64,
    /// Shards that are done.
    pub shards_done: i64,
    /// Workers that hold a shard now.
    pub workers: i64,
    /// Rows a second, lately; `None` if none were copied lately.
    pub rows_per_second: Option<f64>,
    /// Seconds until all rows are copied, at that rate; `None` if nobody can know.
    pub backfill_eta_seconds: Option<f64>,
    /// Why it waits; `None`: it does not.
    pub throttled_by: Option<String>,
    /// What it minds.
    pub throttle: Throttle,
    /// Indexes that were dropped for the load and are still to be built.
    pub deferred_indexes: Vec<String>,
    /// How much of the postings is built that were left out for the load, 0 to 1: until that is done, nothing can be searched. `None`: none are
    /// left out.
    pub postings_built: Option<f64>,
    /// What ended it.
    pub error_message: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to copy.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// Whether a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It was made, and nobody works on it yet.
    Pending,
    /// Whoever has a worker may work on it.
    Running,
    /// Somebody has stopped it for a while.
    Paused,
    /// It is done.
    Succeeded,
    /// It cannot go on without help.
    Failed,
    /// Somebody has given it up.
    Cancelled,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It makes sure that both sides are written, takes the watermark and cuts the source.
    Preparing,
    /// It copies rows.
    Copying,
    /// It builds what was left out of that: the postings, and indexes.
    Indexing,
    /// It waits until what was written meanwhile has arrived, and compares the sides.
    CatchingUp,
    /// Nothing is left.
    Done,
}

/// What a job minds while it copies. All of it may be changed while it runs. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(default)]
pub struct Throttle {
    /// Rows a second, over all workers of a process.
    pub max_rows_per_second: Option<f64>,
    /// How long to pause after each chunk, as a multiple of the time it took: 1 works half of the time.
    pub nice_ratio: f64,
    /// It waits while live writes take longer than this on average, in milliseconds, in any process of the service.
    pub max_write_millis: Option<f64>,
    /// It waits while more writes than this wait in the journals of the service. 10,000
    pub max_journal_pending: Option<i64>,
    /// It waits while more sessions than this are active on the server, its own not counted.
    pub max_active_sessions: Option<i32>,
    /// It waits while a standby is further behind than this, in bytes.
    pub max_replication_lag_bytes: Option<i64>,
}

/// How a job is made.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOptions {
    /// Shards, at most. 1
    pub shards: usize,
    /// How many rows may fail before the job does. 100
    pub max_failed_rows: u64,
    /// How long a worker that has died keeps others from its shard. 30 s
    pub lease: Duration,
    /// How long a chunk should take; its size follows from that. 250 ms
    pub chunk: Duration,
    /// What it minds.
    pub throttle: Throttle,
    /// Whether what only searches need is left out of the load and built after it: indexes, and the postings. Refused while anything reads from
    /// PostgreSQL; searches are refused until it is built.
    pub defer_indexes: bool,
    /// How long every process of the service must have written both sides: as long as a request may take that began before.
    /// 10 s
    pub settle: Duration,
    /// Whether to start though no process of the service has reported. For services without the heartbeat of
    /// [`MigrationBuilder::heartbeat`](crate::migration::MigrationBuilder::heartbeat), which must know themselves that they write both sides.
    pub without_heartbeats: bool,
}

/// What is needed until a job copies: kept, since another process may have to begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Preparation {
    pub(super) shards: usize,
    pub(super) defer_indexes: bool,
    pub(super) settle_seconds: f64,
    pub(super) without_heartbeats: bool,
}

impl JobStatus {
    const ALL: [Self; 6] = [Self::Pending, Self::Running, Self::Paused, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The value of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of a column; `None` for what another program has written there.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether it goes no further.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cancelled)
    }
}

impl Stage {
    const ALL: [Self; 5] = [Self::Preparing, Self::Copying, Self::Indexing, Self::CatchingUp, Self::Done];

    /// The value of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Copying => "copying",
            Self::Indexing => "indexing",
            Self::CatchingUp => "catching_up",
            Self::Done => "done",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }
}

impl Job {
    /// The share of the rows that is done, 0 to 1; `None` if the total is not known, or has turned out to be wrong.
    pub fn fraction(&self) -> Option<f64> {
        let total = self.total_rows.filter(|total| *total > 0 && *total >= self.processed_rows)?;
        Some(self.processed_rows as f64 / total as f64)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Preparation {
    pub(super) fn of(options: &JobOptions) -> Self {
        Self {
            shards: options.shards.max(1),
            defer_indexes: options.defer_indexes,
            settle_seconds: options.settle.as_secs_f64(),
            without_heartbeats: options.without_heartbeats,
        }
    }
}

impl Default for Preparation {
    fn default() -> Self {
        Self::of(&JobOptions::default())
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            max_rows_per_second: None,
            nice_ratio: 0.0,
            max_write_millis: None,
            max_journal_pending: Some(10_000),
            max_active_sessions: None,
            max_replication_lag_bytes: None,
        }
    }
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            shards: 1,
            max_failed_rows: 100,
            lease: Duration::from_secs(30),
            chunk: Duration::from_millis(250),
            throttle: Throttle::default(),
            defer_indexes: false,
            settle: Duration::from_secs(10),
            without_heartbeats: false,
        }
    }
}
