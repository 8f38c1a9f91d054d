//! The report as a page: its figures, what it does with hostile text, and how it looks in a browser.

mod browser;
mod edges;
mod figures;
mod hostile;
mod looks;
mod million;
mod program;

use std::time::Duration;

use crossfade::{
    page::{ClassRow, DriftSeen, Noise, Page, Verdict, VerdictRow, VerdictTable},
    store::{DEFAULT_SCHEMA, Overlap, Overview, ReportOptions, Store},
    testing::{TestDatabase, TestPostgres},
};
use jiff::Timestamp;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
    query,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Control tables of their own.
struct Log {
    store: Store,
    pool: PgPool,
    database: TestDatabase,
}

/// One row of the log; what is not said is that of a compared pair.
#[derive(Clone, Debug)]
struct Row {
    age: Duration,
    query: String,
    outcome: &'static str,
    overlap: f64,
    meili_us: Option<i64>,
    pg_us: Option<i64>,
    settled: Option<bool>,
    ids: (Vec<String>, Vec<String>),
}

impl Default for Row {
    fn default() -> Self {
        let ids = |first: u32| (first..first + 10).map(|id| format!("id-{id}")).collect();
        Self {
            age: Duration::from_secs(60),
            query: "star wars".to_owned(),
            outcome: "compared",
            overlap: 1.0,
            meili_us: Some(12_000),
            pg_us: Some(20_000),
            settled: Some(true),
            ids: (ids(0), ids(0)),
        }
    }
}

impl Log {
    async fn fresh() -> Self {
        let database = TestPostgres::database().await.unwrap();
        let store = Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap();
        store.migrate().await.unwrap();
        let options: PgConnectOptions = database.url().parse().unwrap();
        let pool = PgPoolOptions::new().connect_lazy_with(options.options([("search_path", DEFAULT_SCHEMA)]));
        Self { store, pool, database }
    }

    async fn add(&self, row: Row) {
        let millis = |us: Option<i64>| us.map_or(-1, |us| i32::try_from(us / 1_000).unwrap());
        query(
            "INSERT INTO shadow_read_logs (endpoint, user_id, query_norm, meili_ids, pg_ids, overlap_at_10, latency_meili_ms,
                latency_pg_ms, created_at, outcome, settled, latency_meili_us, latency_pg_us)
             VALUES ('GET /v1/search', '', $1, $2, $3, $4, $5, $6, now() - make_interval(secs => $7), $8, $9, $10, $11)",
        )
        .bind(row.query)
        .bind(row.ids.0)
        .bind(row.ids.1)
        .bind(row.overlap)
        .bind(millis(row.meili_us))
        .bind(millis(row.pg_us))
        .bind(row.age.as_secs_f64())
        .bind(row.outcome)
        .bind(row.settled)
        .bind(row.meili_us)
        .bind(row.pg_us)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// `rows` of every kind, spread evenly over a span that ends now.
    async fn fill(&self, rows: i64, span: Duration) {
        query(FILL).bind(rows).bind(span.as_secs_f64()).execute(&self.pool).await.unwrap();
    }

    async fn overview(&self, span: Duration) -> Overview {
        Overview::compute(&self.store, Timestamp::now() - span, &ReportOptions::default()).await.unwrap()
    }
}

/// Two endpoints, four hundred queries of which some agree badly, all outcomes, some pairs that are not settled. `$1` rows over
/// `$2` seconds; nothing is drawn at random.
const FILL: &str = "
    INSERT INTO shadow_read_logs (endpoint, user_id, query_norm, meili_ids, pg_ids, overlap_at_10, latency_meili_ms,
        latency_pg_ms, created_at, outcome, error_kind, phase, settled, latency_meili_us, latency_pg_us,
        agreement_ndcg_at_10_linear_v1)
    SELECT CASE WHEN n % 4 = 0 THEN 'POST /indexes/{}/search' ELSE 'GET /v1/search' END, 'u' || n % 500, 'query ' || q,
        CASE WHEN compared THEN ARRAY(SELECT 'movie-' || q * 37 + i FROM generate_series(1, shown) i) ELSE '{}' END,
        CASE WHEN compared THEN ARRAY(SELECT 'movie-' || q * 37 + i + miss FROM generate_series(1, shown) i) ELSE '{}' END,
        CASE WHEN NOT compared THEN 0 WHEN shown = 0 THEN 1 ELSE (10 - miss) / 10.0 END,
        CASE WHEN compared THEN meili / 1000 ELSE -1 END, CASE WHEN compared THEN pg / 1000 ELSE -1 END,
        now() - ((n + 0.5) * $2 / ($1 + 1)) * interval '1 second', outcome,
        CASE outcome WHEN 'shadow_error' THEN 'unavailable' ELSE '' END, 'shadow',
        CASE WHEN n % 29 = 0 THEN FALSE WHEN n % 97 = 0 THEN NULL ELSE TRUE END,
        CASE WHEN compared THEN meili END, CASE WHEN compared THEN pg END, CASE WHEN compared THEN 1 - miss / 12.0 END
    FROM generate_series(0, $1 - 1) n
    CROSS JOIN LATERAL (SELECT n * 7919 % 400 AS q) AS a
    CROSS JOIN LATERAL (SELECT CASE WHEN q % 7 = 0 THEN 4 + q % 6 WHEN q % 3 = 0 THEN 1 + q % 3 ELSE 0 END AS miss,
        CASE WHEN q = 11 THEN 0 ELSE 10 END AS shown) AS b
    CROSS JOIN LATERAL (SELECT CASE n % 50 WHEN 3 THEN 'shadow_error' WHEN 13 THEN 'shadow_timeout' WHEN 23 THEN 'primary_error'
        WHEN 33 THEN (ARRAY['dropped_queue_full', 'dropped_late', 'dropped_cancelled', 'dropped_body_too_large',
            'dropped_undecodable', 'dropped_unsupported', 'dropped_shutdown'])[1 + n / 50 % 7]
        ELSE 'compared' END AS outcome) AS c
    CROSS JOIN LATERAL (SELECT outcome = 'compared' AS compared) AS d
    CROSS JOIN LATERAL (SELECT 4000 + n * 6151 % 27000 AS meili, 6000 + n * 4409 % 83000 AS pg) AS e";

/// Whatever a page can show beside the control tables.
fn with_everything(overview: Overview) -> Page {
    let row = |gate: &str, verdict, numbers: [Option<f64>; 3], threshold, at_least, unit| VerdictRow {
        gate: gate.to_owned(),
        class: None,
        verdict,
        value: numbers[1],
        lower: numbers[0],
        upper: numbers[2],
        threshold,
        at_least,
        unit,
        samples: 18_632,
        min_samples: 1_000,
        why: format!("the {} bound decides", if at_least { "lower" } else { "upper" }),
        counts: true,
    };
    let worst = VerdictRow {
        class: Some("tail".to_owned()),
        why: "412 of 1,000 settled pairs: sample more reads, or wait".to_owned(),
        samples: 412,
        ..row("overlap_p10", Verdict::Hold, [Some(0.28), Some(0.41), Some(0.62)], 0.4, true, "share")
    };
    let rows = vec![
        row("overlap_median", Verdict::Pass, [Some(0.86), Some(0.9), Some(0.93)], 0.7, true, "share"),
        worst,
        row("pg_p95", Verdict::Fail, [Some(171.0), Some(196.0), Some(212.0)], 180.0, false, "ms"),
        row("shadow_errors", Verdict::Pass, [Some(0.004), Some(0.0062), Some(0.0088)], 0.01, false, "share"),
        row("journal_backlog", Verdict::Pass, [None, Some(12.0), None], 1_000.0, false, "count"),
        VerdictRow { counts: false, ..row("drift", Verdict::Hold, [None, None, None], 0.0, false, "count") },
        row("journal_age", Verdict::Pass, [Some(0.0), Some(0.4), Some(0.4)], 30.0, false, "seconds"),
    ];
    let class = |class: &str, pairs, p10, p50, mean| ClassRow {
        class: class.to_owned(),
        pairs,
        overlap: Some(Overlap { mean, p10, p50 }),
        identical_order: Some(mean - 0.3),
        agreement: Some(mean + 0.05),
        pg_p95_ms: Some(44.0),
    };
    let drift = DriftSeen {
        index: "movies".to_owned(),
        checked_at: overview.report.until,
        meili_documents: 36_273,
        pg_documents: 36_271,
        differing: vec![("missing".to_owned(), 2), ("stale".to_owned(), 1)],
    };
    Page::new(overview)
        .jobs(Vec::new())
        .verdicts(VerdictTable {
            overall: Verdict::Fail,
            next_step: Some("canary, 5 % of the readers".to_owned()),
            rows,
            latch: Some("the guard rolled back at 14:02: pg_p95 was over 180 ms for 5 min".to_owned()),
        })
        .classes(vec![
            class("head", 9_120, 0.8, 1.0, 0.94),
            class("tail", 4_411, 0.4, 0.8, 0.71),
            class("short", 2_300, 0.5, 0.9, 0.81),
            class("cjk", 811, 0.3, 0.7, 0.66),
            class("filter", 1_990, 0.7, 1.0, 0.9),
        ])
        .noise(Noise { pairs: 940, overlap: Overlap { mean: 0.97, p10: 0.9, p50: 1.0 } })
        .drift(vec![drift])
}
