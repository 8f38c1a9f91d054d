use std::{
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use tokio::{sync::mpsc::error::TrySendError, time::Instant};
use tower::Service;

use super::{
    Leg, Outcome, ShadowFuture, ShadowLayer, ShadowRecord,
    pair::{Job, KeptBy, unread},
    ticket::Ticket,
};
use crate::{
    codec::{Codec, CodecError, Observer},
    decide::{Answered, Decided},
    opaque::opaque_debug,
};

/// Sends sampled reads to the other side as well, see the [module](super).
pub struct Shadow<S, C> {
    pub(super) inner: S,
    // Shared: routers clone their services for every request.
    pub(super) layer: Arc<ShadowLayer<C>>,
}

impl<S: Clone, C> Clone for Shadow<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<C> ShadowLayer<C> {
    /// Hands a sampled read to the worker. `None` if it ends here; the caller goes on either way.
    fn send<Req, Res>(&self, decided: &Decided<Req>) -> Option<Observer<C::Answer>>
    where
        C: Codec<Req, Res>,
    {
        let question = self.codec.question(&decided.request);
        if matches!(question, Err(CodecError::NotOurs)) {
            return None;
        }
        let ticket = Ticket::new(self.queue.sink.clone(), self.blank(decided));
        let question = match question {
            Ok(question) => question,
            Err(error) => {
                ticket.resolve(unread(&error), "");
                return None;
            }
        };
        let sent = Instant::now();
        let (observer, answer) = Observer::pair(sent);
        let kept = Box::new(KeptBy::new::<Req, Res>(self.codec.clone(), question, answer));
        match self.queue.jobs.try_send(Job { ticket, sent, kept }) {
            Ok(()) => Some(observer),
            Err(TrySendError::Full(job)) => {
                job.ticket.resolve(Outcome::DroppedQueueFull, "");
                None
            }
            // Dropping the job records `dropped_shutdown`.
            Err(TrySendError::Closed(_job)) => None,
        }
    }

    /// The record of a read of which nothing is known yet. The outcome is overwritten when it is resolved.
    fn blank<Req>(&self, decided: &Decided<Req>) -> ShadowRecord {
        ShadowRecord {
            at: SystemTime::now(),
            endpoint: self.endpoint.clone(),
            user: Default::default(),
            query: String::new(),
            classes: Vec::new(),
            request: None,
            offset: 0,
            limit: 0,
            primary: decided.primary,
            outcome: Outcome::DroppedShutdown,
            error_kind: "",
            phase: decided.plan.phase(),
            plan_version: decided.plan.version,
            settled: None,
            meili: Leg::default(),
            pg: Leg::default(),
            overlap_at_10: None,
            noise_overlap_at_10: None,
        }
    }
}

impl<S, C, Req, Res> Service<Decided<Req>> for Shadow<S, C>
where
    S: Service<Decided<Req>, Response = Answered<Res>>,
    C: Codec<Req, Res>,
{
    type Response = Res;
    type Error = S::Error;
    type Future = ShadowFuture<S::Future, C, Req, Res>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, decided: Decided<Req>) -> Self::Future {
        if !decided.sampled {
            return ShadowFuture::plain(self.inner.call(decided));
        }
        let primary = decided.primary;
        // Sent first: the other side is asked while the primary is, not after.
        let observer = self.layer.send::<Req, Res>(&decided);
        let future = self.inner.call(decided);
        match observer {
            Some(observer) => ShadowFuture::observed(future, observer, self.layer.codec.clone(), primary),
            None => ShadowFuture::plain(future),
        }
    }
}

opaque_debug!(Shadow<S, C>);
