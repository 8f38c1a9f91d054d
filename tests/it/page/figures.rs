//! The figures against the same ones taken the naive way from the rows themselves.

use std::{collections::BTreeMap, time::Duration};

use crossfade::{
    page::Page,
    relevance::percentile,
    store::{Bucket, Overlap, Overview, Percentiles},
};
use sqlx::{FromRow, query, query_as};

use super::{HOUR, Log, Row};

/// A row of the log, as it stands there.
#[derive(Clone, Debug, FromRow)]
struct Stored {
    id: i64,
    micros: i64,
    query_norm: String,
    outcome: String,
    settled: Option<bool>,
    overlap_at_10: f64,
    meili_ids: Vec<String>,
    pg_ids: Vec<String>,
    latency_meili_ms: i32,
    latency_pg_ms: i32,
    latency_meili_us: Option<i64>,
    latency_pg_us: Option<i64>,
}

impl Stored {
    fn is_pair(&self) -> bool {
        self.outcome == "compared"
    }

    fn is_settled_pair(&self) -> bool {
        self.is_pair() && self.settled == Some(true)
    }

    fn meili_ms(&self) -> f64 {
        self.latency_meili_us.map_or(f64::from(self.latency_meili_ms), |us| us as f64 / 1e3)
    }

    fn pg_ms(&self) -> f64 {
        self.latency_pg_us.map_or(f64::from(self.latency_pg_ms), |us| us as f64 / 1e3)
    }
}

async fn log_and_rows() -> (Log, Overview, Vec<Stored>) {
    let log = Log::fresh().await;
    log.fill(4_000, 5 * HOUR).await;
    // Some as a writer leaves them that knows the fixed columns only.
    let plain = "UPDATE shadow_read_logs SET latency_meili_us = NULL, latency_pg_us = NULL WHERE id % 11 = 0";
    query(plain).execute(&log.pool).await.unwrap();
    let overview = log.overview(4 * HOUR).await;
    let rows: Vec<Stored> = query_as(
        "SELECT id, (extract(epoch FROM created_at) * 1000000)::bigint AS micros, query_norm, outcome, settled, overlap_at_10,
            meili_ids, pg_ids, latency_meili_ms, latency_pg_ms, latency_meili_us, latency_pg_us
         FROM shadow_read_logs",
    )
    .fetch_all(&log.pool)
    .await
    .unwrap();
    let (since, until) = (overview.report.since.as_microsecond(), overview.report.until.as_microsecond());
    let inside: Vec<Stored> = rows.iter().filter(|row| (since..until).contains(&row.micros)).cloned().collect();
    assert!(inside.len() > 1_000 && inside.len() < rows.len(), "the window leaves some out");
    (log, overview, inside)
}

#[tokio::test]
async fn the_course_is_that_of_the_rows() {
    let (_log, overview, rows) = log_and_rows().await;
    // Four hours by at most sixty: five minutes are too narrow for none, and two too many.
    assert_eq!(overview.course.width, Duration::from_secs(300));
    let width = 300_000_000;
    let mut naive: BTreeMap<i64, Vec<&Stored>> = BTreeMap::new();
    for row in &rows {
        naive.entry(row.micros - row.micros % width).or_default().push(row);
    }
    let buckets = &overview.course.buckets;
    assert_eq!(buckets.len(), naive.len());
    for (bucket, (start, rows)) in buckets.iter().zip(&naive) {
        assert_eq!(bucket.start.as_microsecond(), *start);
        assert_bucket(bucket, rows);
    }
}

fn assert_bucket(bucket: &Bucket, rows: &[&Stored]) {
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        *outcomes.entry(row.outcome.clone()).or_default() += 1;
    }
    assert_eq!(bucket.outcomes, outcomes);
    let pairs = || rows.iter().filter(|row| row.is_pair());
    let settled = || rows.iter().filter(|row| row.is_settled_pair());
    assert_eq!((bucket.pairs, bucket.settled), (pairs().count() as u64, settled().count() as u64));
    close_overlap(bucket.overlap_at_10, overlap(settled().map(|row| row.overlap_at_10)));
    close(bucket.meili_ms, pairs().map(|row| row.meili_ms()));
    close(bucket.pg_ms, pairs().map(|row| row.pg_ms()));
    close(bucket.delta_ms, pairs().map(|row| row.pg_ms() - row.meili_ms()));
}

#[tokio::test]
async fn quality_is_that_of_the_settled_rows() {
    let (_log, overview, rows) = log_and_rows().await;
    let settled: Vec<&Stored> = rows.iter().filter(|row| row.is_settled_pair()).collect();
    let stats = &overview.settled;
    assert_eq!(stats.pairs, settled.len() as u64);
    assert!(overview.report.overall.compared.pairs > stats.pairs, "some are not settled");
    close_overlap(stats.overlap_at_10, overlap(settled.iter().map(|row| row.overlap_at_10)));

    let both_empty = |row: &&&Stored| row.meili_ids.is_empty() && row.pg_ids.is_empty();
    assert_eq!(overview.histogram.both_empty, settled.iter().filter(both_empty).count() as u64);
    assert!(overview.histogram.both_empty > 0);
    let mut tenths = [0; 11];
    for row in settled.iter().filter(|row| !both_empty(row)) {
        tenths[(row.overlap_at_10 * 10.0).round() as usize] += 1;
    }
    assert_eq!(overview.histogram.tenths, tenths);
}

#[tokio::test]
async fn the_worst_are_those_of_the_settled_rows() {
    let (_log, overview, rows) = log_and_rows().await;
    let mut queries: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_settled_pair()) {
        queries.entry(&row.query_norm).or_default().push(row);
    }
    let latest = |rows: &[&Stored]| rows.iter().map(|row| row.id).max().unwrap();
    let mean = |rows: &[&Stored]| rows.iter().map(|row| row.overlap_at_10).sum::<f64>() / rows.len() as f64;
    let millionths = |rows: &[&Stored]| (mean(rows) * 1e6).round() as i64;
    let mut queries: Vec<Vec<&Stored>> = queries.into_values().collect();
    queries
        .sort_by(|a, b| millionths(a).cmp(&millionths(b)).then(b.len().cmp(&a.len())).then(latest(b).cmp(&latest(a))));
    assert_eq!(overview.worst.len(), 20);
    for (worst, rows) in overview.worst.iter().zip(&queries) {
        let row = rows.iter().max_by_key(|row| row.id).unwrap();
        assert_eq!((&worst.query, worst.pairs, worst.row), (&row.query_norm, rows.len() as u64, row.id));
        assert_eq!((&worst.meili_ids, &worst.pg_ids), (&row.meili_ids, &row.pg_ids));
        assert!((worst.overlap_mean - mean(rows)).abs() < 1e-9 && worst.overlap == row.overlap_at_10);
    }
}

/// Not all of one query: the more frequent one first, with what its latest pair shows.
#[tokio::test]
async fn of_equally_bad_queries_the_frequent_one_comes_first() {
    let log = Log::fresh().await;
    let ids = |from: u32| (from..from + 3).map(|id| id.to_string()).collect::<Vec<_>>();
    for (query, overlap, settled) in [
        ("rare", 0.2, Some(true)),
        ("frequent", 0.1, Some(true)),
        ("frequent", 0.3, Some(true)),
        ("often", 0.2, Some(true)),
        ("often", 0.2, Some(true)),
        ("often", 0.2, Some(true)),
        ("never settled", 0.0, Some(false)),
        ("not known", 0.0, None),
        ("good", 1.0, Some(true)),
    ] {
        let ids = (ids(0), ids((overlap * 10.0) as u32));
        log.add(Row { query: query.to_owned(), overlap, settled, ids, ..Row::default() }).await;
    }
    let worst = log.overview(HOUR).await.worst;
    let shown: Vec<(&str, u64, f64)> = worst.iter().map(|it| (it.query.as_str(), it.pairs, it.overlap)).collect();
    assert_eq!(shown, [("often", 3, 0.2), ("frequent", 2, 0.3), ("rare", 1, 0.2)]);
    assert_eq!(worst[1].pg_ids, ids(3));
}

#[tokio::test]
async fn the_page_shows_these_figures() {
    let (log, overview, rows) = log_and_rows().await;
    let settled = || rows.iter().filter(|row| row.is_settled_pair());
    let pairs = || rows.iter().filter(|row| row.is_pair());
    let expected = overlap(settled().map(|row| row.overlap_at_10)).unwrap();
    let p95 = |ms: Vec<f64>| percentile(&sorted(ms.into_iter()), 0.95).unwrap();
    let (meili, pg) = (p95(pairs().map(Stored::meili_ms).collect()), p95(pairs().map(Stored::pg_ms).collect()));
    let bad = rows.iter().filter(|row| ["shadow_error", "shadow_timeout"].contains(&&*row.outcome)).count();
    let buckets = overview.course.buckets.len();
    let first = overview.course.buckets[0].clone();
    let html = Page::new(overview).render().unwrap();

    let tile = |name: &str| {
        let rest = html.split(&format!("<dt>{name}</dt><dd class=\"figure\">")).nth(1).unwrap();
        let (figure, rest) = rest.split_once("</dd><dd class=\"about\">").unwrap();
        (figure.to_owned(), rest.split("</dd>").next().unwrap().to_owned())
    };
    let about = format!("mean {:.3}, p10 {:.3}", expected.mean, expected.p10);
    assert_eq!(tile("overlap@10, median"), (format!("{:.3}", expected.p50), about));
    assert_eq!(tile("sampled reads").0, format!("{},{:03}", rows.len() / 1_000, rows.len() % 1_000));
    assert_eq!(tile("errors and timeouts").0, format!("{:.1}\u{a0}%", bad as f64 / rows.len() as f64 * 100.0));
    let share = settled().count() as f64 / pairs().count() as f64;
    assert_eq!(tile("settled pairs").0, format!("{:.1}\u{a0}%", share * 100.0));
    let (figure, about) = tile("p95 of PostgreSQL");
    let read = |text: &str| text.split('\u{a0}').next().unwrap().parse::<f64>().unwrap();
    assert!((read(&figure) - pg).abs() < 0.06, "{figure} is not {pg}");
    assert!((read(about.strip_prefix("Meilisearch ").unwrap()) - meili).abs() < 0.06, "{about} is not {meili}");

    let table = html.split("aria-label=\"Overlap over time\"").nth(1).unwrap().split("</table>").next().unwrap();
    assert_eq!(table.matches("<tr>").count(), buckets + 1, "a row each, and the head");
    let mean = format!("<td>{:.3}</td>", first.overlap_at_10.unwrap().mean);
    assert!(table.split("<tr>").nth(2).unwrap().contains(&mean), "the first row says {mean}");

    let bars = html.split("aria-label=\"Pairs by overlap\"").nth(1).unwrap().split("</table>").next().unwrap();
    let full = settled().filter(|row| row.overlap_at_10 == 1.0 && !row.meili_ids.is_empty()).count();
    let grouped = format!("<td>{},{:03}</td>", full / 1_000, full % 1_000).replace("0,", "");
    assert!(bars.split("<tr>").nth(12).unwrap().contains(grouped.trim_start_matches("0")), "{grouped} in {bars}");

    let plot = html.split("id=\"overlap-wide-d\"").nth(1).unwrap().split("</svg>").next().unwrap();
    let line = plot.split("class=\"s-q1\"").nth(1).unwrap().split("points=\"").nth(1).unwrap();
    assert_eq!(line.split('"').next().unwrap().split_whitespace().count(), buckets, "a point each");
    drop(log);
}

/// Where flags changed, the plots have a line, numbered as the table of changes.
#[tokio::test]
async fn changes_of_flags_are_marked() {
    let log = Log::fresh().await;
    log.fill(500, 4 * HOUR).await;
    log.store.flags().set("search_write_mode", "dual", "ann", "begin").await.unwrap();
    log.store.flags().set("shadow_sample_rate", "5", "bob", "look").await.unwrap();
    query("UPDATE flag_history SET changed_at = now() - (4 - id) * interval '1 hour'")
        .execute(&log.pool)
        .await
        .unwrap();
    let overview = log.overview(4 * HOUR + HOUR / 60).await;
    assert_eq!(overview.changes.iter().map(|change| change.who.as_str()).collect::<Vec<_>>(), ["bob", "ann"]);
    let html = Page::new(overview).render().unwrap();
    assert!(html.contains("Meilisearch answers, 5\u{a0}% of the reads are compared"), "the phase is the headline");
    let plot = html.split("id=\"overlap-wide-d\"").nth(1).unwrap().split("</svg>").next().unwrap();
    assert_eq!(plot.matches("class=\"s-mark\"").count(), 2);
    assert!(plot.contains(">1</text>") && plot.contains(">2</text>"), "{plot}");
    let changes = html.split("aria-label=\"Changes of flags\"").nth(1).unwrap();
    let (one, two) = (changes.find("ann").unwrap(), changes.find("bob").unwrap());
    assert!(one < two, "the first is number 1");
    let yesterday = log.overview(HOUR / 2).await;
    assert!(yesterday.changes.is_empty(), "only those of the window");
}

/// All at one instant: what is written meanwhile is in none of the figures.
#[tokio::test]
async fn all_figures_are_of_one_snapshot() {
    let log = Log::fresh().await;
    log.fill(20_000, HOUR).await;
    let writing = async {
        loop {
            log.fill(200, HOUR).await;
        }
    };
    let reading = async {
        for _ in 0..5 {
            let overview = log.overview(2 * HOUR).await;
            let stored = overview.report.overall.stored;
            let course: u64 = overview.course.buckets.iter().flat_map(|bucket| bucket.outcomes.values()).sum();
            let histogram = overview.histogram.tenths.iter().sum::<u64>() + overview.histogram.both_empty;
            assert_eq!((course, histogram), (stored, overview.settled.pairs));
        }
    };
    tokio::select! { () = writing => {}, () = reading => {} }
    let after: i64 = sqlx::query_scalar("SELECT count(*) FROM shadow_read_logs").fetch_one(&log.pool).await.unwrap();
    assert!(after > 20_000, "there was something to leave out");
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn overlap(values: impl Iterator<Item = f64>) -> Option<Overlap> {
    let values = sorted(values);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    Some(Overlap { mean, p10: percentile(&values, 0.1)?, p50: percentile(&values, 0.5)? })
}

fn close_overlap(actual: Option<Overlap>, expected: Option<Overlap>) {
    let parts = |overlap: Option<Overlap>| overlap.map(|it| [it.mean, it.p10, it.p50]);
    assert_close(parts(actual), parts(expected));
}

fn close(actual: Option<Percentiles>, values: impl Iterator<Item = f64>) {
    let values = sorted(values);
    let at = |p| percentile(&values, p);
    let expected = (|| Some([at(0.5)?, at(0.95)?, at(0.99)?]))();
    assert_close(actual.map(|it| [it.p50, it.p95, it.p99]), expected);
}

fn assert_close(actual: Option<[f64; 3]>, expected: Option<[f64; 3]>) {
    match (actual, expected) {
        (Some(actual), Some(expected)) => {
            for (a, b) in actual.into_iter().zip(expected) {
                assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a} is not {b}");
            }
        }
        _ => assert_eq!(actual, expected),
    }
}
