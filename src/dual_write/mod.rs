//! Writes reach both sides, and nothing that was acknowledged is lost on either.
//!
//! [`DualWrite`] wraps the write path of a service. While the write mode is `dual` a write goes by these steps:
//!
//! 1. It is read, its documents are locked in this process, and each change is given a version.
//! 2. It is recorded in the [journal](crate::journal), durably.
//! 3. The *authority* is asked: the side that reads are answered from. If that is Meilisearch, the wrapped service is called;
//!    if it is PostgreSQL, the layer writes there, and the wrapped service is not called.
//! 4. What the authority said is recorded, and is the response.
//!
//! The other side is written by the [`DualWriteWorker`], which takes its work from the journal only: a first attempt is like any
//! other. A request that is dropped at any point leaves an intent behind whose outcome is unknown; the worker asks the
//! authority what stands and copies that.
//!
//! In `meili_only` the layer costs one look at the plan. In `pg_only` it writes to PostgreSQL and needs no journal.
//!
//! # Two versions of a document
//!
//! PostgreSQL compares versions, Meilisearch does not: there the last write wins. In one process the locks make the order
//! of writes and the order of versions the same. Between processes nothing does, so PostgreSQL is the arbiter: its rows tell
//! who wrote them, when, and by whose decision, and a write that may have raced with another is *reconciled*. The side that is
//! right is copied to the other, under compare-and-swap. Right is the authority, which users have seen; or the higher version,
//! if the service gives versions.
//!
//! # Examples
//!
//! A typed service. The inner service writes to Meilisearch as it always did:
//!
//! ```
//! # #[cfg(feature = "test-util")] mod example {
//! use std::sync::Arc;
//! use crossfade::{backend::write::*, codec::*, dual_write::{self, DualWritePolicy}, journal::Journal, plan::PlanHandle, write::*};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # async fn example(plan: PlanHandle, journal: Arc<dyn Journal>, source: Arc<dyn SourceWriter>, target: Arc<dyn TargetWriter>) {
//! let (writes, worker) = dual_write::pair(plan, journal, source, target, DualWritePolicy::default());
//! let service = service_fn(|write: IndexWrite| async move { Ok::<_, WriteError>(Written::default()) });
//! let service = writes.layer(Typed).layer(service);
//! let stop = std::future::pending();
//! tokio::spawn(worker.run(stop));
//! service.oneshot(IndexWrite::delete("posts", "17")).await.unwrap();
//! # }
//! # }
//! ```

mod clock;
mod future;
mod lanes;
mod layer;
mod pace;
mod policy;
mod quiet;
mod request;
mod service;
mod shared;
mod suspects;
mod worker;

pub use clock::VersionClock;
pub use future::DualWriteFuture;
pub use layer::DualWriteLayer;
pub use policy::{Ack, DualWritePolicy, WithoutJournal};
pub use service::DualWrite;
pub use shared::DualWrites;
pub use worker::{DualWriteWorker, WritesDrained};

use std::sync::Arc;

use crate::{
    backend::write::{SourceWriter, TargetWriter},
    journal::Journal,
    plan::PlanHandle,
};

/// What makes the layers, and the worker that has to be run for them.
pub fn pair(
    plan: PlanHandle,
    journal: Arc<dyn Journal>,
    source: Arc<dyn SourceWriter>,
    target: Arc<dyn TargetWriter>,
    policy: DualWritePolicy,
) -> (DualWrites, DualWriteWorker) {
    let writes = DualWrites::new(plan, journal, target, policy);
    let worker = DualWriteWorker::new(writes.shared(), source);
    (writes, worker)
}
