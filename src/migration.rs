//! Composition: the layers, their worker and what they share, from one builder.
//!
//! ```no_run
//! # #[cfg(feature = "http")] mod example {
//! use std::sync::Arc;
//! use axum::{Router, routing::get};
//! use crossfade::{backend::SearchBackend, http::codec, migration::Migration, plan::PlanHandle};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn search() {}
//! # fn example(plan: PlanHandle, meili: Arc<dyn SearchBackend>, postgres: Arc<dyn SearchBackend>)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let (migration, worker) = Migration::builder(plan).source(meili).target(postgres).build()?;
//! let app: Router = Router::new()
//!     .route("/v1/search", get(search).layer(migration.http_reads(codec::json_search("/items/*/event_id"))));
//! let stop = CancellationToken::new();
//! let worker = tokio::spawn(worker.run(stop.clone())); // nothing else runs in the background
//! # Ok(()) }
//! # }
//! ```

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio_util::sync::CancellationToken;
use tower::Layer;

#[cfg(feature = "http")]
use crate::http::codec::HttpCodec;
use crate::{
    backend::{SearchBackend, Settlement},
    breaker::{Breaker, BreakerPolicy},
    decide::{Decide, DecideLayer},
    error::Side,
    opaque::opaque_debug,
    plan::PlanHandle,
    route::{Route, RouteLayer},
    shadow::{self, Drained, Shadow, ShadowLayer, ShadowPolicy, ShadowQueue, ShadowRecord, ShadowSink, ShadowWorker},
    telemetry,
};

/// Makes layers that share one plan, one breaker and one shadow worker. Cloning is cheap.
#[derive(Clone)]
pub struct Migration {
    plan: PlanHandle,
    target: Arc<dyn SearchBackend>,
    queue: ShadowQueue,
    breaker: Arc<Breaker>,
    salt: Arc<str>,
    deadline: Duration,
}

/// Collects what a [`Migration`] is made of.
#[must_use]
pub struct MigrationBuilder {
    plan: PlanHandle,
    source: Option<Arc<dyn SearchBackend>>,
    target: Option<Arc<dyn SearchBackend>>,
    settlement: Option<Arc<dyn Settlement>>,
    sink: Arc<dyn ShadowSink>,
    shadow: ShadowPolicy,
    breaker: BreakerPolicy,
    salt: Arc<str>,
    deadline: Duration,
    tasks: Vec<Task>,
}

/// All that runs in the background. Does nothing until [`run`](Self::run).
#[must_use = "without a running worker every sampled read is dropped"]
pub struct Worker {
    shadow: ShadowWorker,
    tasks: Vec<Task>,
}

type Task = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// The read layers: decide, shadow, route. Applied to the service that asks Meilisearch.
#[derive(Clone)]
pub struct ReadsLayer<C> {
    decide: DecideLayer<C>,
    shadow: ShadowLayer<C>,
    route: RouteLayer<C>,
}

/// What a [`Migration`] lacks or has wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A side was not given.
    #[error("no {0} side: call `.{call}(..)` on the builder", call = if *.0 == Side::Meili { "source" } else { "target" })]
    Missing(Side),
    /// A side was given in the place of the other.
    #[error("the {expected} side was expected, but what was given says it is {given}: swap `.source` and `.target`")]
    Swapped {
        /// The side whose place it is.
        expected: Side,
        /// The side that was given.
        given: Side,
    },
}

impl Migration {
    /// Starts from the flags.
    pub fn builder(plan: PlanHandle) -> MigrationBuilder {
        MigrationBuilder {
            plan,
            source: None,
            target: None,
            settlement: None,
            sink: Arc::new(NoLog),
            shadow: ShadowPolicy::default(),
            breaker: BreakerPolicy::default(),
            salt: Arc::from("crossfade"),
            deadline: Duration::from_secs(1),
            tasks: Vec::new(),
        }
    }

    /// The flags.
    pub fn plan(&self) -> &PlanHandle {
        &self.plan
    }

    /// The layers for a read path that speaks what `codec` reads, for example [`Typed`](crate::codec::Typed) around a
    /// typed searcher.
    pub fn reads<C: Clone>(&self, codec: C) -> ReadsLayer<C> {
        ReadsLayer {
            decide: DecideLayer::new(self.plan.clone(), codec.clone())
                .breaker(self.breaker.clone())
                .salt(self.salt.clone()),
            shadow: self.queue.layer(codec.clone(), "reads"),
            route: RouteLayer::new(codec, self.target.clone()).breaker(self.breaker.clone()).deadline(self.deadline),
        }
    }

    /// The same for an axum route, with a codec of [`http::codec`](crate::http::codec).
    #[cfg(feature = "http")]
    pub fn http_reads<P>(&self, codec: impl Into<HttpCodec<P>>) -> ReadsLayer<HttpCodec<P>> {
        self.reads(codec.into())
    }
}

impl<C> ReadsLayer<C> {
    /// The name under which sampled reads are recorded, for example `GET /v1/search`; `reads` without it.
    pub fn endpoint(mut self, name: impl Into<Arc<str>>) -> Self {
        self.shadow = self.shadow.endpoint(name);
        self
    }
}

impl MigrationBuilder {
    /// The Meilisearch side, asked for comparison once PostgreSQL answers.
    pub fn source(mut self, source: impl SearchBackend) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The PostgreSQL side.
    pub fn target(mut self, target: impl SearchBackend) -> Self {
        self.target = Some(Arc::new(target));
        self
    }

    /// Where sampled reads are recorded. Without it they are counted in metrics only.
    pub fn shadow_log(mut self, sink: impl ShadowSink) -> Self {
        self.sink = Arc::new(sink);
        self
    }

    /// Who knows whether writes are under way, so that pairs can be told apart by it.
    pub fn settlement(mut self, settlement: impl Settlement) -> Self {
        self.settlement = Some(Arc::new(settlement));
        self
    }

    /// The bounds of shadow reads.
    pub fn shadow_policy(mut self, policy: ShadowPolicy) -> Self {
        self.shadow = policy;
        self
    }

    /// When reads stop being sent to a failing PostgreSQL.
    pub fn breaker_policy(mut self, policy: BreakerPolicy) -> Self {
        self.breaker = policy;
        self
    }

    /// How long PostgreSQL may take to answer a reader before Meilisearch is asked instead (1 s).
    pub fn read_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The salt of the canary's buckets: fixed for one migration, the same on all replicas.
    pub fn canary_salt(mut self, salt: impl Into<Arc<str>>) -> Self {
        self.salt = salt.into();
        self
    }

    /// Has the worker run something else along: a plan watcher, the writer of a shadow log. It gets its stop signal
    /// after the shadow worker has drained, so that nothing that was measured is lost.
    pub fn run_along<F>(mut self, task: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tasks.push(Box::new(|stop| task(stop).map(drop).boxed()));
        self
    }

    /// The layers' maker and the worker.
    pub fn build(self) -> Result<(Migration, Worker), BuildError> {
        let source = expect(self.source, Side::Meili)?;
        let target = expect(self.target, Side::Pg)?;
        let (queue, shadow) = shadow::pair(self.shadow, source, target.clone(), self.settlement, self.sink);
        let breaker = Arc::new(Breaker::new(self.breaker));
        let migration = Migration { plan: self.plan, target, queue, breaker, salt: self.salt, deadline: self.deadline };
        Ok((migration, Worker { shadow, tasks: self.tasks }))
    }
}

fn expect(given: Option<Arc<dyn SearchBackend>>, expected: Side) -> Result<Arc<dyn SearchBackend>, BuildError> {
    let given = given.ok_or(BuildError::Missing(expected))?;
    match given.side() {
        side if side == expected => Ok(given),
        side => Err(BuildError::Swapped { expected, given: side }),
    }
}

impl Worker {
    /// Runs everything until `stop`, then drains: first shadow reads, then what records them.
    pub async fn run(self, stop: CancellationToken) -> Drained {
        let stop_tasks = CancellationToken::new();
        let tasks = self.tasks.into_iter().map(|task| alone(task, stop_tasks.clone()));
        let tasks = futures_util::future::join_all(tasks);
        let shadow = async {
            let drained = self.shadow.run(stop.cancelled()).await;
            // All layers may be gone before the program stops; what runs along goes on.
            stop.cancelled().await;
            stop_tasks.cancel();
            drained
        };
        let (drained, _) = tokio::join!(shadow, tasks);
        tracing::info!(finished = drained.finished, abandoned = drained.abandoned, "shadow reads drained");
        drained
    }
}

/// Runs a task so that its panic stops nobody else: a broken log must not keep the flags from being followed.
async fn alone(task: Task, stop: CancellationToken) {
    if AssertUnwindSafe(async { task(stop).await }).catch_unwind().await.is_err() {
        telemetry::worker_panicked();
        tracing::error!("a task that the worker runs along panicked; the others go on without it");
    }
}

impl<S, C: Clone> Layer<S> for ReadsLayer<C> {
    type Service = Decide<Shadow<Route<S, C>, C>, C>;

    fn layer(&self, inner: S) -> Self::Service {
        self.decide.layer(self.shadow.layer(self.route.layer(inner)))
    }
}

/// The sink of a migration without a log: telemetry has counted the record already.
struct NoLog;

impl ShadowSink for NoLog {
    fn record(&self, _record: ShadowRecord) {}
}

opaque_debug!(Migration);
opaque_debug!(MigrationBuilder);
opaque_debug!(Worker);
opaque_debug!(ReadsLayer<C>);
