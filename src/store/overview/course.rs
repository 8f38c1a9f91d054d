//! The log over time: the same figures for each stretch of the window.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, PgConnection, query_as, query_scalar};

use super::{Window, width::width};
use crate::store::{Overlap, Percentiles, report::percentiles};

/// A window cut into stretches of one width, each beginning at a multiple of it since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Course {
    /// The width of a stretch.
    pub width: Duration,
    /// All stretches from the first row of the window to its end, those without rows included; none if there is no row. The first
    /// and the last are cut off by the window.
    pub buckets: Vec<Bucket>,
}

/// What happened in one stretch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Bucket {
    /// When it begins.
    pub start: Timestamp,
    /// Rows in the log by how the read ended. What is missing from the log has no exact time, and is not among them.
    pub outcomes: BTreeMap<String, u64>,
    /// Compared pairs; latencies are taken over them.
    pub pairs: u64,
    /// The settled ones among them; the overlap is taken over these.
    pub settled: u64,
    /// overlap@10 of the settled pairs.
    pub overlap_at_10: Option<Overlap>,
    /// Milliseconds that Meilisearch took.
    pub meili_ms: Option<Percentiles>,
    /// Milliseconds that PostgreSQL took.
    pub pg_ms: Option<Percentiles>,
    /// PostgreSQL less Meilisearch, pair by pair, in milliseconds.
    pub delta_ms: Option<Percentiles>,
}

const FIRST: &str = "
    SELECT (extract(epoch FROM min(created_at)) * 1000000)::bigint
    FROM shadow_read_logs
    WHERE created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
        AND created_at < 'epoch'::timestamptz + $2 * interval '1 microsecond'
        AND ($3::text IS NULL OR endpoint = $3)";

const OUTCOMES: &str = "
    SELECT (extract(epoch FROM bucket) * 1000000)::bigint AS start, outcome, rows
    FROM (
        SELECT date_bin(make_interval(secs => $4), created_at, 'epoch') AS bucket, outcome, count(*) AS rows
        FROM shadow_read_logs
        WHERE created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
            AND created_at < 'epoch'::timestamptz + $2 * interval '1 microsecond'
            AND ($3::text IS NULL OR endpoint = $3)
        GROUP BY 1, 2
    ) AS counted";

/// Latencies as the report has them.
const PAIRS: &str = "
    WITH pair AS (
        SELECT date_bin(make_interval(secs => $4), created_at, 'epoch') AS bucket, settled, overlap_at_10,
            COALESCE(latency_meili_us / 1000.0, NULLIF(latency_meili_ms, -1))::float8 AS meili_ms,
            COALESCE(latency_pg_us / 1000.0, NULLIF(latency_pg_ms, -1))::float8 AS pg_ms
        FROM shadow_read_logs
        WHERE outcome = 'compared'
            AND created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
            AND created_at < 'epoch'::timestamptz + $2 * interval '1 microsecond'
            AND ($3::text IS NULL OR endpoint = $3)
    )
    SELECT (extract(epoch FROM bucket) * 1000000)::bigint AS start,
        count(*) AS pairs,
        count(*) FILTER (WHERE settled) AS settled,
        avg(overlap_at_10) FILTER (WHERE settled) AS overlap_mean,
        percentile_cont(ARRAY[0.1, 0.5]::float8[]) WITHIN GROUP (ORDER BY overlap_at_10) FILTER (WHERE settled) AS overlap,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]::float8[]) WITHIN GROUP (ORDER BY meili_ms) AS meili_ms,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]::float8[]) WITHIN GROUP (ORDER BY pg_ms) AS pg_ms,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]::float8[]) WITHIN GROUP (ORDER BY pg_ms - meili_ms) AS delta_ms
    FROM pair
    GROUP BY bucket";

#[derive(FromRow)]
struct OutcomeRow {
    start: i64,
    outcome: String,
    rows: i64,
}

#[derive(FromRow)]
struct PairRow {
    start: i64,
    pairs: i64,
    settled: i64,
    overlap_mean: Option<f64>,
    overlap: Option<Vec<Option<f64>>>,
    meili_ms: Option<Vec<Option<f64>>>,
    pg_ms: Option<Vec<Option<f64>>>,
    delta_ms: Option<Vec<Option<f64>>>,
}

pub(super) async fn read(snapshot: &mut PgConnection, window: &Window) -> Result<Course, sqlx::Error> {
    let (since, until) = (window.since.as_microsecond(), window.until.as_microsecond());
    let endpoint = window.endpoint.as_deref();
    let first = query_scalar(FIRST).bind(since).bind(until).bind(endpoint).fetch_one(&mut *snapshot).await?;
    let Some(first): Option<i64> = first else { return Ok(Course::default()) };

    let width = width(Duration::from_micros(until.saturating_sub(first).unsigned_abs()));
    let seconds = width.as_secs_f64();
    let outcomes: Vec<OutcomeRow> =
        query_as(OUTCOMES).bind(since).bind(until).bind(endpoint).bind(seconds).fetch_all(&mut *snapshot).await?;
    let pairs: Vec<PairRow> =
        query_as(PAIRS).bind(since).bind(until).bind(endpoint).bind(seconds).fetch_all(&mut *snapshot).await?;

    let micros = i64::try_from(width.as_micros()).unwrap_or(i64::MAX);
    let begin = first - first.rem_euclid(micros);
    let starts = (0..).map(|number| begin + number * micros).take_while(|start| *start < until);
    let mut buckets: BTreeMap<i64, Bucket> = starts.map(|start| (start, Bucket::at(start))).collect();
    for row in outcomes {
        let bucket = buckets.entry(row.start).or_insert_with(|| Bucket::at(row.start));
        bucket.outcomes.insert(row.outcome, row.rows.unsigned_abs());
    }
    for row in pairs {
        buckets.entry(row.start).or_insert_with(|| Bucket::at(row.start)).add(row);
    }
    Ok(Course { width, buckets: buckets.into_values().collect() })
}

impl Bucket {
    fn at(micros: i64) -> Self {
        Self { start: Timestamp::from_microsecond(micros).unwrap_or_default(), ..Self::default() }
    }

    fn add(&mut self, row: PairRow) {
        self.pairs = row.pairs.unsigned_abs();
        self.settled = row.settled.unsigned_abs();
        self.overlap_at_10 = match (row.overlap_mean, row.overlap.as_deref()) {
            (Some(mean), Some(&[Some(p10), Some(p50)])) => Some(Overlap { mean, p10, p50 }),
            _ => None,
        };
        self.meili_ms = percentiles(row.meili_ms);
        self.pg_ms = percentiles(row.pg_ms);
        self.delta_ms = percentiles(row.delta_ms);
    }
}
