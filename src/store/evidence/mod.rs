//! What is known about a migration, for gates: pairs of the shadow log, measurements, comparisons, backfills.

mod kept;
mod pairs;

use jiff::Timestamp;
use sqlx::{FromRow, query_as, query_scalar};

pub use self::{
    kept::{DriftSeen, EvalRun},
    pairs::{Pair, Settled},
};
use super::{Store, StoreError, timestamp};
use crate::plan::Flag;

/// Reads and keeps evidence.
#[derive(Clone, Debug)]
pub struct Evidence {
    store: Store,
}

/// How the last backfill of an index ended, or that it has not.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct LastBackfill {
    /// The index.
    pub target: String,
    /// The job.
    pub job_id: String,
    /// Its status.
    pub status: String,
}

/// How much of what was sampled is in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Outcomes in the log.
    pub stored: u64,
    /// Outcomes known to be missing.
    pub lost: u64,
}

/// Jobs of other programs have no kind of their own: the last one made for a target is its last.
pub(crate) const LAST_BACKFILLS: &str = "
    SELECT DISTINCT ON (target) target, job_id, status FROM backfill_jobs
    WHERE status <> 'cancelled' ORDER BY target, created_at DESC, job_id DESC";

/// Losses are tallied by the minute: the one that the window begins in counts whole.
pub(crate) const RECORDED: &str = "
    SELECT
        (SELECT count(*) FROM shadow_read_logs WHERE created_at >= since.at) AS stored,
        (SELECT coalesce(sum(lost), 0)::bigint FROM shadow_log_losses WHERE minute > since.at - interval '1 minute') AS lost
    FROM (SELECT 'epoch'::timestamptz + $1 * interval '1 microsecond' AS at) AS since";

const CHANGED: &str = "
    SELECT (extract(epoch FROM changed_at) * 1000000)::bigint FROM flag_history
    WHERE flag_name = ANY($1) ORDER BY id DESC LIMIT 1";

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The statements, for people who want to know what a gate goes by.
pub(crate) mod statements {
    pub(crate) use super::{
        LAST_BACKFILLS, RECORDED,
        kept::{LAST_DRIFT, LAST_EVAL},
        pairs::PAIRS,
    };
    pub(crate) use crate::store::replicas::{ALL as REPLICAS, tallies::SUM as READ_TALLY};
}

impl Store {
    /// What is known about the migration.
    pub fn evidence(&self) -> Evidence {
        Evidence { store: self.clone() }
    }
}

impl Evidence {
    /// The last backfill of each index, cancelled ones apart.
    pub async fn last_backfills(&self) -> Result<Vec<LastBackfill>, StoreError> {
        let jobs = query_as(LAST_BACKFILLS).fetch_all(self.store.pool()).await;
        jobs.map_err(StoreError::of("reading the last backfills"))
    }

    /// How much of what was sampled since is in the log.
    pub async fn recorded(&self, since: Timestamp) -> Result<Recorded, StoreError> {
        let row: (i64, i64) = query_as(RECORDED)
            .bind(since.as_microsecond())
            .fetch_one(self.store.pool())
            .await
            .map_err(StoreError::of("counting outcomes of shadow reads"))?;
        Ok(Recorded { stored: row.0.unsigned_abs(), lost: row.1.unsigned_abs() })
    }

    /// When any of these flags was last changed; `None`: never.
    pub async fn changed(&self, flags: &[Flag]) -> Result<Option<Timestamp>, StoreError> {
        let names: Vec<&str> = flags.iter().map(|flag| flag.name()).collect();
        let micros: Option<i64> = query_scalar(CHANGED)
            .bind(names)
            .fetch_optional(self.store.pool())
            .await
            .map_err(StoreError::of("reading the history of the flags"))?;
        Ok(micros.map(timestamp))
    }

    /// The database's clock, by which everything here has its time.
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        let micros = query_scalar(NOW).fetch_one(self.store.pool()).await;
        Ok(timestamp(micros.map_err(StoreError::of("reading the clock"))?))
    }
}
