//! Readers who ask at a steady rate, whether or not they have been answered.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use http::Request;
use http_body_util::BodyExt;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::service::ANSWERED_BY;

/// Different readers in all.
const READERS: usize = 400;
/// The seed of the order of the queries: the same in every run.
const SEED: u64 = 36_273;

/// What the readers saw since it was last [taken](Load::take).
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub requests: u64,
    pub failed: u64,
    pub answered_by_pg: u64,
    pub last_from_pg: Option<Instant>,
    pub latencies: Vec<Duration>,
}

#[derive(Clone)]
pub struct Load {
    router: Router,
    queries: Arc<[&'static str]>,
    sent: Arc<AtomicUsize>,
    succeeded: Arc<AtomicUsize>,
    seen: Arc<Mutex<Seen>>,
}

impl Load {
    pub fn new(router: Router, mut queries: Vec<&'static str>) -> Self {
        queries.shuffle(&mut StdRng::seed_from_u64(SEED));
        let queries = queries.into();
        Self { router, queries, sent: Arc::default(), succeeded: Arc::default(), seen: Arc::default() }
    }

    /// Asks `rate` times a second until `stop`; then waits for the answers that are still on the way.
    pub async fn run(self, rate: u32, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        let mut asked = JoinSet::new();
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            asked.spawn(self.clone().ask());
            while asked.try_join_next().is_some() {}
        }
        while asked.join_next().await.is_some() {}
    }

    async fn ask(self) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let query = self.queries[number % self.queries.len()];
        let parameters: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", query).finish();
        let request = Request::get(format!("/v1/search?{parameters}"))
            .header("x-user-id", format!("reader-{}", number * 7919 % READERS))
            .body(Body::empty());
        let Ok(request) = request else { return self.note(|seen| seen.failed += 1) };
        let started = Instant::now();
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (ok, from_pg) = (response.status().is_success(), response.headers().contains_key(ANSWERED_BY));
        let ok = ok && response.into_body().collect().await.is_ok();
        let now = Instant::now();
        self.succeeded.fetch_add(usize::from(ok), Ordering::Relaxed);
        self.note(|seen| {
            seen.requests += 1;
            seen.failed += u64::from(!ok);
            seen.latencies.push(now - started);
            if from_pg {
                seen.answered_by_pg += 1;
                seen.last_from_pg = Some(now);
            }
        });
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Requests sent from the beginning to the end, and those of them that were not answered well.
    pub fn totals(&self) -> (usize, usize) {
        let sent = self.sent.load(Ordering::Relaxed);
        (sent, sent.saturating_sub(self.succeeded.load(Ordering::Relaxed)))
    }

    /// What was seen since the last time.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
