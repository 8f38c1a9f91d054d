//! What is known about a migration, for gates: pairs of the shadow log, measurements, comparisons, backfills.

mod pairs;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, query, query_as, query_scalar};

pub use self::pairs::{Pair, Settled};
use super::{Store, StoreError};
use crate::plan::Flag;

/// Reads and keeps evidence.
#[derive(Clone, Debug)]
pub struct Evidence {
    store: Store,
}

/// A measurement with judgments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalRun {
    /// The index that was asked.
    pub index: String,
    /// Queries that were asked.
    pub queries: u64,
    /// Of them, those with judgments.
    pub judged: u64,
    /// Mean overlap@10 of both sides.
    pub overlap_at_10: Option<f64>,
    /// PostgreSQL's mean NDCG@10.
    pub ndcg_at_10: Option<f64>,
    /// Meilisearch's, over the same queries.
    pub source_ndcg_at_10: Option<f64>,
}

/// A comparison of all documents of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftSeen {
    /// The index.
    pub index: String,
    /// When it began.
    pub began: Timestamp,
    /// Documents that Meilisearch held.
    pub meili_documents: u64,
    /// Documents that PostgreSQL held, without tombstones.
    pub pg_documents: u64,
    /// Documents that only Meilisearch held, and PostgreSQL never knew.
    pub missing: u64,
    /// Documents that only PostgreSQL held.
    pub extra: u64,
    /// Documents that both held, with different content.
    pub stale: u64,
    /// Documents that Meilisearch held, and PostgreSQL had deleted.
    pub tombstone: u64,
    /// Documents of which nothing could be said.
    pub unsettled: u64,
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

pub(crate) const KEEP_EVAL: &str = "
    INSERT INTO eval_runs (index_uid, ran_by, queries, judged, overlap_at_10, ndcg_at_10, source_ndcg_at_10)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

pub(crate) const LAST_EVAL: &str = "
    SELECT index_uid, queries, judged, overlap_at_10, ndcg_at_10, source_ndcg_at_10
    FROM eval_runs
    WHERE judged > 0 AND ran_at > clock_timestamp() - make_interval(secs => $1)
    ORDER BY id DESC LIMIT 1";

const KEEP_DRIFT: &str = "
    INSERT INTO drift_checks (index_uid, began_at, meili_documents, pg_documents, missing, extra, stale, tombstone, unsettled)
    VALUES ($1, 'epoch'::timestamptz + $2 * interval '1 microsecond', $3, $4, $5, $6, $7, $8, $9)";

pub(crate) const LAST_DRIFT: &str = "
    SELECT DISTINCT ON (index_uid) index_uid, (extract(epoch FROM began_at) * 1000000)::bigint AS began_micros,
        meili_documents, pg_documents, missing, extra, stale, tombstone, unsettled
    FROM drift_checks ORDER BY index_uid, began_at DESC";

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
    pub(crate) use super::{LAST_BACKFILLS, LAST_DRIFT, LAST_EVAL, RECORDED, pairs::PAIRS};
    pub(crate) use crate::store::replicas::{ALL as REPLICAS, tallies::SUM as READ_TALLY};
}

#[derive(FromRow)]
struct EvalRow {
    index_uid: String,
    queries: i64,
    judged: i64,
    overlap_at_10: Option<f64>,
    ndcg_at_10: Option<f64>,
    source_ndcg_at_10: Option<f64>,
}

#[derive(FromRow)]
struct DriftRow {
    index_uid: String,
    began_micros: i64,
    meili_documents: i64,
    pg_documents: i64,
    missing: i64,
    extra: i64,
    stale: i64,
    tombstone: i64,
    unsettled: i64,
}

impl Store {
    /// What is known about the migration.
    pub fn evidence(&self) -> Evidence {
        Evidence { store: self.clone() }
    }
}

impl Evidence {
    /// Keeps a measurement, for the gate on judged NDCG.
    pub async fn keep_eval(&self, run: &EvalRun, by: &str) -> Result<(), StoreError> {
        let kept = query(KEEP_EVAL)
            .bind(&run.index)
            .bind(by)
            .bind(signed(run.queries))
            .bind(signed(run.judged))
            .bind(run.overlap_at_10)
            .bind(run.ndcg_at_10)
            .bind(run.source_ndcg_at_10)
            .execute(self.store.pool());
        kept.await.map_err(StoreError::of("keeping a measurement"))?;
        Ok(())
    }

    /// The last measurement with judgments that is no older.
    pub async fn last_eval(&self, age: Duration) -> Result<Option<EvalRun>, StoreError> {
        let row: Option<EvalRow> = query_as(LAST_EVAL)
            .bind(age.as_secs_f64())
            .fetch_optional(self.store.pool())
            .await
            .map_err(StoreError::of("reading the last measurement"))?;
        Ok(row.map(|row| EvalRun {
            index: row.index_uid,
            queries: row.queries.unsigned_abs(),
            judged: row.judged.unsigned_abs(),
            overlap_at_10: row.overlap_at_10,
            ndcg_at_10: row.ndcg_at_10,
            source_ndcg_at_10: row.source_ndcg_at_10,
        }))
    }

    /// Keeps what a comparison of all documents found.
    pub async fn keep_drift(&self, seen: &DriftSeen) -> Result<(), StoreError> {
        let kept = query(KEEP_DRIFT)
            .bind(&seen.index)
            .bind(seen.began.as_microsecond())
            .bind(signed(seen.meili_documents))
            .bind(signed(seen.pg_documents))
            .bind(signed(seen.missing))
            .bind(signed(seen.extra))
            .bind(signed(seen.stale))
            .bind(signed(seen.tombstone))
            .bind(signed(seen.unsettled))
            .execute(self.store.pool());
        kept.await.map_err(StoreError::of("keeping the outcome of a drift check"))?;
        Ok(())
    }

    /// The last comparison of each index.
    pub async fn last_drift(&self) -> Result<Vec<DriftSeen>, StoreError> {
        let rows: Vec<DriftRow> = query_as(LAST_DRIFT)
            .fetch_all(self.store.pool())
            .await
            .map_err(StoreError::of("reading the last drift checks"))?;
        let seen = |row: DriftRow| DriftSeen {
            index: row.index_uid,
            began: timestamp(row.began_micros),
            meili_documents: row.meili_documents.unsigned_abs(),
            pg_documents: row.pg_documents.unsigned_abs(),
            missing: row.missing.unsigned_abs(),
            extra: row.extra.unsigned_abs(),
            stale: row.stale.unsigned_abs(),
            tombstone: row.tombstone.unsigned_abs(),
            unsettled: row.unsettled.unsigned_abs(),
        };
        Ok(rows.into_iter().map(seen).collect())
    }

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

impl DriftSeen {
    /// Documents that differed, in whatever way.
    pub fn differing(&self) -> u64 {
        self.missing + self.extra + self.stale + self.tombstone
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
