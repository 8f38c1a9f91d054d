use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use pin_project_lite::pin_project;

use crate::{decide::Answered, error::Side};

pin_project! {
    /// The future of [`Route`](super::Route); `F` is the wrapped service's.
    pub struct RouteFuture<F, Res, E> {
        #[pin]
        state: State<F, Res, E>,
    }
}

pin_project! {
    #[project = StateProj]
    // No request is held here: what is common stays small, and futures are moved several times before they are polled.
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
        /// It was not ready, or PostgreSQL is asked: beside that, a box costs nothing.
        Boxed {
            future: BoxFuture<'static, Result<Answered<Res>, E>>,
        },
    }
}

impl<F, Res, E> RouteFuture<F, Res, E> {
    #[inline]
    pub(super) fn called(future: F) -> Self {
        Self { state: State::Called { future } }
    }

    pub(super) fn failed(error: E) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    pub(super) fn boxed(future: BoxFuture<'static, Result<Answered<Res>, E>>) -> Self {
        Self { state: State::Boxed { future } }
    }
}

impl<F, Res, E> Future for RouteFuture<F, Res, E>
where
    F: Future<Output = Result<Res, E>>,
{
    type Output = Result<Answered<Res>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Called { future } => future.poll(cx).map_ok(|response| Answered { by: Side::Meili, response }),
            // Polled again after it was ready, which callers must not do.
            StateProj::Failed { error } => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
            StateProj::Boxed { future } => future.as_mut().poll(cx),
        }
    }
}
