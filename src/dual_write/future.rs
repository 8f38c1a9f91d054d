use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use pin_project_lite::pin_project;

pin_project! {
    /// The future of [`DualWrite`](super::DualWrite); `F` is the wrapped service's.
    pub struct DualWriteFuture<F, Res, E> {
        #[pin]
        state: State<F, Res, E>,
    }
}

pin_project! {
    #[project = StateProj]
    // As in the read path: no request is held here, so that a write that only passes by stays small.
    enum State<F, Res, E> {
        /// The wrapped service was ready and has been called.
        Called {
            #[pin]
            future: F,
        },
        /// It was not able to take a request.
        Failed {
            error: Option<E>,
        },
        /// It was not ready, or both sides are written.
        Boxed {
            future: BoxFuture<'static, Result<Res, E>>,
        },
    }
}

impl<F, Res, E> DualWriteFuture<F, Res, E> {
    #[inline]
    pub(super) fn called(future: F) -> Self {
        Self { state: State::Called { future } }
    }

    pub(super) fn failed(error: E) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    pub(super) fn boxed(future: BoxFuture<'static, Result<Res, E>>) -> Self {
        Self { state: State::Boxed { future } }
    }
}

impl<F, Res, E> Future for DualWriteFuture<F, Res, E>
where
    F: Future<Output = Result<Res, E>>,
{
    type Output = Result<Res, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Called { future } => future.poll(cx),
            // Polled again after it was ready, which callers must not do.
            StateProj::Failed { error } => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
            StateProj::Boxed { future } => future.as_mut().poll(cx),
        }
    }
}
