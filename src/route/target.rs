//! Asking PostgreSQL: whatever goes wrong, panics included, is a failure that somebody else can make good.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    backend::{SearchBackend, ask},
    breaker::Breaker,
    codec::{Codec, CodecError},
    error::{BackendError, BackendErrorKind, BackendErrorKind as Kind, Side},
    search::SearchQuery,
    tally::Tally,
};

/// What it takes to ask PostgreSQL.
#[derive(Clone)]
pub(super) struct Target<C> {
    pub(super) codec: C,
    pub(super) backend: Arc<dyn SearchBackend>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) tally: Arc<Tally>,
    pub(super) deadline: Duration,
}

/// Why PostgreSQL did not answer.
pub(super) enum Failure {
    /// It was not asked: the request could not be read, or not carried over.
    Unread(CodecError),
    /// The codec panicked; PostgreSQL is not to blame.
    CodecPanicked,
    /// It failed.
    Backend(BackendError),
}

impl<C> Target<C> {
    /// Reads the query out of a request.
    pub(super) fn read<Req, Res>(&self, request: &Req) -> Result<SearchQuery, Failure>
    where
        C: Codec<Req, Res>,
    {
        let read = || self.codec.question(request).and_then(|question| self.codec.decode(question));
        let query = catch_unwind(AssertUnwindSafe(read)).map_err(|_panic| Failure::CodecPanicked)?;
        query.map_err(Failure::Unread)
    }

    /// Asks and makes the service's response of the answer.
    pub(super) async fn answer<Req, Res>(&self, query: Result<SearchQuery, Failure>) -> Result<Res, Failure>
    where
        C: Codec<Req, Res>,
    {
        // The breaker may have let this request through as its probe: it is told in every case.
        let query = query.inspect_err(|failure| {
            self.breaker.released(Instant::now());
            if !matches!(failure, Failure::Unread(CodecError::NotOurs)) {
                self.tally.unfit();
            }
        })?;
        let started = Instant::now();
        let asking = self.tally.asking();
        match ask(&*self.backend, &query, self.deadline).await {
            Ok(hits) => {
                self.breaker.succeeded();
                let encode = || self.codec.encode(&query, hits, started.elapsed());
                match catch_unwind(AssertUnwindSafe(encode)) {
                    Ok(response) => {
                        asking.answered();
                        Ok(response)
                    }
                    Err(_panic) => {
                        asking.failed(false);
                        Err(Failure::CodecPanicked)
                    }
                }
            }
            Err(error) => {
                match error.kind() {
                    Kind::Unsupported | Kind::InvalidQuery | Kind::Forbidden => asking.unfit(),
                    kind => asking.failed(kind == Kind::Timeout),
                }
                if !error.kind().is_outage() {
                    self.breaker.released(Instant::now());
                } else if self.breaker.failed(Instant::now()) {
                    tracing::warn!(kind = error.kind().as_str(), "reads go to meili until pg has recovered");
                }
                tracing::debug!(%error, "pg did not answer");
                Err(Failure::Backend(error))
            }
        }
    }
}

impl Failure {
    /// The failure as others see it; `None` if the request was no search, which is nobody's failure.
    pub(super) fn into_error(self) -> Option<BackendError> {
        let unread = |kind| BackendError::new(Side::Pg, kind, "reading the request");
        match self {
            Self::Backend(error) => Some(error),
            Self::CodecPanicked => Some(unread(BackendErrorKind::Panic)),
            Self::Unread(CodecError::NotOurs) => None,
            Self::Unread(error) => {
                let kind = match error {
                    CodecError::Unsupported(_) => BackendErrorKind::Unsupported,
                    CodecError::Forbidden => BackendErrorKind::Forbidden,
                    _ => BackendErrorKind::InvalidQuery,
                };
                Some(unread(kind).caused_by(error))
            }
        }
    }
}
