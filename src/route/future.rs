use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use pin_project_lite::pin_project;
use tower::{Service, util::Oneshot};

use crate::{decide::Answered, error::Side};

pin_project! {
    /// The future of [`Route`](super::Route).
    pub struct RouteFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        state: State<S, Req>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req>
    where
        S: Service<Req>,
    {
        Source {
            #[pin]
            future: Oneshot<S, Req>,
        },
        // Boxed: it costs nothing beside a database query, and keeps the common state small.
        Target {
            future: BoxFuture<'static, Result<Answered<S::Response>, S::Error>>,
        },
    }
}

impl<S, Req> RouteFuture<S, Req>
where
    S: Service<Req>,
{
    #[inline]
    pub(super) fn source(future: Oneshot<S, Req>) -> Self {
        Self { state: State::Source { future } }
    }

    pub(super) fn target(future: BoxFuture<'static, Result<Answered<S::Response>, S::Error>>) -> Self {
        Self { state: State::Target { future } }
    }
}

impl<S, Req> Future for RouteFuture<S, Req>
where
    S: Service<Req>,
{
    type Output = Result<Answered<S::Response>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Source { future } => future.poll(cx).map_ok(|response| Answered { by: Side::Meili, response }),
            StateProj::Target { future } => future.as_mut().poll(cx),
        }
    }
}
