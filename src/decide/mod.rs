//! One request sees one plan.
//!
//! [`Decide`] is the outermost of the read layers. It loads the [plan](crate::plan) once, draws whether the request is
//! sampled, finds the side that answers its reader, and hands all of it down as a [`Decided`] request: the layers below
//! obey and never look at the flags again, so a flag that changes in the middle of a request changes nothing for it.
//!
//! While every reader is answered by Meilisearch and the request is not sampled, that is all: one load, and one random
//! number if the sample rate is not 0. Only otherwise is the request looked into ([`Codec::prepare`]).
//!
//! A request counts as sampled once it could be read: one whose body never arrives was never a read.
//!
//! The sample is drawn at random per request; the canary is a hash of the reader under a fixed salt. Neither depends on
//! the other.
//!
//! ```
//! use std::{convert::Infallible, sync::Arc};
//! use crossfade::{codec::Typed, decide::{DecideLayer, Decided}, error::Side, plan::{Flags, PlanHandle}};
//! use crossfade::search::{SearchHits, SearchQuery};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let inner = service_fn(|decided: Decided<SearchQuery>| async move {
//!     assert_eq!(decided.primary, Side::Meili);
//!     Ok::<_, Infallible>(SearchHits::default())
//! });
//! let service = DecideLayer::new(PlanHandle::fixed(Flags::default()), Typed).layer(inner);
//! service.oneshot(SearchQuery::new("hello")).await.unwrap();
//! # }
//! ```
//!
//! A canary of 100 % sends every reader to PostgreSQL:
//!
//! ```
//! # use std::convert::Infallible;
//! # use crossfade::{codec::Typed, decide::{DecideLayer, Decided}, error::Side, plan::*, search::*};
//! # use tower::{Layer, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let flags = Flags { write_mode: WriteMode::Dual, read_backend: ReadBackend::Pg, ..Flags::default() };
//! let inner = service_fn(|decided: Decided<SearchQuery>| async move {
//!     assert_eq!(decided.primary, Side::Pg);
//!     Ok::<_, Infallible>(SearchHits::default())
//! });
//! DecideLayer::new(PlanHandle::fixed(flags), Typed).layer(inner).oneshot(SearchQuery::new("hello")).await.unwrap();
//! # }
//! ```
//!
//! [`Codec::prepare`]: crate::codec::Codec::prepare

mod future;
mod layer;
mod service;

pub use future::DecideFuture;
pub use layer::DecideLayer;
pub use service::Decide;

use crate::{error::Side, plan::Plan};

/// A request and all that was decided about it.
#[derive(Clone, Copy, Debug)]
pub struct Decided<R> {
    /// The plan it sees.
    pub plan: Plan,
    /// The side that is to answer it.
    pub primary: Side,
    /// Whether it is also sent to the other side and compared.
    pub sampled: bool,
    /// The request itself.
    pub request: R,
}

/// A response and the side that gave it: not the one decided on if that one failed.
#[derive(Clone, Copy, Debug)]
pub struct Answered<R> {
    /// Who answered.
    pub by: Side,
    /// The response.
    pub response: R,
}
