//! Codecs for routes that speak JSON.
//!
//! | | searches | writes |
//! | --- | --- | --- |
//! | Meilisearch's own routes, for a service that passes them through | [`meili_search`] | [`meili_documents`] |
//! | a service's own routes | [`json_search`] | [`json_documents`] |

mod json;
mod meili;
mod place;
mod writes;

use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::{FutureExt, future::BoxFuture, future::Either};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde_json::Value;

pub use json::{JsonSearch, json_search};
pub use meili::{MeiliSearch, meili_search};
pub use place::Place;
pub use writes::{HttpWrites, JsonDocuments, MeiliDocuments, WriteProtocol, json_documents, meili_documents};

use super::{
    CapturedBody,
    body::{self, Tee},
};
use crate::{
    codec::{Codec, CodecError, Observed, Observer, Refuse},
    document::DocumentId,
    error::{BackendError, BackendErrorKind},
    search::{SearchHits, SearchQuery},
};

/// A JSON protocol: where a search is in a request, and hits in a response. The layers' work that is the same for all
/// of them (bodies, limits, status codes) is in [`HttpCodec`].
pub trait Protocol: Send + Sync + 'static {
    /// Whether this is a search at all. Runs on the response path.
    fn is_search(&self, method: &Method, uri: &Uri) -> bool;

    /// Whether the query stands in the body.
    fn reads_body(&self, method: &Method) -> bool;

    /// Who reads. Runs on the response path, during the canary.
    fn reader<'a>(&self, request: &'a Request<Body>) -> Option<Cow<'a, str>>;

    /// The headers that must be kept for [`read`](Self::read).
    fn kept_headers(&self) -> &[HeaderName];

    /// Reads the query.
    fn read(&self, question: &Question) -> Result<SearchQuery, CodecError>;

    /// Reads the ids out of an answer.
    fn ids(&self, answer: &Value) -> Result<Vec<DocumentId>, CodecError>;

    /// The answer the service would have given; `took` is how long the search took.
    fn answer(&self, query: &SearchQuery, hits: SearchHits, took: Duration) -> Value;

    /// The body of an error response.
    fn error(&self, status: StatusCode, message: &str) -> Value;

    /// The same of a response that refuses the query itself, where there is more to say. `None` (the default): there is not.
    fn refusal(&self, failure: &BackendError) -> Option<Value> {
        let _ = failure;
        None
    }
}

/// What is kept of a request: nothing is parsed, and the body is shared, not copied.
#[derive(Clone, Debug)]
pub struct Question {
    /// Method of the request.
    pub method: Method,
    /// Its path and query string.
    pub uri: Uri,
    /// The headers that [`Protocol::kept_headers`] names, as far as the request has them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty for methods that have none.
    pub body: Bytes,
}

/// Applies a [`Protocol`] to the bodies of axum routes.
pub struct HttpCodec<P> {
    protocol: Arc<P>,
    request_limit: usize,
    response_limit: usize,
    pg_headers: Vec<(HeaderName, HeaderValue)>,
    allow: Option<Arc<Allow>>,
}

/// Whether PostgreSQL may answer a request.
type Allow = dyn Fn(&Request<Body>) -> bool + Send + Sync;

impl<P: Protocol> HttpCodec<P> {
    /// A codec for a protocol.
    pub fn new(protocol: P) -> Self {
        let (request_limit, response_limit) = (64 << 10, 1 << 20);
        Self { protocol: Arc::new(protocol), request_limit, response_limit, pg_headers: Vec::new(), allow: None }
    }

    /// The largest request body that is looked into, in bytes (64 KiB). A larger one goes to the inner service
    /// untouched: it is not compared (`dropped_body_too_large`), and not answered by PostgreSQL.
    pub fn request_limit(mut self, bytes: usize) -> Self {
        self.request_limit = bytes;
        self
    }

    /// The largest answer that is compared, in bytes (1 MiB).
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.response_limit = bytes;
        self
    }

    /// Adds a header to answers from PostgreSQL: one that the handler sets too (`cache-control`, CORS), or one that
    /// tells who answered. Without it they have `content-type` only.
    pub fn pg_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.pg_headers.push((name, value));
        self
    }

    /// Requests for which this says no are the handler's alone: PostgreSQL neither answers nor is compared for them.
    ///
    /// **A read that PostgreSQL answers does not reach the handler, so its extractors do not run.** If it is an
    /// extractor that checks the caller, move that check into a middleware outside the layers, or repeat it here.
    pub fn allow(mut self, allow: impl Fn(&Request<Body>) -> bool + Send + Sync + 'static) -> Self {
        self.allow = Some(Arc::new(allow));
        self
    }
}

impl Question {
    /// The first parameter of this name in the query string, percent-decoded.
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        place::parameter(&self.uri, name)
    }

    /// A kept header.
    pub fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.headers.iter().find(|(kept, _)| kept == name).map(|(_, value)| value)
    }
}

impl<P: Protocol> Codec<Request<Body>, Response<Body>> for HttpCodec<P> {
    type Question = Question;
    type Answer = Vec<Bytes>;
    type Prepare = Either<std::future::Ready<Request<Body>>, BoxFuture<'static, Request<Body>>>;

    fn prepare(&self, request: Request<Body>) -> Self::Prepare {
        let search = self.protocol.is_search(request.method(), request.uri());
        if search && self.protocol.reads_body(request.method()) {
            Either::Right(body::capture(request, self.request_limit).boxed())
        } else {
            Either::Left(std::future::ready(request))
        }
    }

    fn reader<'a>(&self, request: &'a Request<Body>) -> Option<Cow<'a, str>> {
        self.protocol.reader(request)
    }

    fn question(&self, request: &Request<Body>) -> Result<Question, CodecError> {
        if !self.protocol.is_search(request.method(), request.uri()) {
            return Err(CodecError::NotOurs);
        }
        if self.allow.as_ref().is_some_and(|allow| !allow(request)) {
            return Err(CodecError::NotOurs);
        }
        let body = match request.extensions().get::<CapturedBody>() {
            Some(CapturedBody::Whole(body)) => body.clone(),
            Some(CapturedBody::TooLarge) => return Err(CodecError::TooLarge),
            Some(CapturedBody::Broken) => return Err(CodecError::Broken),
            None => Bytes::new(),
        };
        let kept = |name: &HeaderName| Some((name.clone(), request.headers().get(name)?.clone()));
        let headers = self.protocol.kept_headers().iter().filter_map(kept).collect();
        Ok(Question { method: request.method().clone(), uri: request.uri().clone(), headers, body })
    }

    fn decode(&self, question: Question) -> Result<SearchQuery, CodecError> {
        self.protocol.read(&question)
    }

    fn observe(&self, response: Response<Body>, observer: Observer<Vec<Bytes>>) -> Response<Body> {
        if response.status() == StatusCode::NOT_MODIFIED {
            observer.report(Observed::Unreadable(CodecError::Malformed("the client has the answer already".into())));
            return response;
        }
        if !response.status().is_success() {
            observer.report(Observed::Failed);
            return response;
        }
        if response.headers().contains_key(header::CONTENT_ENCODING) {
            let why = "the answer is compressed: put the layers inside the compression";
            observer.report(Observed::Unreadable(CodecError::Malformed(why.into())));
            return response;
        }
        let announced = response.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        response.map(|body| Body::new(Tee::new(body, announced, self.response_limit, observer)))
    }

    fn ids(&self, answer: Vec<Bytes>) -> Result<Vec<DocumentId>, CodecError> {
        self.protocol.ids(&parse(&body::join(answer))?)
    }

    fn encode(&self, query: &SearchQuery, hits: SearchHits, took: Duration) -> Response<Body> {
        let mut response = json(StatusCode::OK, &self.protocol.answer(query, hits, took));
        response.headers_mut().extend(self.pg_headers.iter().cloned());
        response
    }
}

impl<P: Protocol, E> Refuse<Response<Body>, E> for HttpCodec<P> {
    fn refuse(&self, failure: BackendError) -> Result<Response<Body>, E> {
        let status = match failure.kind() {
            BackendErrorKind::Unsupported | BackendErrorKind::InvalidQuery | BackendErrorKind::Rejected => {
                StatusCode::BAD_REQUEST
            }
            BackendErrorKind::Forbidden => StatusCode::FORBIDDEN,
            BackendErrorKind::IndexNotFound => StatusCode::NOT_FOUND,
            BackendErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            BackendErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            BackendErrorKind::Unauthorized | BackendErrorKind::Panic | BackendErrorKind::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        // The cause may name hosts of the database or quote the client: it is logged, not shown.
        if failure.kind().is_outage() {
            tracing::error!(error = %failure, "search failed and no other side is current");
        } else {
            tracing::debug!(error = %failure, "search refused");
        }
        if let Some(refusal) = (status == StatusCode::BAD_REQUEST).then(|| self.protocol.refusal(&failure)).flatten() {
            return Ok(json(status, &refusal));
        }
        let kind = failure.kind().as_str();
        let cause = failure.source().and_then(|cause| cause.downcast_ref());
        let message = match (status, cause) {
            (StatusCode::BAD_REQUEST, Some(CodecError::Unsupported(what))) => {
                format!("search refused ({kind}): `{what}`")
            }
            (StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN, _) => format!("search refused ({kind})"),
            _ => format!("search is not available ({kind})"),
        };
        Ok(json(status, &self.protocol.error(status, &message)))
    }
}

fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn parse(body: &[u8]) -> Result<Value, CodecError> {
    serde_json::from_slice(body).map_err(|error| CodecError::Malformed(format!("no JSON: {error}")))
}

impl<P> Clone for HttpCodec<P> {
    fn clone(&self) -> Self {
        Self {
            protocol: self.protocol.clone(),
            request_limit: self.request_limit,
            response_limit: self.response_limit,
            pg_headers: self.pg_headers.clone(),
            allow: self.allow.clone(),
        }
    }
}

impl<P> fmt::Debug for HttpCodec<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCodec")
            .field("request_limit", &self.request_limit)
            .field("response_limit", &self.response_limit)
            .finish_non_exhaustive()
    }
}
