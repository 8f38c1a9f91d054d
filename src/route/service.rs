use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_util::{FutureExt, TryFutureExt};
use tokio::time::{Instant, timeout};
use tower::{Service, ServiceExt};

use super::{RouteFuture, layer::Target};
use crate::{
    codec::{Codec, CodecError, Refuse},
    decide::{Answered, Decided},
    error::{BackendError, BackendErrorKind, Side},
    search::SearchQuery,
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
        let codec = &target.codec;
        let query = codec.question(&decided.request).and_then(|question| codec.decode(question));
        RouteFuture::boxed(Box::pin(async move {
            let failure = match target.answer::<Req, S::Response>(query).await {
                Ok(response) => return Ok(Answered { by: Side::Pg, response }),
                Err(failure) => failure,
            };
            match failure {
                Failure::NotASearch => {}
                failure if decided.plan.meili_is_current() => telemetry::read_fallback(failure.reason()),
                failure => {
                    return target
                        .codec
                        .refuse(failure.into_error())
                        .map(|response| Answered { by: Side::Pg, response });
                }
            }
            let response = inner.oneshot(decided.request).await?;
            Ok(Answered { by: Side::Meili, response })
        }))
    }
}

/// Why PostgreSQL did not answer.
enum Failure {
    NotASearch,
    Codec(CodecError),
    Backend(BackendError),
}

impl<C> Target<C> {
    async fn answer<Req, Res>(&self, query: Result<SearchQuery, CodecError>) -> Result<Res, Failure>
    where
        C: Codec<Req, Res>,
    {
        let query = query?;
        let failed = |kind| BackendError::new(Side::Pg, kind, "answering a read");
        let started = Instant::now();
        let search = AssertUnwindSafe(async { self.backend.search(&query).await }).catch_unwind();
        let answer = match timeout(self.deadline, search).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Err(failed(BackendErrorKind::Panic)),
            Err(_elapsed) => Err(failed(BackendErrorKind::Timeout)),
        };
        match answer {
            Ok(hits) => {
                self.breaker.succeeded();
                Ok(self.codec.encode(&query, hits, started.elapsed()))
            }
            Err(error) => {
                if error.kind().is_outage() && self.breaker.failed(Instant::now()) {
                    tracing::warn!(%error, "reads go to meili until pg has recovered");
                }
                Err(Failure::Backend(error))
            }
        }
    }
}

impl Failure {
    fn reason(&self) -> FallbackReason {
        match self {
            Self::Codec(CodecError::Unsupported(_)) => FallbackReason::Failed(BackendErrorKind::Unsupported),
            Self::Codec(_) | Self::NotASearch => FallbackReason::Undecodable,
            Self::Backend(error) => FallbackReason::Failed(error.kind()),
        }
    }

    fn into_error(self) -> BackendError {
        match self {
            Self::Backend(error) => error,
            Self::NotASearch => BackendError::new(Side::Pg, BackendErrorKind::InvalidQuery, "reading the request"),
            Self::Codec(error) => {
                let kind = match error {
                    CodecError::Unsupported(_) => BackendErrorKind::Unsupported,
                    _ => BackendErrorKind::InvalidQuery,
                };
                BackendError::new(Side::Pg, kind, "reading the request").caused_by(error)
            }
        }
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::NotASearch => Self::NotASearch,
            error => Self::Codec(error),
        }
    }
}
