use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::Instant;
use tower::Service;

use super::{DecideFuture, DecideLayer, Decided, future::Preparing};
use crate::{
    breaker::Admission,
    codec::{Codec, CodecError},
    error::Side,
    plan::{Percent, Plan},
    telemetry::{self, FallbackReason},
};

/// Loads the plan and decides, see the [module](super).
#[derive(Debug)]
pub struct Decide<S, C> {
    pub(super) inner: S,
    // Shared: routers clone their services for every request.
    pub(super) layer: Arc<DecideLayer<C>>,
}

impl<S: Clone, C> Clone for Decide<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<C> DecideLayer<C> {
    /// The side that answers a prepared request.
    pub(super) fn primary<Req, Res>(&self, plan: &Plan, request: &Req) -> Side
    where
        C: Codec<Req, Res>,
    {
        let side = plan.answers_all().unwrap_or_else(|| {
            let reader = self.codec.reader(request);
            if reader.is_none() {
                telemetry::canary_anonymous();
            }
            plan.answers(reader.map(|reader| Percent::bucket(&self.salt, &reader)))
        });
        if side == Side::Meili {
            return side;
        }
        let question = self.codec.question(request);
        if matches!(question, Err(CodecError::NotOurs)) {
            return Side::Meili;
        }
        // Without a current Meilisearch there is nothing to protect the reader with: PostgreSQL is asked even so. What
        // cannot be read will not be asked, and must not use up a probe.
        let guarded = question.is_ok() && plan.meili_is_current();
        if guarded && self.breaker.admit(Instant::now()) == Admission::Open {
            telemetry::read_fallback(FallbackReason::BreakerOpen);
            self.tally.held_back();
            return Side::Meili;
        }
        Side::Pg
    }
}

#[inline]
fn drawn(rate: Percent) -> bool {
    rate != Percent::ZERO && rate.covers(Percent::bucket_of(rand::random()))
}

impl<S, C, Req> Service<Req> for Decide<S, C>
where
    S: Service<Decided<Req>> + Clone,
    C: Codec<Req, S::Response>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DecideFuture<S, C, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let plan = self.layer.plan.load();
        let sampled = drawn(plan.shadow_rate());
        if !sampled && plan.answers_all() == Some(Side::Meili) {
            return DecideFuture::decided(self.inner.call(Decided { plan, primary: Side::Meili, sampled, request }));
        }
        // The service that was polled ready is the one to call; its clone is not ready.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let prepare = self.layer.codec.prepare(request);
        DecideFuture::preparing(Preparing { prepare, plan, sampled, inner, layer: self.layer.clone() })
    }
}
