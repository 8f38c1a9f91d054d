//! What the layer costs in `meili_only`, where it has nothing to do: one look at the plan, and one at what is owed.

use std::{convert::Infallible, future::Future, hint::black_box, sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::post};
use crossfade::{
    backend::postgres::PostgresOptions,
    codec::{Typed, WriteError, Written},
    document::{Document, Version},
    dual_write::{self, DualWritePolicy, DualWrites},
    http::codec::meili_documents,
    journal::{Journal, JournalOptions, memory::MemoryJournal},
    plan::{Flags, PlanHandle},
    write::IndexWrite,
};
use http::{Request, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::{
    report::{Budget, median, verdict},
    sides::{AllDone, INDEX, document},
};

/// Samples of each variant, in turns, and calls of each sample.
const SAMPLES: usize = 61;
const CALLS: u32 = 20_000;

/// A layer that is off, with its worker.
struct Off {
    writes: DualWrites,
    journal: MemoryJournal,
    _stop: tokio_util::sync::DropGuard,
}

impl Off {
    async fn start() -> Self {
        let journal = MemoryJournal::new(JournalOptions::default());
        let plan = PlanHandle::fixed(Flags::default());
        // Is never asked.
        let target = Arc::new(PostgresOptions::new("postgres://nobody@127.0.0.1:1/nothing").unwrap().writer());
        let policy = DualWritePolicy { drain: Duration::ZERO, ..DualWritePolicy::default() };
        let (writes, worker) = dual_write::pair(plan, Arc::new(journal.clone()), Arc::new(AllDone), target, policy);
        let stop = CancellationToken::new();
        tokio::spawn(worker.run(stop.clone().cancelled_owned()));
        // Until the worker has seen that nothing is owed from before the start.
        sleep(Duration::from_millis(500)).await;
        Self { writes, journal, _stop: stop.drop_guard() }
    }

    /// What was measured is the layer passing writes by, not recording them.
    async fn end(self) {
        assert_eq!(self.journal.highest_version().await.unwrap(), Version(0));
    }
}

pub async fn typed(whole: bool) {
    let off = Off::start().await;
    let service = service_fn(|_: IndexWrite| std::future::ready(Ok::<_, WriteError>(Written::default())));
    let bare = BoxCloneSyncService::new(service);
    let layered = BoxCloneSyncService::new(off.writes.layer(Typed).layer(service));
    let call = |service: &BoxCloneSyncService<IndexWrite, Written, WriteError>| {
        let service = service.clone();
        async move {
            let write = IndexWrite::put(INDEX, "1", Document::new());
            black_box(service.oneshot(write).await.unwrap());
        }
    };
    let over = compare(whole, || call(&bare), || call(&layered)).await;
    over.print("off: typed write, over the bare service", 60.0);
    off.end().await;
}

pub async fn http(whole: bool) {
    let off = Off::start().await;
    let answer = r#"{"taskUid":1,"indexUid":"bench","status":"enqueued","type":"documentAdditionOrUpdate"}"#;
    let route = post(move |body: axum::body::Bytes| async move {
        black_box(body);
        (http::StatusCode::ACCEPTED, answer)
    });
    let path = format!("/indexes/{INDEX}/documents");
    let layer = off.writes.layer(meili_documents(INDEX, "id").trust_callers().build());
    let bare: Router = Router::new().route(&path, route.clone()).with_state(());
    let layered: Router = Router::new().route(&path, route.layer(layer)).with_state(());
    let body = axum::body::Bytes::from(serde_json::to_string(&document("1", 1)).unwrap());
    let call = |router: &Router| {
        let mut router = router.clone();
        let request = Request::post(&path).header(CONTENT_TYPE, "application/json").body(Body::from(body.clone()));
        async move {
            let response: Result<_, Infallible> = router.call(request.unwrap()).await;
            black_box(response.unwrap().into_body().collect().await.unwrap());
        }
    };
    let over = compare(whole, || call(&bare), || call(&layered)).await;
    over.print("off: HTTP write, over the bare route", 500.0);
    off.end().await;
}

/// Nanoseconds per call.
struct Over {
    bare: f64,
    over: f64,
    noise: f64,
}

impl Over {
    fn print(&self, what: &str, budget: f64) {
        let details = format!("bare {:.0} ns; the bare one against itself: {:+.0} ns", self.bare, self.noise);
        verdict(what, self.over, "ns", Budget::AtMost(budget), &details);
    }
}

async fn compare<A: Future<Output = ()>, B: Future<Output = ()>>(
    whole: bool,
    bare: impl Fn() -> A,
    layered: impl Fn() -> B,
) -> Over {
    let (samples, calls) = if whole { (SAMPLES, CALLS) } else { (3, 100) };
    let [mut first, mut second, mut other] = [const { Vec::new() }; 3];
    for _ in 0..samples {
        first.push(nanos(calls, &bare).await);
        other.push(nanos(calls, &layered).await);
        second.push(nanos(calls, &bare).await);
    }
    let over = |these: &[f64]| median(these.iter().zip(&first).map(|(these, first)| these - first));
    Over { over: over(&other), noise: over(&second), bare: median(first.iter().copied()) }
}

async fn nanos<F: Future<Output = ()>>(calls: u32, call: impl Fn() -> F) -> f64 {
    let begun = Instant::now();
    for _ in 0..calls {
        call().await;
    }
    begun.elapsed().as_nanos() as f64 / f64::from(calls)
}
