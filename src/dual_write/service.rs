use std::task::{Context, Poll, Waker};

use tokio::time::Instant;
use tower::{Service, ServiceExt};

use super::{DualWriteFuture, DualWriteLayer, request::Request};
use crate::codec::{RefuseWrite, WriteCodec};

/// Writes both sides, see the [module](super).
#[derive(Clone, Debug)]
pub struct DualWrite<S, C> {
    pub(super) inner: S,
    pub(super) layer: DualWriteLayer<C>,
}

impl<S, C, Req> Service<Req> for DualWrite<S, C>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    C: WriteCodec<Req, S::Response> + RefuseWrite<S::Response, S::Error>,
    Req: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DualWriteFuture<S::Future, S::Response, S::Error>;

    /// Always ready: there are two ways to write, and neither is reserved before it is known which is taken.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let mut inner = self.inner.clone();
        let shared = &self.layer.shared;
        let plan = shared.plan.load();
        if shared.passes_by(&plan) {
            // Mostly it is ready at once. If not, nobody needs waking yet: the future asks again.
            return match inner.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => DualWriteFuture::called(inner.call(request)),
                Poll::Ready(Err(error)) => DualWriteFuture::failed(error),
                Poll::Pending => DualWriteFuture::boxed(Box::pin(inner.oneshot(request))),
            };
        }
        let DualWriteLayer { codec, shared } = self.layer.clone();
        DualWriteFuture::boxed(Box::pin(async move {
            let begun = Instant::now();
            let written = Request { plan, codec, shared: shared.clone() }.run(request, inner).await;
            shared.pace.took(begun.elapsed());
            written
        }))
    }
}
