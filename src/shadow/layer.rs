use std::sync::Arc;

use tokio::sync::mpsc;
use tower::Layer;

use super::{Shadow, ShadowPolicy, ShadowSink, ShadowWorker, pair::Job, worker::Sides};
use crate::{
    backend::{SearchBackend, Settlement},
    opaque::opaque_debug,
};

/// Where sampled reads are sent: the sending half of a worker's queue. Cloning is a reference count.
#[derive(Clone)]
pub struct ShadowQueue {
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) sink: Arc<dyn ShadowSink>,
}

/// Applies [`Shadow`] to a service.
#[derive(Clone)]
pub struct ShadowLayer<C> {
    pub(super) queue: ShadowQueue,
    pub(super) codec: C,
    pub(super) endpoint: Arc<str>,
}

/// The two halves of the shadow: the queue that layers send to, and the worker that asks, compares and tells `sink`.
///
/// `settlement` says whether writes were under way while a pair was read; without it that is unknown.
pub fn pair(
    policy: ShadowPolicy,
    source: Arc<dyn SearchBackend>,
    target: Arc<dyn SearchBackend>,
    settlement: Option<Arc<dyn Settlement>>,
    sink: Arc<dyn ShadowSink>,
) -> (ShadowQueue, ShadowWorker) {
    let (sender, jobs) = mpsc::channel(policy.queue.max(1));
    // A pool of its own, where the side offers one: shadow reads must not starve those that users wait for.
    let isolated = |side: Arc<dyn SearchBackend>| side.isolated().unwrap_or(side);
    let sides = Sides { meili: isolated(source), pg: isolated(target), settlement };
    (ShadowQueue { jobs: sender, sink }, ShadowWorker { jobs, sides, policy })
}

impl ShadowQueue {
    /// A layer that sends sampled reads here, recorded under the name `endpoint` (for example `GET /v1/search`).
    pub fn layer<C>(&self, codec: C, endpoint: impl Into<Arc<str>>) -> ShadowLayer<C> {
        ShadowLayer { queue: self.clone(), codec, endpoint: endpoint.into() }
    }
}

impl<C> ShadowLayer<C> {
    /// Records under another name.
    pub fn endpoint(mut self, name: impl Into<Arc<str>>) -> Self {
        self.endpoint = name.into();
        self
    }
}

impl<S, C: Clone> Layer<S> for ShadowLayer<C> {
    type Service = Shadow<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Shadow { inner, layer: Arc::new(self.clone()) }
    }
}

opaque_debug!(ShadowQueue);
opaque_debug!(ShadowLayer<C>);
