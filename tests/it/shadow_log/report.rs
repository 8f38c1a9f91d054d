//! The report against the same figures computed the naive way from the same records.

use std::{collections::BTreeMap, time::Duration};

use crossfade::{
    document::DocumentId,
    error::Side,
    relevance::{agreement_ndcg_at_k, identical_at_k, percentile, same_top},
    shadow::{Outcome, ShadowRecord, ShadowSink},
    store::{
        Latencies, NoiseFloor, OutcomeCount, Overlap, PairStats, Percentiles, ReadStats, Report, ReportOptions,
        ShadowLog, ShadowLogOptions, Store, ZeroResults,
    },
};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Tables, plain, records};
use crate::cli::run;

#[tokio::test]
async fn figures_are_those_of_a_naive_computation() {
    for (seed, count, queue) in [(20, 1_500, 1_400), (21, 37, 37), (22, 3, 2), (23, 1, 1)] {
        let (tables, _database) = Tables::fresh().await;
        let records = records(seed, count);
        log(&tables.store, &records, queue).await;
        let since = Timestamp::now() - Duration::from_secs(3_600);

        let report = Report::compute(&tables.store, since, &ReportOptions::default()).await.unwrap();

        let (stored, lost) = records.split_at(queue);
        assert_alike(&report.overall, &naive(stored, lost, |_| true), seed);
        let names: std::collections::BTreeSet<&str> = records.iter().map(|record| &*record.endpoint).collect();
        assert_eq!(report.endpoints.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), names);
        for (endpoint, stats) in &report.endpoints {
            assert_alike(stats, &naive(stored, lost, |record| &*record.endpoint == endpoint), seed);
            let only = ReportOptions { endpoint: Some(endpoint.clone()) };
            let one = Report::compute(&tables.store, since, &only).await.unwrap();
            assert_alike(&one.overall, stats, seed);
            assert_eq!(one.endpoints.keys().collect::<Vec<_>>(), [endpoint]);
        }
    }
}

#[tokio::test]
async fn only_the_window_counts() {
    let (tables, _database) = Tables::fresh().await;
    let records = records(24, 500);
    log(&tables.store, &records, 500).await;
    let since = Timestamp::now() - Duration::from_secs(360);

    let report = Report::compute(&tables.store, since, &ReportOptions::default()).await.unwrap();

    let inside = |record: &ShadowRecord| Timestamp::try_from(record.at).unwrap() >= since;
    assert!(records.iter().any(inside) && !records.iter().all(inside), "some are in, some are out");
    assert_alike(&report.overall, &naive(&records, &[], inside), 24);
}

#[tokio::test]
async fn an_empty_log_says_so() {
    let (tables, _database) = Tables::fresh().await;
    let report =
        Report::compute(&tables.store, Timestamp::now() - Duration::from_secs(86_400), &ReportOptions::default())
            .await
            .unwrap();
    assert_eq!(report.overall, ReadStats::default());
    assert!(report.endpoints.is_empty());
    let page = report.to_string();
    assert!(page.contains("(24h)") && page.contains("no data"), "{page}");
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["overall"]["compared"]["overlap_at_10"].is_null(), "no mean of nothing: {json}");
}

#[tokio::test]
async fn a_page_for_people_names_what_it_shows() {
    let (tables, _database) = Tables::fresh().await;
    let mut records = records(25, 1_200);
    for record in &mut records {
        record.endpoint = "GET /v1/search".into();
    }
    log(&tables.store, &records, 1_150).await;
    let since = Timestamp::now() - Duration::from_secs(3_600);
    let report = Report::compute(&tables.store, since, &ReportOptions::default()).await.unwrap();
    let page = report.to_string();
    for expected in
        ["1,200", "50 lost", "95.83 %", "agreement_ndcg@10/linear-v1", "pg - meili", "shadow_timeout", "noise floor"]
    {
        assert!(page.contains(expected), "`{expected}` is missing in\n{page}");
    }
    assert!(!page.contains("all endpoints"), "one endpoint is shown once:\n{page}");
}

#[tokio::test]
async fn the_program_shows_the_same_report() {
    let (tables, database) = Tables::fresh().await;
    log(&tables.store, &records(26, 300), 300).await;
    let url = Some(database.url());

    let page = run(url, &["report"]).await;
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert!(page.stdout.contains("(24h)") && page.stdout.contains("all endpoints"), "{}", page.stdout);

    let json = run(url, &["report", "--since", "1h", "--endpoint", "typed", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let since = Timestamp::now() - Duration::from_secs(3_600);
    let only = ReportOptions { endpoint: Some("typed".to_owned()) };
    let report = Report::compute(&tables.store, since, &only).await.unwrap();
    compare("overall", &json["overall"], &serde_json::to_value(&report.overall).unwrap(), 26);
    assert_eq!(json["agreement_form"], "agreement_ndcg@10/linear-v1");

    assert_eq!(run(url, &["report", "--since", "yesterday"]).await.code, Some(2));
}

/// Records all; what is beyond `queue` is lost.
async fn log(store: &Store, records: &[ShadowRecord], queue: usize) {
    let (log, writer) = ShadowLog::new(store, ShadowLogOptions { queue, ..plain() });
    records.iter().cloned().for_each(|record| log.record(record));
    drop(log);
    writer.run(CancellationToken::new()).await;
}

fn naive(stored: &[ShadowRecord], lost: &[ShadowRecord], of: impl Fn(&ShadowRecord) -> bool) -> ReadStats {
    let stored: Vec<&ShadowRecord> = stored.iter().filter(|record| of(record)).collect();
    let lost: Vec<&ShadowRecord> = lost.iter().filter(|record| of(record)).collect();
    let mut outcomes: BTreeMap<String, OutcomeCount> = BTreeMap::new();
    for record in &stored {
        outcomes.entry(record.outcome.as_str().to_owned()).or_default().stored += 1;
    }
    for record in &lost {
        outcomes.entry(record.outcome.as_str().to_owned()).or_default().lost += 1;
    }
    let all = stored.len() + lost.len();
    let mut errors: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for record in stored.iter().filter(|record| of(record) && !record.error_kind.is_empty()) {
        let kinds = errors.entry(record.outcome.as_str().to_owned()).or_default();
        *kinds.entry(record.error_kind.to_owned()).or_default() += 1;
    }
    ReadStats {
        errors,
        outcomes,
        stored: stored.len() as u64,
        lost: lost.len() as u64,
        completeness: (all > 0).then(|| stored.len() as f64 / all as f64),
        compared: naive_pairs(&stored),
    }
}

fn naive_pairs(stored: &[&ShadowRecord]) -> PairStats {
    let pairs: Vec<&ShadowRecord> =
        stored.iter().copied().filter(|record| record.outcome == Outcome::Compared).collect();
    let ids = |record: &ShadowRecord, side| -> Vec<DocumentId> { record.leg(side).ids.clone().unwrap() };
    let empty = |record: &ShadowRecord, side| ids(record, side).is_empty();
    let both_empty = |record: &ShadowRecord| empty(record, Side::Meili) && empty(record, Side::Pg);
    let count = |of: &dyn Fn(&ShadowRecord) -> bool| pairs.iter().filter(|record| of(record)).count() as u64;
    let overlaps = sorted(pairs.iter().map(|record| record.overlap_at_10.unwrap()));
    let noise: Vec<f64> = pairs.iter().filter_map(|record| record.noise_overlap_at_10).collect();
    let first: Vec<&ShadowRecord> = pairs.iter().copied().filter(|it| it.offset == 0 && it.limit > 0).collect();
    let ms = |side| sorted(pairs.iter().map(|record| record.leg(side).latency.unwrap().as_secs_f64() * 1e3));
    let flag = |yes: bool| f64::from(u8::from(yes));
    PairStats {
        pairs: pairs.len() as u64,
        settled: count(&|record| record.settled == Some(true)),
        unsettled: count(&|record| record.settled == Some(false)),
        settled_unknown: count(&|record| record.settled.is_none()),
        both_empty: count(&both_empty),
        overlap_at_10: mean(overlaps.iter().copied()).map(|mean| Overlap {
            mean,
            p10: percentile(&overlaps, 0.1).unwrap(),
            p50: percentile(&overlaps, 0.5).unwrap(),
        }),
        overlap_at_10_nonempty_mean: mean(
            pairs.iter().filter(|record| !both_empty(record)).map(|record| record.overlap_at_10.unwrap()),
        ),
        noise_floor: NoiseFloor {
            pairs: noise.len() as u64,
            overlap_at_10_mean: mean(noise.iter().copied()),
            relative_overlap: mean(noise.iter().copied())
                .zip(mean(overlaps.iter().copied()))
                .map(|(noise, overlap)| overlap / noise),
        },
        agreement_ndcg_at_10: mean(
            pairs.iter().map(|record| {
                agreement_ndcg_at_k(&ids(record, record.primary), &ids(record, record.primary.other()), 10)
            }),
        ),
        identical_order: mean(
            pairs.iter().map(|record| flag(identical_at_k(&ids(record, Side::Meili), &ids(record, Side::Pg), 10))),
        ),
        same_top: mean(
            pairs.iter().filter_map(|record| same_top(&ids(record, Side::Meili), &ids(record, Side::Pg))).map(flag),
        ),
        zero_results: ZeroResults {
            first_pages: first.len() as u64,
            meili: mean(first.iter().map(|record| flag(empty(record, Side::Meili)))),
            pg: mean(first.iter().map(|record| flag(empty(record, Side::Pg)))),
        },
        latency_ms: Latencies {
            meili: percentiles(&ms(Side::Meili)),
            pg: percentiles(&ms(Side::Pg)),
            delta: percentiles(&sorted(pairs.iter().map(|record| record.latency_delta_ms().unwrap()))),
        },
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn percentiles(ascending: &[f64]) -> Option<Percentiles> {
    let at = |p| percentile(ascending, p);
    Some(Percentiles { p50: at(0.5)?, p95: at(0.95)?, p99: at(0.99)? })
}

/// Equal, up to the rounding of sums taken in another order.
fn assert_alike(actual: &ReadStats, expected: &ReadStats, seed: u64) {
    let (actual, expected) = (serde_json::to_value(actual).unwrap(), serde_json::to_value(expected).unwrap());
    compare("", &actual, &expected, seed);
}

fn compare(path: &str, actual: &serde_json::Value, expected: &serde_json::Value, seed: u64) {
    match (actual, expected) {
        (serde_json::Value::Object(actual), serde_json::Value::Object(expected)) => {
            assert_eq!(actual.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{path}, seed {seed}");
            for (key, value) in actual {
                compare(&format!("{path}.{key}"), value, &expected[key], seed);
            }
        }
        (serde_json::Value::Number(a), serde_json::Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{path}: {a} is not {b}, seed {seed}");
        }
        _ => assert_eq!(actual, expected, "{path}, seed {seed}"),
    }
}
