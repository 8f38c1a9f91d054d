use std::sync::Arc;

use tower::Layer;

use super::{DualWrite, shared::Shared};

/// Applies [`DualWrite`] to the service that writes to Meilisearch. Made by [`DualWrites::layer`](super::DualWrites::layer).
#[derive(Clone, Debug)]
pub struct DualWriteLayer<C> {
    pub(super) codec: C,
    pub(super) shared: Arc<Shared>,
}

impl<S, C: Clone> Layer<S> for DualWriteLayer<C> {
    type Service = DualWrite<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        DualWrite { inner, layer: self.clone() }
    }
}
