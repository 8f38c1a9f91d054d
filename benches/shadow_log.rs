//! 20,000 rows a second into the shadow log of a real PostgreSQL, and what `record()` costs its caller meanwhile.
//!
//! `cargo bench --bench shadow_log --all-features`. A plain program and no criterion group: the question is not how
//! fast one call is in isolation but what callers feel while the writer, the queue and the server are busy.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    env, thread,
    time::{Duration, Instant, SystemTime},
};

use crossfade::{
    document::DocumentId,
    error::Side,
    plan::Phase,
    search::{QueryClass, SearchQuery},
    shadow::{Leg, Outcome, ShadowRecord, ShadowSink, StoredRequest},
    store::{DEFAULT_SCHEMA, ShadowLog, ShadowLogOptions, Store},
    testing::TestPostgres,
};
use hdrhistogram::Histogram;
use tokio_util::sync::CancellationToken;

const ROWS_A_SECOND: u32 = 20_000;
/// Rows offered at once, every millisecond.
const BURST: u32 = ROWS_A_SECOND / 1_000;

#[tokio::main]
async fn main() {
    // `cargo test --benches` runs this too, without the flag: then a moment is enough.
    let seconds = if env::args().any(|argument| argument == "--bench") { 10 } else { 1 };
    let database = TestPostgres::database().await.unwrap();
    let store = Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap();
    store.migrate().await.unwrap();
    let (log, writer) = ShadowLog::new(&store, ShadowLogOptions::default());
    let writing = tokio::spawn(writer.run(CancellationToken::new()));

    let (calls, timer, elapsed) = thread::spawn(move || offer(&log, seconds)).join().unwrap();
    let begun = Instant::now();
    let summary = writing.await.unwrap();
    let rest = begun.elapsed();

    let offered = u64::from(ROWS_A_SECOND * seconds);
    let rate = offered as f64 / elapsed.as_secs_f64();
    println!("offered   {offered} rows in {:.2} s ({rate:.0}/s), two lists of 20 ids each", elapsed.as_secs_f64());
    println!(
        "stored    {} rows, the last {:.0} ms after the last was offered",
        summary.stored,
        rest.as_secs_f64() * 1e3
    );
    println!("dropped   {} rows", offered - summary.stored);
    let at = |p: f64| calls.value_at_quantile(p).saturating_sub(timer);
    println!(
        "record()  p50 {} ns   p99 {} ns   p99.9 {} ns   max {} ns   (the clock's own {timer} ns taken off)",
        at(0.5),
        at(0.99),
        at(0.999),
        calls.max()
    );
    assert_eq!(summary.stored, offered, "rows were dropped");
}

/// Offers rows at an even pace. Returns what each call took in ns, what reading the clock takes, and the time it took
/// in all.
fn offer(log: &ShadowLog, seconds: u32) -> (Histogram<u64>, u64, Duration) {
    let mut calls = Histogram::<u64>::new(3).unwrap();
    let mut clock = Histogram::<u64>::new(3).unwrap();
    let begun = Instant::now();
    for tick in 0..seconds * 1_000 {
        let burst: Vec<ShadowRecord> = (0..BURST).map(|place| record(tick * BURST + place)).collect();
        for record in burst {
            let call = Instant::now();
            log.record(record);
            calls.record(call.elapsed().as_nanos() as u64).unwrap();
            let nothing = Instant::now();
            clock.record(nothing.elapsed().as_nanos() as u64).unwrap();
        }
        let due = Duration::from_millis(u64::from(tick) + 1);
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    (calls, clock.value_at_quantile(0.5), begun.elapsed())
}

fn record(number: u32) -> ShadowRecord {
    let leg = |step: u32, latency: u64| Leg {
        ids: Some((0..20).map(|place| DocumentId::new((number % 30_000 + place * step).to_string())).collect()),
        latency: Some(Duration::from_micros(latency)),
    };
    ShadowRecord {
        at: SystemTime::now(),
        endpoint: "GET /v1/search".into(),
        user: format!("user-{}", number % 5_000).into(),
        query: format!("a query of some words {}", number % 1_000),
        classes: vec![QueryClass::Filter],
        request: Some(StoredRequest::of(&SearchQuery::new(format!("A query of some words {}", number % 1_000)))),
        offset: 0,
        limit: 20,
        primary: Side::Meili,
        outcome: Outcome::Compared,
        error_kind: "",
        phase: Phase::Shadow,
        plan_version: 3,
        settled: Some(true),
        meili: leg(1, 4_200),
        pg: leg(2, 5_100),
        overlap_at_10: Some(0.5),
        noise_overlap_at_10: None,
    }
}
