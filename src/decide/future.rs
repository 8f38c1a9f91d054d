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
        state: State<C::Prepare, S::Future, S, C>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<P, F, S, C> {
        Preparing {
            #[pin]
            prepare: P,
            plan: Plan,
            sampled: bool,
            inner: S,
            layer: Arc<DecideLayer<C>>,
        },
        Decided {
            #[pin]
            future: F,
        },
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

    pub(super) fn preparing(
        prepare: C::Prepare,
        plan: Plan,
        sampled: bool,
        inner: S,
        layer: Arc<DecideLayer<C>>,
    ) -> Self {
        Self { state: State::Preparing { prepare, plan, sampled, inner, layer } }
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
                StateProj::Preparing { prepare, plan, sampled, inner, layer } => {
                    let request = ready!(prepare.poll(cx));
                    let primary = layer.primary::<Req, S::Response>(plan, &request);
                    inner.call(Decided { plan: *plan, primary, sampled: *sampled, request })
                }
            };
            state.set(State::Decided { future });
        }
    }
}
