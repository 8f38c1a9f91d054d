use std::{fmt, sync::Arc, time::Duration};

use tower::Layer;

use super::{Route, target::Target};
use crate::{backend::SearchBackend, breaker::Breaker, tally::Tally};

/// Applies [`Route`] to the service that asks Meilisearch.
#[derive(Clone)]
pub struct RouteLayer<C> {
    pub(super) target: Target<C>,
}

impl<C> RouteLayer<C> {
    /// Reads for PostgreSQL are asked of `target`, within one second unless [`deadline`](Self::deadline) says otherwise.
    pub fn new(codec: C, target: Arc<dyn SearchBackend>) -> Self {
        let (breaker, tally) = (Arc::default(), Arc::default());
        Self { target: Target { codec, backend: target, breaker, tally, deadline: Duration::from_secs(1) } }
    }

    /// How long PostgreSQL may take before Meilisearch is asked instead.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.target.deadline = deadline;
        self
    }

    /// Where successes and failures are reported; to be shared with [`DecideLayer`](crate::decide::DecideLayer).
    pub fn breaker(mut self, breaker: Arc<Breaker>) -> Self {
        self.target.breaker = breaker;
        self
    }

    /// Where it is counted how reads fare that PostgreSQL is asked; to be shared with
    /// [`DecideLayer`](crate::decide::DecideLayer).
    pub fn tally(mut self, tally: Arc<Tally>) -> Self {
        self.target.tally = tally;
        self
    }
}

impl<S, C: Clone> Layer<S> for RouteLayer<C> {
    type Service = Route<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Route { inner, target: Arc::new(self.target.clone()) }
    }
}

impl<C: fmt::Debug> fmt::Debug for RouteLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteLayer")
            .field("codec", &self.target.codec)
            .field("deadline", &self.target.deadline)
            .finish_non_exhaustive()
    }
}
