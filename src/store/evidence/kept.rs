//! Measurements and comparisons, which take long and are kept for it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, query, query_as};

use super::{Evidence, timestamp};
use crate::store::StoreError;

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
