use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use crate::{
    codec::{Codec, Observed, Observer},
    decide::Answered,
    error::Side,
};

pin_project! {
    /// The future of [`Shadow`](super::Shadow): the inner service's, and a report of its end.
    pub struct ShadowFuture<F, C, Req, Res>
    where
        C: Codec<Req, Res>,
    {
        #[pin]
        inner: F,
        // Boxed: a read that is not sampled should not carry the room for it.
        observing: Option<Box<Observing<C, C::Answer>>>,
        types: PhantomData<fn(Req) -> Res>,
    }
}

struct Observing<C, A> {
    observer: Observer<A>,
    codec: C,
    primary: Side,
}

impl<F, C, Req, Res> ShadowFuture<F, C, Req, Res>
where
    C: Codec<Req, Res>,
{
    #[inline]
    pub(super) fn plain(inner: F) -> Self {
        Self { inner, observing: None, types: PhantomData }
    }

    pub(super) fn observed(inner: F, observer: Observer<C::Answer>, codec: C, primary: Side) -> Self {
        Self { inner, observing: Some(Box::new(Observing { observer, codec, primary })), types: PhantomData }
    }
}

impl<F, C, Req, Res, E> Future for ShadowFuture<F, C, Req, Res>
where
    F: Future<Output = Result<Answered<Res>, E>>,
    C: Codec<Req, Res>,
{
    type Output = Result<Res, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        let Some(observing) = this.observing.take() else {
            return Poll::Ready(result.map(|answered| answered.response));
        };
        let Observing { mut observer, codec, primary } = *observing;
        observer.answered();
        Poll::Ready(match result {
            Ok(Answered { by, response }) if by == primary => Ok(codec.observe(response, observer)),
            // Another side had to answer: the one that was to be compared did not.
            Ok(Answered { response, .. }) => {
                observer.report(Observed::Failed);
                Ok(response)
            }
            Err(error) => {
                observer.report(Observed::Failed);
                Err(error)
            }
        })
    }
}
