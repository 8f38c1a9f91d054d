//! Tail latency under load while the shadow hangs, beside the naive way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes};
use crossfade::{
    backend::SearchBackend,
    error::{BackendError, Side},
    search::{SearchHits, SearchQuery},
    shadow::{ShadowRecord, ShadowSink},
};
use futures_util::future::BoxFuture;
use hdrhistogram::Histogram;
use tokio_util::sync::CancellationToken;

use crate::paths::{self, HttpPath, Mode, Path};

/// What the source takes: what Meilisearch takes over HTTP for most queries on a machine of two cores. What the hanging
/// side takes.
const SOURCE: Duration = Duration::from_millis(5);
const HANGING: Duration = Duration::from_millis(50);
/// What the insert of a log row is taken to last in the naive way.
const INSERT: Duration = Duration::from_millis(1);
const CLIENTS: usize = 8;
const ROUNDS: usize = 20;
const PER_ROUND: Duration = Duration::from_millis(400);

struct Slow;

/// Counts only: a growing list would be measured too.
#[derive(Default)]
struct Counted(AtomicUsize);

impl ShadowSink for Counted {
    fn record(&self, _: ShadowRecord) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl SearchBackend for Slow {
    fn side(&self) -> Side {
        Side::Pg
    }

    fn search<'a>(&'a self, _: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
        Box::pin(async {
            tokio::time::sleep(HANGING).await;
            Ok(paths::hits())
        })
    }
}

pub async fn run() {
    let sides: [Arc<dyn SearchBackend>; 2] = [Arc::new(paths::Instant(Side::Meili, paths::hits())), Arc::new(Slow)];
    // The policy a service would have.
    let (migration, worker) = Mode::Sampled.migration(Counted::default(), sides, Default::default());
    let stop = CancellationToken::new();
    let worker = tokio::spawn(worker.run(stop.clone()));
    let answer = Bytes::from(paths::answer());
    let handler = |wait: Duration| {
        let answer = answer.clone();
        move || {
            let answer = answer.clone();
            async move {
                tokio::time::sleep(wait).await;
                Body::from(answer)
            }
        }
    };
    let naive = {
        let answer = answer.clone();
        move || {
            let answer = answer.clone();
            async move {
                let query = SearchQuery::new("the hangover");
                let (_, compared) = tokio::join!(tokio::time::sleep(SOURCE), Slow.search(&query));
                std::hint::black_box(compared.map(|hits| hits.ids())).unwrap();
                tokio::time::sleep(INSERT).await;
                Body::from(answer)
            }
        }
    };
    let named = [
        ("bare", Arc::new(HttpPath::route(None, handler(SOURCE)))),
        // The noise of the measurement: the same again, at another place in the turn.
        ("bare again", Arc::new(HttpPath::route(None, handler(SOURCE)))),
        ("layered_slow_shadow", Arc::new(HttpPath::route(Some(&migration), handler(SOURCE)))),
        ("inline_shadow", Arc::new(HttpPath::route(None, naive))),
    ];
    let mut latencies = named.each_ref().map(|_| Histogram::<u64>::new(3).unwrap());
    // In turns, and compared turn by turn, so that noise of the machine falls on all of them alike.
    let mut times_bare = named.each_ref().map(|_| Vec::new());
    for _ in 0..ROUNDS {
        let mut bare = f64::NAN;
        for (place, (_, path)) in named.iter().enumerate() {
            let mut turn = Histogram::<u64>::new(3).unwrap();
            let clients = (0..CLIENTS).map(|_| tokio::spawn(client(path.clone())));
            for seen in futures_util::future::join_all(clients).await {
                turn.add(seen.unwrap()).unwrap();
            }
            let p99 = turn.value_at_quantile(0.99) as f64;
            bare = if place == 0 { p99 } else { bare };
            times_bare[place].push(p99 / bare);
            latencies[place].add(turn).unwrap();
        }
    }
    stop.cancel();
    worker.await.unwrap();
    println!("\n{:<24}{:>10}{:>10}{:>10}{:>10}", "isolation (ms)", "calls", "p50", "p99", "x bare*");
    for (((name, _), seen), times) in named.iter().zip(&latencies).zip(&mut times_bare) {
        let at = |quantile| seen.value_at_quantile(quantile) as f64 / 1e6;
        times.sort_by(f64::total_cmp);
        let times = times[times.len() / 2];
        println!("{name:<24}{:>10}{:>10.3}{:>10.3}{times:>10.3}", seen.len(), at(0.5), at(0.99));
    }
    println!("* the median of the ratios of p99 over {ROUNDS} turns");
    println!(
        "budget: layered_slow_shadow <= 1.05 x bare; inline_shadow awaits both sides, then {INSERT:?} for the row"
    );
}

async fn client(path: Arc<HttpPath>) -> Histogram<u64> {
    let mut latencies = Histogram::new(3).unwrap();
    let until = Instant::now() + PER_ROUND;
    while Instant::now() < until {
        let started = Instant::now();
        path.read().await;
        latencies.record(started.elapsed().as_nanos() as u64).unwrap();
    }
    latencies
}
