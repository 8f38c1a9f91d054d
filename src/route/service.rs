use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_util::{FutureExt, TryFutureExt};
use tower::{Service, ServiceExt};

use super::{RouteFuture, target::Target};
use crate::{
    codec::{Codec, Refuse},
    decide::{Answered, Decided},
    error::Side,
    opaque::opaque_debug,
    telemetry::{self, FallbackReason},
};

/// Sends a read to the side that is to answer it, see the [module](super).
pub struct Route<S, C> {
    pub(super) inner: S,
    // Shared: routers clone their services for every request.
    pub(super) target: Arc<Target<C>>,
}

impl<S: Clone, C> Clone for Route<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), target: self.target.clone() }
    }
}

impl<S, C, Req> Service<Decided<Req>> for Route<S, C>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    Req: Send + 'static,
    C: Codec<Req, S::Response> + Refuse<S::Response, S::Error>,
{
    type Response = Answered<S::Response>;
    type Error = S::Error;
    type Future = RouteFuture<S::Future, S::Response, S::Error>;

    /// Always ready: see the [module](super#readiness).
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, decided: Decided<Req>) -> Self::Future {
        let mut inner = self.inner.clone();
        if decided.primary == Side::Meili {
            // Mostly it is ready at once. If not, nobody needs waking yet: the future asks again.
            return match inner.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => RouteFuture::called(inner.call(decided.request)),
                Poll::Ready(Err(error)) => RouteFuture::failed(error),
                Poll::Pending => {
                    let waiting = inner.oneshot(decided.request);
                    RouteFuture::boxed(waiting.map_ok(|response| Answered { by: Side::Meili, response }).boxed())
                }
            };
        }
        let target = self.target.clone();
        let query = target.read(&decided.request);
        RouteFuture::boxed(Box::pin(async move {
            let failure = match target.answer(query).await {
                Ok(response) => return Ok(Answered { by: Side::Pg, response }),
                Err(failure) => failure,
            };
            if let Some(failure) = failure.into_error() {
                if !decided.plan.meili_is_current() {
                    telemetry::read_refused(failure.kind());
                    return target.codec.refuse(failure).map(|response| Answered { by: Side::Pg, response });
                }
                telemetry::read_fallback(FallbackReason::Failed(failure.kind()));
            }
            let response = inner.oneshot(decided.request).await?;
            Ok(Answered { by: Side::Meili, response })
        }))
    }
}

opaque_debug!(Route<S, C>);
