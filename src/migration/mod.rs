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

mod builder;
#[cfg(feature = "postgres")]
mod heartbeat;
mod worker;

use std::{sync::Arc, time::Duration};

use tower::Layer;

pub use self::{
    builder::{BuildError, MigrationBuilder},
    worker::{Stopped, Worker},
};
#[cfg(feature = "http")]
use crate::http::{
    admin::{self, AdminToken},
    codec::{HttpCodec, HttpWrites},
};
use crate::{
    backend::SearchBackend,
    breaker::Breaker,
    decide::{Decide, DecideLayer},
    dual_write::{DualWriteLayer, DualWrites},
    opaque::opaque_debug,
    plan::PlanHandle,
    route::{Route, RouteLayer},
    shadow::{Shadow, ShadowLayer, ShadowQueue},
    tally::Tally,
};

/// Makes layers that share one plan, one breaker and one worker. Cloning is cheap.
///
/// `W` is [`DualWrites`] if a journal was given: only then are there layers for writes.
#[derive(Clone)]
pub struct Migration<W = ()> {
    plan: PlanHandle,
    target: Arc<dyn SearchBackend>,
    queue: ShadowQueue,
    breaker: Arc<Breaker>,
    tally: Arc<Tally>,
    salt: Arc<str>,
    deadline: Duration,
    writes: W,
}

/// The read layers: decide, shadow, route. Applied to the service that asks Meilisearch.
#[derive(Clone)]
pub struct ReadsLayer<C> {
    decide: DecideLayer<C>,
    shadow: ShadowLayer<C>,
    route: RouteLayer<C>,
}

impl Migration {
    /// Starts from the flags.
    pub fn builder(plan: PlanHandle) -> MigrationBuilder {
        MigrationBuilder::new(plan)
    }
}

impl<W> Migration<W> {
    /// The flags.
    pub fn plan(&self) -> &PlanHandle {
        &self.plan
    }

    /// What becomes of the reads that PostgreSQL is to answer, in this process.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Routes by which an operator sees how this process goes by its flags, and rolls it back: see
    /// [`http::admin`](crate::http::admin). Mount them where readers do not come by.
    #[cfg(feature = "http")]
    pub fn admin(&self, token: AdminToken) -> admin::Router {
        admin::router(token, self.plan.clone(), self.tally.clone())
    }

    /// The layers for a read path that speaks what `codec` reads, for example [`Typed`](crate::codec::Typed) around a
    /// typed searcher.
    pub fn reads<C: Clone>(&self, codec: C) -> ReadsLayer<C> {
        ReadsLayer {
            decide: DecideLayer::new(self.plan.clone(), codec.clone())
                .breaker(self.breaker.clone())
                .tally(self.tally.clone())
                .salt(self.salt.clone()),
            shadow: self.queue.layer(codec.clone(), "reads"),
            route: RouteLayer::new(codec, self.target.clone())
                .breaker(self.breaker.clone())
                .tally(self.tally.clone())
                .deadline(self.deadline),
        }
    }

    /// The same for an axum route, with a codec of [`http::codec`](crate::http::codec).
    #[cfg(feature = "http")]
    pub fn http_reads<P>(&self, codec: impl Into<HttpCodec<P>>) -> ReadsLayer<HttpCodec<P>> {
        self.reads(codec.into())
    }
}

impl Migration<DualWrites> {
    /// The layer for a write path that speaks what `codec` reads, for example [`Typed`](crate::codec::Typed) around what
    /// writes to Meilisearch.
    pub fn writes<C>(&self, codec: C) -> DualWriteLayer<C> {
        self.writes.layer(codec)
    }

    /// The same for an axum route, with a codec of [`http::codec`](crate::http::codec).
    #[cfg(feature = "http")]
    pub fn http_writes<P>(&self, codec: impl Into<HttpWrites<P>>) -> DualWriteLayer<HttpWrites<P>> {
        self.writes(codec.into())
    }

    /// The journal, and whether writes are under way.
    pub fn dual_writes(&self) -> &DualWrites {
        &self.writes
    }
}

impl<C> ReadsLayer<C> {
    /// The name under which sampled reads are recorded, for example `GET /v1/search`; `reads` without it.
    pub fn endpoint(mut self, name: impl Into<Arc<str>>) -> Self {
        self.shadow = self.shadow.endpoint(name);
        self
    }
}

impl<S, C: Clone> Layer<S> for ReadsLayer<C> {
    type Service = Decide<Shadow<Route<S, C>, C>, C>;

    fn layer(&self, inner: S) -> Self::Service {
        self.decide.layer(self.shadow.layer(self.route.layer(inner)))
    }
}

opaque_debug!(Migration<W>);
opaque_debug!(ReadsLayer<C>);
