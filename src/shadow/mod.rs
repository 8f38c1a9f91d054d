//! Compares a sampled share of reads with the other side, off the response path.
//!
//! [`Shadow`] wraps a service that answers [`Decided`](crate::decide::Decided) requests, usually
//! [`Route`](crate::route::Route). For a sampled one it keeps what the [codec](crate::codec::Codec) needs, sends it to
//! the [`ShadowWorker`] and calls the inner service at once: both sides are asked at the same time, and the response waits
//! for nobody. The worker decodes, asks the side that does *not* answer, waits until the primary has answered, compares
//! and tells a [`ShadowSink`].
//!
//! # What it promises
//!
//! - The error type is the inner service's; nothing that happens in the worker reaches a response.
//! - The queue is bounded, and so are the pairs under way ([`ShadowPolicy`]). What cannot be taken is dropped.
//! - Every sampled read ends in exactly one [`Outcome`], drops included.
//! - Readiness is the inner service's: nothing is reserved on the other side.
//!
//! # The noise floor
//!
//! A source that breaks ties as it pleases, or is being written, does not agree with itself either. For a small share of the pairs
//! ([`ShadowPolicy::noise_share`]) Meilisearch is therefore asked twice, and the overlap of its two answers is recorded beside that of the
//! sides: while Meilisearch answers, what users saw is compared with what the worker got; after the cutover, both are the
//! worker's. A service whose handler changes what Meilisearch answers shows here as well: it stays below 1 for good.
//!
//! # Examples
//!
//! A source and a target in memory; every read is compared:
//!
//! ```
//! # #[cfg(feature = "test-util")] {
//! use std::{convert::Infallible, sync::Arc};
//! use crossfade::{backend::memory::MemoryIndex, codec::Typed, decide::{Answered, DecideLayer, Decided}, error::Side};
//! use crossfade::{plan::*, search::*, shadow::{self, ShadowPolicy}, testing::Records};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let records = Records::default();
//! let side = |side| Arc::new(MemoryIndex::new(side, &["title"]));
//! let (source, target) = (side(Side::Meili), side(Side::Pg));
//! let (queue, worker) = shadow::pair(ShadowPolicy::default(), source, target, None, Arc::new(records.clone()));
//! let flags = Flags { write_mode: WriteMode::Dual, shadow_sample_rate: Percent::HUNDRED, ..Flags::default() };
//! let service = ServiceBuilder::new()
//!     .layer(DecideLayer::new(PlanHandle::fixed(flags), Typed))
//!     .layer(queue.layer(Typed, "typed"))
//!     .service(service_fn(|_: Decided<SearchQuery>| async {
//!         Ok::<_, Infallible>(Answered { by: Side::Meili, response: SearchHits::default() })
//!     }));
//! drop(queue);
//! service.oneshot(SearchQuery::new("hello")).await.unwrap();
//! worker.run(std::future::pending()).await; // ends when all layers are gone
//! assert_eq!(records.taken().len(), 1);
//! # });
//! # }
//! ```
//!
//! Tighter bounds for a small machine:
//!
//! ```
//! use std::time::Duration;
//! use crossfade::shadow::ShadowPolicy;
//! let policy = ShadowPolicy { concurrency: 4, queue: 16, deadline: Duration::from_millis(500), ..Default::default() };
//! # assert_eq!(policy.concurrency, 4);
//! ```

mod future;
mod layer;
mod noise;
mod outcome;
mod pair;
mod record;
mod request;
mod service;
mod ticket;
mod worker;

use std::time::Duration;

pub use future::ShadowFuture;
pub use layer::{ShadowLayer, ShadowQueue, pair};
pub use outcome::Outcome;
pub use record::{Leg, ShadowRecord, ShadowSink};
pub use request::{RequestAbsent, RequestError, StoredRequest};
pub use service::Shadow;
pub use worker::{Drained, ShadowWorker};

/// The bounds of the shadow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShadowPolicy {
    /// Pairs under way at a time. No more than the other side's shadow pool has connections (4 unless set, see
    /// `PostgresOptions::isolated_pool`): the others would wait there, inside the deadline, and the latency measured
    /// would be that of the queue.
    pub concurrency: usize,
    /// Pairs that may wait for one of these places; the next is `dropped_queue_full`. More than are under way would only
    /// wait until they are late.
    pub queue: usize,
    /// A pair that has waited longer is `dropped_late`: it would no longer be concurrent.
    pub max_queue_wait: Duration,
    /// How long the compared side may take.
    pub deadline: Duration,
    /// The share of pairs, 0 to 1, for which Meilisearch is asked once more, drawn at random for each. How much its two
    /// answers overlap is the noise floor: no other side can be expected to agree more. The second question is asked at
    /// the same time, under the same deadline and in the same place; its failure changes nothing.
    pub noise_share: f64,
    /// How long a place is held for the primary, after which the pair is a `primary_error`.
    pub primary_deadline: Duration,
    /// How long pairs under way may go on after a stop.
    pub drain: Duration,
}

impl Default for ShadowPolicy {
    fn default() -> Self {
        Self {
            concurrency: 4,
            queue: 4,
            max_queue_wait: Duration::from_millis(100),
            deadline: Duration::from_secs(2),
            noise_share: 0.05,
            primary_deadline: Duration::from_secs(10),
            drain: Duration::from_secs(5),
        }
    }
}
