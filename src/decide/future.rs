use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::Service;

use super::{DecideLayer, Decided};
use crate::{codec::Codec, plan::Plan};

pin_project! {
    /// The future of [`Decide`](super::Decide).
    pub struct DecideFuture<S, C, Req>
    where
        S: Service<Decided<Req>>,
        C: Codec<Req, S::Response>,
    {
        #[pin]
        state: State<S::Future, Pin<Box<Preparing<S, C, C::Prepare>>>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, P> {
        // Boxed: a request that is not looked into should not carry the room for it.
        Preparing { preparing: P },
        Decided {
            #[pin]
            future: F,
        },
    }
}

pin_project! {
    /// A request that is being made readable, and what it takes to decide and go on.
    pub(super) struct Preparing<S, C, P> {
        #[pin]
        pub(super) prepare: P,
        pub(super) plan: Plan,
        pub(super) sampled: bool,
        pub(super) inner: S,
        pub(super) layer: Arc<DecideLayer<C>>,
    }
}

impl<S, C, Req> DecideFuture<S, C, Req>
where
    S: Service<Decided<Req>>,
    C: Codec<Req, S::Response>,
{
    #[inline]
    pub(super) fn decided(future: S::Future) -> Self {
        Self { state: State::Decided { future } }
    }

    pub(super) fn preparing(preparing: Preparing<S, C, C::Prepare>) -> Self {
        Self { state: State::Preparing { preparing: Box::pin(preparing) } }
    }
}

impl<S, C, Req> Future for DecideFuture<S, C, Req>
where
    S: Service<Decided<Req>>,
    C: Codec<Req, S::Response>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                StateProj::Decided { future } => return future.poll(cx),
                StateProj::Preparing { preparing } => {
                    let Preparing { plan, sampled, .. } = **preparing;
                    let parts = preparing.as_mut().project();
                    let request = ready!(parts.prepare.poll(cx));
                    let primary = parts.layer.primary::<Req, S::Response>(&plan, &request);
                    parts.inner.call(Decided { plan, primary, sampled, request })
                }
            };
            state.set(State::Decided { future });
        }
    }
}
