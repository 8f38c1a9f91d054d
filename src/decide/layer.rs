use std::sync::Arc;

use tower::Layer;

use super::Decide;
use crate::{breaker::Breaker, plan::PlanHandle, tally::Tally};

/// Applies [`Decide`] to a service that takes [`Decided`](super::Decided) requests.
#[derive(Clone, Debug)]
pub struct DecideLayer<C> {
    pub(super) plan: PlanHandle,
    pub(super) codec: C,
    pub(super) breaker: Arc<Breaker>,
    pub(super) tally: Arc<Tally>,
    pub(super) salt: Arc<str>,
}

impl<C> DecideLayer<C> {
    /// Decides by `plan`; `codec` says who reads.
    pub fn new(plan: PlanHandle, codec: C) -> Self {
        Self { plan, codec, breaker: Arc::default(), tally: Arc::default(), salt: Arc::from("crossfade") }
    }

    /// The breaker that [`Route`](crate::route::Route) reports to: while it is open, reads go to Meilisearch.
    pub fn breaker(mut self, breaker: Arc<Breaker>) -> Self {
        self.breaker = breaker;
        self
    }

    /// Where reads are counted that the breaker keeps from PostgreSQL; to be shared with
    /// [`RouteLayer`](crate::route::RouteLayer).
    pub fn tally(mut self, tally: Arc<Tally>) -> Self {
        self.tally = tally;
        self
    }

    /// The salt of the canary's buckets. Fixed for one migration, the same on all replicas: another salt is another
    /// set of readers.
    pub fn salt(mut self, salt: impl Into<Arc<str>>) -> Self {
        self.salt = salt.into();
        self
    }
}

impl<S, C: Clone> Layer<S> for DecideLayer<C> {
    type Service = Decide<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Decide { inner, layer: Arc::new(self.clone()) }
    }
}
