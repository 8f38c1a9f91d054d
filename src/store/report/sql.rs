//! The aggregates of a report. Every statement groups twice, by endpoint and over all, where the endpoint is NULL.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgConnection};

use super::{Latencies, NoiseFloor, Overlap, PairStats, Percentiles, ReadStats, Window, ZeroResults};

/// Rows of a writer that knows only the fixed columns have no microseconds: then the milliseconds count, unless they
/// are -1, no answer.
const PAIRS: &str = "
    WITH pair AS (
        SELECT endpoint, settled, overlap_at_10, noise_overlap_at_10, agreement_ndcg_at_10_linear_v1 AS agreement,
            cardinality(meili_ids) = 0 AS meili_empty,
            cardinality(pg_ids) = 0 AS pg_empty,
            query_offset = 0 AND query_limit > 0 AS first_page,
            meili_ids[1:10] = pg_ids[1:10] AS identical,
            meili_ids[1] IS NOT DISTINCT FROM pg_ids[1] AS same_top,
            COALESCE(latency_meili_us / 1000.0, NULLIF(latency_meili_ms, -1))::float8 AS meili_ms,
            COALESCE(latency_pg_us / 1000.0, NULLIF(latency_pg_ms, -1))::float8 AS pg_ms
        FROM shadow_read_logs
        WHERE outcome = 'compared'
            AND created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
            AND created_at < 'epoch'::timestamptz + $2 * interval '1 microsecond'
            AND ($3::text IS NULL OR endpoint = $3)
            AND ($4::bool IS NULL OR settled = $4)
    )
    SELECT endpoint,
        count(*) AS pairs,
        count(*) FILTER (WHERE settled) AS settled,
        count(*) FILTER (WHERE NOT settled) AS unsettled,
        count(*) FILTER (WHERE settled IS NULL) AS settled_unknown,
        count(*) FILTER (WHERE meili_empty AND pg_empty) AS both_empty,
        avg(overlap_at_10) AS overlap_mean,
        percentile_cont(ARRAY[0.1, 0.5]::float8[]) WITHIN GROUP (ORDER BY overlap_at_10) AS overlap,
        avg(overlap_at_10) FILTER (WHERE NOT (meili_empty AND pg_empty)) AS overlap_nonempty,
        count(noise_overlap_at_10) AS noise_pairs,
        avg(noise_overlap_at_10) AS noise_overlap,
        avg(agreement) AS agreement,
        avg(identical::int)::float8 AS identical,
        (avg(same_top::int) FILTER (WHERE NOT (meili_empty AND pg_empty)))::float8 AS same_top,
        count(*) FILTER (WHERE first_page) AS first_pages,
        (avg(meili_empty::int) FILTER (WHERE first_page))::float8 AS zero_meili,
        (avg(pg_empty::int) FILTER (WHERE first_page))::float8 AS zero_pg,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]::float8[]) WITHIN GROUP (ORDER BY meili_ms) AS meili_ms,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]::float8[]) WITHIN GROUP (ORDER BY pg_ms) AS pg_ms,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]::float8[]) WITHIN GROUP (ORDER BY pg_ms - meili_ms) AS delta_ms
    FROM pair
    GROUP BY GROUPING SETS ((endpoint), ())";

/// Losses are tallied by the minute: the one that `since` falls in counts whole.
const OUTCOMES: &str = "
    SELECT endpoint, outcome, sum(stored)::bigint AS stored, sum(lost)::bigint AS lost
    FROM (
        SELECT endpoint, outcome, 1 AS stored, 0 AS lost
        FROM shadow_read_logs
        WHERE created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
            AND created_at < 'epoch'::timestamptz + $2 * interval '1 microsecond'
        UNION ALL
        SELECT endpoint, outcome, 0, lost
        FROM shadow_log_losses
        WHERE minute > 'epoch'::timestamptz + $1 * interval '1 microsecond' - interval '1 minute'
            AND minute < 'epoch'::timestamptz + $2 * interval '1 microsecond'
    ) AS record
    WHERE $3::text IS NULL OR endpoint = $3
    GROUP BY GROUPING SETS ((endpoint, outcome), (outcome))";

const ERRORS: &str = "
    SELECT endpoint, outcome, error_kind, count(*) AS stored
    FROM shadow_read_logs
    WHERE error_kind <> ''
        AND created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
        AND created_at < 'epoch'::timestamptz + $2 * interval '1 microsecond'
        AND ($3::text IS NULL OR endpoint = $3)
    GROUP BY GROUPING SETS ((endpoint, outcome, error_kind), (outcome, error_kind))";

#[derive(FromRow)]
struct PairRow {
    endpoint: Option<String>,
    pairs: i64,
    settled: i64,
    unsettled: i64,
    settled_unknown: i64,
    both_empty: i64,
    overlap_mean: Option<f64>,
    overlap: Option<Vec<f64>>,
    overlap_nonempty: Option<f64>,
    noise_pairs: i64,
    noise_overlap: Option<f64>,
    agreement: Option<f64>,
    identical: Option<f64>,
    same_top: Option<f64>,
    first_pages: i64,
    zero_meili: Option<f64>,
    zero_pg: Option<f64>,
    meili_ms: Option<Vec<Option<f64>>>,
    pg_ms: Option<Vec<Option<f64>>>,
    delta_ms: Option<Vec<Option<f64>>>,
}

#[derive(FromRow)]
struct OutcomeRow {
    endpoint: Option<String>,
    outcome: String,
    stored: i64,
    lost: i64,
}

#[derive(FromRow)]
struct ErrorRow {
    endpoint: Option<String>,
    outcome: String,
    error_kind: String,
    stored: i64,
}

/// The figures of each endpoint, and under `None` of all.
pub(super) async fn read(
    snapshot: &mut PgConnection,
    window: &Window,
) -> Result<BTreeMap<Option<String>, ReadStats>, sqlx::Error> {
    let (since, until) = (window.since.as_microsecond(), window.until.as_microsecond());
    let endpoint = window.endpoint.as_deref();
    let outcomes: Vec<OutcomeRow> =
        sqlx::query_as(OUTCOMES).bind(since).bind(until).bind(endpoint).fetch_all(&mut *snapshot).await?;
    let errors: Vec<ErrorRow> =
        sqlx::query_as(ERRORS).bind(since).bind(until).bind(endpoint).fetch_all(&mut *snapshot).await?;
    let pairs = pairs(snapshot, window, None).await?;

    let mut figures: BTreeMap<Option<String>, ReadStats> = BTreeMap::new();
    for mut row in outcomes {
        let stats = figures.entry(row.endpoint.take()).or_default();
        stats.add(row);
    }
    for row in errors {
        let errors = &mut figures.entry(row.endpoint).or_default().errors;
        errors.entry(row.outcome).or_default().insert(row.error_kind, row.stored.unsigned_abs());
    }
    for (endpoint, compared) in pairs {
        figures.entry(endpoint).or_default().compared = compared;
    }
    Ok(figures)
}

/// What the pairs of each endpoint show, and under `None` those of all; only those that are `settled`, or not, if that is given.
pub(in crate::store) async fn pairs(
    snapshot: &mut PgConnection,
    window: &Window,
    settled: Option<bool>,
) -> Result<BTreeMap<Option<String>, PairStats>, sqlx::Error> {
    let rows: Vec<PairRow> = sqlx::query_as(PAIRS)
        .bind(window.since.as_microsecond())
        .bind(window.until.as_microsecond())
        .bind(window.endpoint.as_deref())
        .bind(settled)
        .fetch_all(snapshot)
        .await?;
    Ok(rows.into_iter().map(|mut row| (row.endpoint.take(), row.into())).collect())
}

impl ReadStats {
    fn add(&mut self, row: OutcomeRow) {
        let (stored, lost) = (row.stored.unsigned_abs(), row.lost.unsigned_abs());
        self.stored += stored;
        self.lost += lost;
        self.completeness = Some(self.stored as f64 / (self.stored + self.lost) as f64);
        self.outcomes.insert(row.outcome, super::OutcomeCount { stored, lost });
    }
}

impl From<PairRow> for PairStats {
    fn from(row: PairRow) -> Self {
        let overlap = match (row.overlap_mean, row.overlap.as_deref()) {
            (Some(mean), Some(&[p10, p50])) => Some(Overlap { mean, p10, p50 }),
            _ => None,
        };
        let relative = |noise: f64| row.overlap_mean.filter(|_| noise > 0.0).map(|mean| mean / noise);
        let noise_floor = NoiseFloor {
            pairs: row.noise_pairs.unsigned_abs(),
            overlap_at_10_mean: row.noise_overlap,
            relative_overlap: row.noise_overlap.and_then(relative),
        };
        Self {
            pairs: row.pairs.unsigned_abs(),
            settled: row.settled.unsigned_abs(),
            unsettled: row.unsettled.unsigned_abs(),
            settled_unknown: row.settled_unknown.unsigned_abs(),
            both_empty: row.both_empty.unsigned_abs(),
            overlap_at_10: overlap,
            overlap_at_10_nonempty_mean: row.overlap_nonempty,
            noise_floor,
            agreement_ndcg_at_10: row.agreement,
            identical_order: row.identical,
            same_top: row.same_top,
            zero_results: ZeroResults {
                first_pages: row.first_pages.unsigned_abs(),
                meili: row.zero_meili,
                pg: row.zero_pg,
            },
            latency_ms: Latencies {
                meili: percentiles(row.meili_ms),
                pg: percentiles(row.pg_ms),
                delta: percentiles(row.delta_ms),
            },
        }
    }
}

/// PostgreSQL answers an array of NULLs, or NULL, where there was no value.
pub(in crate::store) fn percentiles(values: Option<Vec<Option<f64>>>) -> Option<Percentiles> {
    match values?.as_slice() {
        &[Some(p50), Some(p95), Some(p99)] => Some(Percentiles { p50, p95, p99 }),
        _ => None,
    }
}
