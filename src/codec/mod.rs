//! Between what a service speaks and what the layers understand.
//!
//! The layers are generic over the request and response of the wrapped service; a [`Codec`] tells them where the query
//! is and what was answered. [`Typed`] is the identity, for services that speak [`SearchQuery`] already; the `http`
//! feature adds codecs for JSON routes.
//!
//! The methods are split by where they run. On the response path only what is cheap: [`Codec::question`] keeps what is
//! needed of the request, [`Codec::observe`] lets the response pass and keeps what is needed of it. Parsing
//! ([`Codec::decode`], [`Codec::ids`]) happens in the shadow worker, and on the response path only when PostgreSQL answers.

mod write;

use std::{borrow::Cow, fmt, future::Future, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use crate::{
    document::DocumentId,
    error::BackendError,
    search::{SearchHits, SearchQuery},
};

pub use write::{RefuseWrite, WriteCodec, WriteError, Written};

/// Turns what a service speaks into [`SearchQuery`] and [`SearchHits`], and back.
pub trait Codec<Req, Res>: Clone + Send + Sync + 'static {
    /// What is kept of a request until somebody decodes it.
    type Question: Send + 'static;
    /// What is kept of a response until somebody reads its ids.
    type Answer: Send + 'static;
    /// Makes a request readable, see [`Codec::prepare`].
    type Prepare: Future<Output = Req> + Send;

    /// Makes the request ready for [`reader`](Codec::reader) and [`question`](Codec::question), for example by reading
    /// its body up to a limit. Only called when the plan needs to look inside. What comes back must be as good to the
    /// inner service as what went in.
    fn prepare(&self, request: Req) -> Self::Prepare;

    /// Who reads, for the sticky canary. `None` is an anonymous reader.
    fn reader<'a>(&self, request: &'a Req) -> Option<Cow<'a, str>>;

    /// Keeps what [`decode`](Codec::decode) will need. Runs on the response path: no parsing here.
    fn question(&self, request: &Req) -> Result<Self::Question, CodecError>;

    /// Reads the query.
    fn decode(&self, question: Self::Question) -> Result<SearchQuery, CodecError>;

    /// Lets a response pass and tells `observer` what it was, at once or when its body has gone by. Runs on the
    /// response path: no parsing here.
    fn observe(&self, response: Res, observer: Observer<Self::Answer>) -> Res;

    /// Reads the ids that were shown, best first.
    fn ids(&self, answer: Self::Answer) -> Result<Vec<DocumentId>, CodecError>;

    /// Makes the response the wrapped service would have given for these hits; `took` is how long the search took.
    fn encode(&self, query: &SearchQuery, hits: SearchHits, took: Duration) -> Res;
}

/// How a service says that a search failed on PostgreSQL when Meilisearch can no longer stand in.
pub trait Refuse<Res, E> {
    /// The response, or the error, that the wrapped service would give.
    fn refuse(&self, failure: BackendError) -> Result<Res, E>;
}

/// Why a request or response could not be read. The inner service still answers the request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The body is larger than the limit, so it was not kept.
    TooLarge,
    /// The connection broke before the body was complete.
    Broken,
    /// It is no search, or not in the shape the codec was told.
    Malformed(String),
    /// It asks for something the other side does not offer; the name of the parameter.
    Unsupported(String),
    /// The caller has shown nothing that lets this side answer; the inner service knows more.
    Forbidden,
    /// It is none of the codec's business: to a codec of searches a write on the same router, and the other way round. Not
    /// counted anywhere.
    NotOurs,
}

/// What became of the primary read, as far as a comparison needs to know.
#[derive(Debug)]
pub enum Observed<A> {
    /// It answered; what was kept of the answer.
    Answered(A),
    /// It failed: an error, or a response that is no success.
    Failed,
    /// It answered, but the answer could not be kept.
    Unreadable(CodecError),
    /// Nobody waited for the end: the caller went away.
    Cancelled,
}

/// Where [`Codec::observe`] reports to, once. Dropping it unused reports [`Observed::Cancelled`].
#[derive(Debug)]
pub struct Observer<A> {
    started: Instant,
    latency: Duration,
    sender: oneshot::Sender<(Observed<A>, Duration)>,
}

/// The other end of an [`Observer`].
#[derive(Debug)]
pub struct Observation<A>(oneshot::Receiver<(Observed<A>, Duration)>);

/// The codec of a service that speaks [`SearchQuery`] and [`SearchHits`] already.
///
/// Its error type must be able to hold a [`BackendError`], for the time when only PostgreSQL can answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed;

impl<A> Observer<A> {
    /// An observer of a request that started at `started`, and its other end.
    pub fn pair(started: Instant) -> (Self, Observation<A>) {
        let (sender, receiver) = oneshot::channel();
        (Self { started, latency: Duration::ZERO, sender }, Observation(receiver))
    }

    /// Takes the latency: the response is there, though its body may still be on the way.
    pub fn answered(&mut self) {
        self.latency = self.started.elapsed();
    }

    /// Reports how it ended.
    pub fn report(self, observed: Observed<A>) {
        // The worker may have given up on this pair: then nobody wants to know.
        let _ = self.sender.send((observed, self.latency));
    }
}

impl<A> Observation<A> {
    /// Waits for the report and the latency of the response.
    pub async fn wait(self) -> (Observed<A>, Duration) {
        self.0.await.unwrap_or((Observed::Cancelled, Duration::ZERO))
    }
}

impl Codec<SearchQuery, SearchHits> for Typed {
    type Question = SearchQuery;
    type Answer = SearchHits;
    type Prepare = std::future::Ready<SearchQuery>;

    fn prepare(&self, request: SearchQuery) -> Self::Prepare {
        std::future::ready(request)
    }

    fn reader<'a>(&self, request: &'a SearchQuery) -> Option<Cow<'a, str>> {
        request.user.as_deref().map(Cow::Borrowed)
    }

    fn question(&self, request: &SearchQuery) -> Result<SearchQuery, CodecError> {
        Ok(request.clone())
    }

    fn decode(&self, question: SearchQuery) -> Result<SearchQuery, CodecError> {
        Ok(question)
    }

    fn observe(&self, response: SearchHits, observer: Observer<SearchHits>) -> SearchHits {
        observer.report(Observed::Answered(response.clone()));
        response
    }

    fn ids(&self, answer: SearchHits) -> Result<Vec<DocumentId>, CodecError> {
        Ok(answer.ids())
    }

    fn encode(&self, _query: &SearchQuery, hits: SearchHits, _took: Duration) -> SearchHits {
        hits
    }
}

impl<E: From<BackendError>> Refuse<SearchHits, E> for Typed {
    fn refuse(&self, failure: BackendError) -> Result<SearchHits, E> {
        Err(failure.into())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the body is larger than the codec's limit"),
            Self::Broken => f.write_str("the connection broke before the body was complete"),
            Self::Malformed(why) => write!(f, "not a search in the configured shape: {why}"),
            Self::Unsupported(what) => write!(f, "`{what}` is not offered by the other side"),
            Self::Forbidden => f.write_str("the caller is not known here"),
            Self::NotOurs => f.write_str("not what the codec is for"),
        }
    }
}

impl std::error::Error for CodecError {}
