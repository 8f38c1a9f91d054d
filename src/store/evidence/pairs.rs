//! The pairs of the shadow log, one after the other in the order in which the requests came.

use std::sync::LazyLock;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, FromRow, query_as};

use super::{Evidence, StoreError};
use crate::{search::QueryClass, store::HEAD_AND_TAIL};

/// A sampled read that PostgreSQL was asked, as the side that answers or as the one that is compared, and whether it did.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Whether both sides answered; otherwise PostgreSQL failed, or was too slow. What Meilisearch has failed says nothing of
    /// PostgreSQL, and is no pair.
    pub compared: bool,
    /// Whether writes were under way meanwhile.
    pub settled: Settled,
    /// overlap@10; 0 unless compared.
    pub overlap_at_10: f64,
    /// Whether the first ten are the same in the same order.
    pub identical: bool,
    /// Agreement NDCG@10.
    pub agreement: Option<f64>,
    /// How long Meilisearch took, in milliseconds.
    pub meili_ms: Option<f64>,
    /// How long PostgreSQL took, in milliseconds.
    pub pg_ms: Option<f64>,
    /// Whether it is a first page on which PostgreSQL found nothing and Meilisearch something; `None`: no first page.
    pub only_pg_empty: Option<bool>,
    /// overlap@10 of the source with itself.
    pub noise_overlap_at_10: Option<f64>,
    /// The classes of the query.
    pub classes: Vec<QueryClass>,
}

/// Whether a pair was read while no write was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// None was.
    Yes,
    /// One was.
    No,
    /// Nobody knows.
    Unknown,
}

/// Rows of a writer that knows only the fixed columns have no microseconds: then the milliseconds count, unless they
/// are -1, no answer.
pub(crate) static PAIRS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
    WITH every AS (
        SELECT id, created_at, outcome = 'compared' AS compared, settled, overlap_at_10,
            meili_ids[1:10] = pg_ids[1:10] AS identical,
            agreement_ndcg_at_10_linear_v1 AS agreement,
            coalesce(latency_meili_us / 1000.0, nullif(latency_meili_ms, -1))::float8 AS meili_ms,
            coalesce(latency_pg_us / 1000.0, nullif(latency_pg_ms, -1))::float8 AS pg_ms,
            CASE WHEN query_offset = 0 AND query_limit > 0
                THEN cardinality(pg_ids) = 0 AND cardinality(meili_ids) > 0 END AS only_pg_empty,
            noise_overlap_at_10, query_classes, query_norm
        FROM shadow_read_logs
        WHERE (outcome = 'compared'
                OR primary_side = 'meili' AND outcome IN ('shadow_error', 'shadow_timeout')
                OR primary_side = 'pg' AND outcome = 'primary_error')
            AND created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
    ), pair AS (
        SELECT query_norm, settled FROM every WHERE compared
    ), {HEAD_AND_TAIL}
    SELECT compared, settled, overlap_at_10, identical, agreement, meili_ms, pg_ms, only_pg_empty, noise_overlap_at_10, query_classes,
        coalesce(head, FALSE) AS head, coalesce(tail, FALSE) AS tail
    FROM every LEFT JOIN head_and_tail USING (query_norm)
    ORDER BY created_at, id"
    )
});

#[derive(FromRow)]
struct Row {
    compared: bool,
    settled: Option<bool>,
    overlap_at_10: f64,
    identical: bool,
    agreement: Option<f64>,
    meili_ms: Option<f64>,
    pg_ms: Option<f64>,
    only_pg_empty: Option<bool>,
    noise_overlap_at_10: Option<f64>,
    query_classes: Vec<String>,
    head: bool,
    tail: bool,
}

impl Evidence {
    /// Gives every pair since a time to `each`, the oldest first. No more than a few are held at a time.
    pub async fn pairs(&self, since: Timestamp, mut each: impl FnMut(Pair)) -> Result<(), StoreError> {
        let reading = async {
            let mut transaction = self.store.pool().begin_with("BEGIN READ ONLY").await?;
            // A long window takes longer than what the others of this pool may.
            sqlx::query("SET LOCAL statement_timeout = '10min'").execute(&mut *transaction).await?;
            {
                let mut rows =
                    query_as(AssertSqlSafe(PAIRS.as_str())).bind(since.as_microsecond()).fetch(&mut *transaction);
                while let Some(row) = rows.try_next().await? {
                    each(Row::into_pair(row));
                }
            }
            transaction.commit().await
        };
        reading.await.map_err(StoreError::of("reading the shadow log"))
    }
}

impl Row {
    fn into_pair(self) -> Pair {
        let mut classes: Vec<QueryClass> = QueryClass::RECORDED
            .into_iter()
            .filter(|class| self.query_classes.iter().any(|name| name == class.as_str()))
            .collect();
        classes.extend(self.head.then_some(QueryClass::Head));
        classes.extend(self.tail.then_some(QueryClass::Tail));
        Pair {
            compared: self.compared,
            settled: match self.settled {
                Some(true) => Settled::Yes,
                Some(false) => Settled::No,
                None => Settled::Unknown,
            },
            overlap_at_10: self.overlap_at_10,
            identical: self.identical,
            agreement: self.agreement,
            meili_ms: self.meili_ms,
            pg_ms: self.pg_ms,
            only_pg_empty: self.only_pg_empty,
            noise_overlap_at_10: self.noise_overlap_at_10,
            classes,
        }
    }
}
