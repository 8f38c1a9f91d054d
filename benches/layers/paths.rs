//! The read paths that are measured: a typed service, and an axum route.

use std::{
    convert::Infallible,
    future::Future,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, routing::get};
use crossfade::{
    backend::SearchBackend,
    codec::Typed,
    error::{BackendError, Side},
    http::codec::json_search,
    migration::{Migration, Worker},
    plan::{Flags, Percent, PlanHandle, WriteMode},
    search::{Hit, SearchHits, SearchQuery},
    shadow::{ShadowPolicy, ShadowRecord, ShadowSink},
};
use futures_util::future::BoxFuture;
use http::{HeaderName, Request};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

/// Keeps what is recorded.
#[derive(Clone, Default)]
pub struct Records(Arc<Mutex<Vec<ShadowRecord>>>);

impl Records {
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn taken(&self) -> Vec<ShadowRecord> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl ShadowSink for Records {
    fn record(&self, record: ShadowRecord) {
        self.0.lock().unwrap().push(record);
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Off,
    Unsampled,
    Sampled,
}

/// A read path, with or without layers.
pub trait Path: Send + Sync + 'static {
    fn new(migration: Option<&Migration>) -> Self;
    fn read(&self) -> impl Future<Output = ()> + Send;
}

pub struct TypedPath(Service1);
pub struct HttpPath(Router);

/// Boxed alike in all modes, so that the difference is the layers' alone.
type Service1 = BoxCloneSyncService<SearchQuery, SearchHits, BackendError>;

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Unsampled => "unsampled",
            Self::Sampled => "sampled",
        }
    }

    pub fn migration(
        self,
        records: impl ShadowSink,
        sides: [Arc<dyn SearchBackend>; 2],
        policy: ShadowPolicy,
    ) -> (Migration, Worker) {
        let write_mode = if self == Self::Off { WriteMode::MeiliOnly } else { WriteMode::Dual };
        let shadow_sample_rate = match self {
            Self::Off => Percent::ZERO,
            // Not drawn in practice, but the draw is made.
            Self::Unsampled => "0.0001".parse().unwrap(),
            Self::Sampled => Percent::HUNDRED,
        };
        let plan = PlanHandle::fixed(Flags { write_mode, shadow_sample_rate, ..Flags::default() });
        let [source, target] = sides;
        Migration::builder(plan)
            .source(source)
            .target(target)
            .shadow_log(records)
            .shadow_policy(policy)
            .build()
            .unwrap()
    }
}

pub fn hits() -> SearchHits {
    let hit = |n: usize| Hit::new(format!("m{n}"), Default::default());
    SearchHits::new((0..20).map(hit).collect::<Vec<_>>(), 20)
}

/// A side that answers at once.
pub struct Instant(pub Side, pub SearchHits);

impl SearchBackend for Instant {
    fn side(&self) -> Side {
        self.0
    }

    fn search<'a>(&'a self, _: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
        Box::pin(std::future::ready(Ok(self.1.clone())))
    }
}

impl Path for TypedPath {
    fn new(migration: Option<&Migration>) -> Self {
        let hits = hits();
        let inner = tower::service_fn(move |_: SearchQuery| std::future::ready(Ok::<_, BackendError>(hits.clone())));
        Self(match migration {
            Some(migration) => BoxCloneSyncService::new(migration.reads(Typed).layer(inner)),
            None => BoxCloneSyncService::new(inner),
        })
    }

    async fn read(&self) {
        let query = SearchQuery::new("the hangover").by("user1");
        std::hint::black_box(self.0.clone().oneshot(query).await.unwrap());
    }
}

/// 20 hits in 6 KB.
pub fn answer() -> String {
    let item = |n: usize| serde_json::json!({ "event_id": format!("m{n}"), "content": "x".repeat(250) });
    serde_json::json!({ "items": (0..20).map(item).collect::<Vec<_>>(), "total": 20 }).to_string()
}

impl HttpPath {
    pub fn route<F, Fut>(migration: Option<&Migration>, handler: F) -> Self
    where
        F: Fn() -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Body> + Send + 'static,
    {
        let route = get(handler);
        let codec = json_search("/items/*/event_id").user(HeaderName::from_static("x-user-id"));
        let route = match migration {
            Some(migration) => route.layer(migration.http_reads(codec)),
            None => route,
        };
        // With its state, as `axum::serve` has it: without, layers are applied anew for every request.
        Self(Router::new().route("/v1/search", route).with_state(()))
    }
}

impl Path for HttpPath {
    fn new(migration: Option<&Migration>) -> Self {
        let answer = axum::body::Bytes::from(answer());
        Self::route(migration, move || std::future::ready(Body::from(answer.clone())))
    }

    async fn read(&self) {
        let request = Request::get("/v1/search?q=the+hangover&limit=20")
            .header("x-user-id", "user1")
            .body(Body::empty())
            .unwrap();
        let response: Result<_, Infallible> = self.0.clone().call(request).await;
        std::hint::black_box(response.unwrap().into_body().collect().await.unwrap());
    }
}
