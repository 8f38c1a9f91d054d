//! Sends a read to the side that is to answer it, and to Meilisearch when PostgreSQL cannot.
//!
//! [`Route`] wraps the service's own read path, which asks Meilisearch. A [`Decided`](crate::decide::Decided) request for
//! Meilisearch goes there untouched. One for PostgreSQL is decoded and asked of the target, with a deadline; if that
//! fails in any way, panics included, the untouched request goes to the wrapped service after all, and the fallback is
//! counted. After repeated failures the shared [`Breaker`](crate::breaker::Breaker) keeps
//! [`Decide`](crate::decide::Decide) from sending reads here, but for probes.
//!
//! Once writes go to PostgreSQL only, Meilisearch is no longer current and cannot stand in: then the
//! [codec](crate::codec::Refuse) says how the service reports a failed search.
//!
//! # Readiness
//!
//! A request may need the wrapped service or not. Reserving it in `poll_ready` would hold a permit that is then not used
//! (with a `ConcurrencyLimit(1)` inside, for ever), so `poll_ready` is always ready, and the wrapped service is driven to
//! readiness inside the call.
//!
//! # Examples
//!
//! Every reader on PostgreSQL, which fails: the wrapped service answers.
//!
//! ```
//! use std::{convert::Infallible, sync::Arc};
//! use crossfade::{backend::SearchBackend, codec::Typed, decide::DecideLayer, error::*, plan::*, search::*};
//! use crossfade::{decide::Answered, route::RouteLayer};
//! use futures_util::future::BoxFuture;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! struct Down;
//! impl SearchBackend for Down {
//!     fn side(&self) -> Side { Side::Pg }
//!     fn search<'a>(&'a self, _: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
//!         Box::pin(async { Err(BackendError::new(Side::Pg, BackendErrorKind::Unavailable, "connecting")) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let flags = Flags { write_mode: WriteMode::Dual, read_backend: ReadBackend::Pg, ..Flags::default() };
//! let service = ServiceBuilder::new()
//!     .layer(DecideLayer::new(PlanHandle::fixed(flags), Typed))
//!     .map_response(|answered: Answered<SearchHits>| {
//!         assert_eq!(answered.by, Side::Meili);
//!         answered.response
//!     })
//!     .layer(RouteLayer::new(Typed, Arc::new(Down)))
//!     .service(service_fn(|_: SearchQuery| async { Ok::<_, BackendError>(SearchHits::default()) }));
//! service.oneshot(SearchQuery::new("hello")).await.unwrap();
//! # }
//! ```
//!
//! A stricter deadline:
//!
//! ```
//! # use crossfade::{backend::SearchBackend, codec::Typed, route::RouteLayer};
//! # use std::sync::Arc;
//! use std::time::Duration;
//! # fn strict(target: Arc<dyn SearchBackend>) {
//! let layer = RouteLayer::new(Typed, target).deadline(Duration::from_millis(300));
//! # }
//! ```

mod future;
mod layer;
mod service;
mod target;

pub use future::RouteFuture;
pub use layer::RouteLayer;
pub use service::Route;
