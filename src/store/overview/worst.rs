//! The queries on which the sides agree least.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, PgConnection, query_as};

use super::{WORST, Window};

/// A query on which the sides disagree, with its latest settled pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorstQuery {
    /// Its text, as the log has it, cut off after 400 characters.
    pub query: String,
    /// How many characters it has in all.
    pub query_chars: u64,
    /// Settled pairs of this text.
    pub pairs: u64,
    /// Their mean overlap@10.
    pub overlap_mean: f64,
    /// The row of the latest of them; what follows is that row's.
    pub row: i64,
    /// When it was read.
    pub at: Timestamp,
    /// Where.
    pub endpoint: String,
    /// Which side answered: `meili` or `pg`.
    pub primary: String,
    /// Its overlap@10.
    pub overlap: f64,
    /// Hits that were skipped before the first one shown.
    pub offset: i32,
    /// What Meilisearch showed, in order; 50 ids at most.
    pub meili_ids: Vec<String>,
    /// What PostgreSQL showed, in order; 50 ids at most.
    pub pg_ids: Vec<String>,
}

/// By rounded means: three times 0.2 is a little more than 0.2 on average.
const QUERIES: &str = "
    WITH query AS (
        SELECT query_norm, count(*) AS pairs, avg(overlap_at_10) AS overlap_mean, max(id) AS latest
        FROM shadow_read_logs
        WHERE outcome = 'compared' AND settled
            AND created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
            AND created_at < 'epoch'::timestamptz + $2 * interval '1 microsecond'
            AND ($3::text IS NULL OR endpoint = $3)
        GROUP BY query_norm HAVING avg(overlap_at_10) < 1
        ORDER BY round(avg(overlap_at_10)::numeric, 6), pairs DESC, latest DESC LIMIT $4
    )
    SELECT left(log.query_norm, 400) AS query, char_length(log.query_norm) AS query_chars, pairs, overlap_mean,
        log.id AS row, (extract(epoch FROM log.created_at) * 1000000)::bigint AS micros, log.endpoint,
        log.primary_side AS primary, log.overlap_at_10 AS overlap, log.query_offset AS \"offset\",
        log.meili_ids[1:50] AS meili_ids, log.pg_ids[1:50] AS pg_ids
    FROM query JOIN shadow_read_logs log ON log.id = query.latest
    ORDER BY round(overlap_mean::numeric, 6), pairs DESC, latest DESC";

#[derive(FromRow)]
struct Row {
    query: String,
    query_chars: i32,
    pairs: i64,
    overlap_mean: f64,
    row: i64,
    micros: i64,
    endpoint: String,
    primary: String,
    overlap: f64,
    offset: i32,
    meili_ids: Vec<String>,
    pg_ids: Vec<String>,
}

pub(super) async fn read(snapshot: &mut PgConnection, window: &Window) -> Result<Vec<WorstQuery>, sqlx::Error> {
    let rows: Vec<Row> = query_as(QUERIES)
        .bind(window.since.as_microsecond())
        .bind(window.until.as_microsecond())
        .bind(window.endpoint.as_deref())
        .bind(i64::from(WORST))
        .fetch_all(snapshot)
        .await?;
    Ok(rows.into_iter().map(Row::into_query).collect())
}

impl Row {
    fn into_query(self) -> WorstQuery {
        WorstQuery {
            query: self.query,
            query_chars: self.query_chars.unsigned_abs().into(),
            pairs: self.pairs.unsigned_abs(),
            overlap_mean: self.overlap_mean,
            row: self.row,
            at: Timestamp::from_microsecond(self.micros).unwrap_or_default(),
            endpoint: self.endpoint,
            primary: self.primary,
            overlap: self.overlap,
            offset: self.offset,
            meili_ids: self.meili_ids,
            pg_ids: self.pg_ids,
        }
    }
}
