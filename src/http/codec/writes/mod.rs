//! Codecs for routes that write documents.

mod meili;
mod own;
mod path;
mod read;
mod refuse;

use std::{fmt, future::Ready, sync::Arc};

use axum::body::{Body, Bytes};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header::RETRY_AFTER};
use serde_json::Value;

pub use meili::{MeiliDocuments, meili_documents};
pub use own::{JsonDocuments, json_documents};

use super::json;
use crate::{
    codec::{CodecError, RefuseWrite, WriteCodec, WriteError},
    http::{CapturedBody, body},
    write::{IndexWrite, TaskId, WriteOutcome},
};

/// The largest answer that is searched for a task, in bytes: Meilisearch's are some 150.
const ANSWER_LIMIT: usize = 64 << 10;

/// A JSON protocol of writes: where documents are in a request, and what answers to them look like. What is the same for
/// all of them (bodies, limits, outcomes) is in [`HttpWrites`].
pub trait WriteProtocol: Send + Sync + 'static {
    /// Whether this writes documents of the protocol's index. What does not is let through untouched.
    fn is_write(&self, method: &Method, uri: &Uri) -> bool;

    /// Whether the caller may write. Asked before the body is read.
    fn may_write(&self, request: &Request<Body>) -> bool;

    /// Whether the body is needed.
    fn reads_body(&self, request: &Request<Body>) -> bool;

    /// Reads what is written. `limit` is the largest body, in bytes, once it is unpacked.
    fn read(&self, request: &Request<Body>, body: &[u8], limit: usize) -> Result<IndexWrite, CodecError>;

    /// The task that the head of a response names.
    fn task_in_head(&self, headers: &HeaderMap) -> Option<TaskId>;

    /// Whether the body of a response may name the task.
    fn answers_with_task(&self) -> bool;

    /// The task that the body of a response names.
    fn task_in_body(&self, headers: &HeaderMap, body: &[u8]) -> Option<TaskId>;

    /// The answer to a write that now stands; a null is an empty body.
    fn written(&self, write: &IndexWrite) -> (StatusCode, Value);

    /// The answer to a write that was not taken. `limit` is the largest body, in bytes.
    fn refused(&self, failure: &WriteError, limit: usize) -> (StatusCode, Value);
}

/// Applies a [`WriteProtocol`] to the bodies of axum routes.
///
/// What becomes of a request that cannot be read, while both sides are written: one that the wrapped service refuses too
/// ([`CodecError::Malformed`]) goes to it untouched; one that it might take ([`CodecError::Unsupported`], a body over the
/// limit) is refused here, because it would stand on one side only.
///
/// How the wrapped service's answers are understood:
///
/// | status | outcome |
/// | --- | --- |
/// | 2xx | accepted, with the task if the answer names one |
/// | 3xx | unknown: 303 mostly means that it was done, 307 that it was not |
/// | 408, 499, 5xx | unknown |
/// | other 4xx | refused: nothing of it stands |
pub struct HttpWrites<P> {
    protocol: Arc<P>,
    request_limit: usize,
    pg_headers: Vec<(HeaderName, HeaderValue)>,
    allow: Option<Arc<Allow>>,
}

/// Whether a request may write.
type Allow = dyn Fn(&Request<Body>) -> bool + Send + Sync;

impl<P: WriteProtocol> HttpWrites<P> {
    /// A codec for a protocol, with the largest body it reads, in bytes.
    pub fn new(protocol: P, request_limit: usize) -> Self {
        Self { protocol: Arc::new(protocol), request_limit, pg_headers: Vec::new(), allow: None }
    }

    /// The largest request body that is taken, in bytes: 1 MiB on a service's own routes, 100 MiB, Meilisearch's own limit,
    /// on Meilisearch's. A larger one is refused with 413 while both sides are written, and reaches nobody.
    ///
    /// A body is held in memory from when it is read until the answer, and its documents, which need several times its
    /// size, until they are recorded; they are read on the thread of the request. Lower the limit, or bound the writes under
    /// way in a layer outside, where many large ones may come at once.
    #[must_use]
    pub fn request_limit(mut self, bytes: usize) -> Self {
        self.request_limit = bytes;
        self
    }

    /// Adds a header to answers from PostgreSQL: one that the handler sets too (CORS), or one that tells who answered.
    /// Without it they have `content-type` only.
    #[must_use]
    pub fn pg_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.pg_headers.push((name, value));
        self
    }

    /// Requests for which this says no are refused with 403, before their bodies are read. They do not reach the handler:
    /// what it took would stand on one side only.
    ///
    /// **A write is recorded before the handler runs, and one that PostgreSQL decides does not reach it.** A check of the
    /// caller that stands in the handler or in its extractors must be moved into a middleware outside the layers, or
    /// repeated here.
    #[must_use]
    pub fn allow(mut self, allow: impl Fn(&Request<Body>) -> bool + Send + Sync + 'static) -> Self {
        self.allow = Some(Arc::new(allow));
        self
    }

    fn may_write(&self, request: &Request<Body>) -> bool {
        self.protocol.may_write(request) && self.allow.as_ref().is_none_or(|allow| allow(request))
    }
}

impl<P: WriteProtocol> WriteCodec<Request<Body>, Response<Body>> for HttpWrites<P> {
    type Prepare = Either<Ready<Request<Body>>, BoxFuture<'static, Request<Body>>>;
    type Observe = Either<Ready<(Response<Body>, WriteOutcome)>, BoxFuture<'static, (Response<Body>, WriteOutcome)>>;

    fn prepare(&self, request: Request<Body>) -> Self::Prepare {
        let write = self.protocol.is_write(request.method(), request.uri());
        if write && self.protocol.reads_body(&request) && self.may_write(&request) {
            Either::Right(body::capture(request, self.request_limit).boxed())
        } else {
            Either::Left(std::future::ready(request))
        }
    }

    fn decode(&self, request: &Request<Body>) -> Result<IndexWrite, CodecError> {
        if !self.protocol.is_write(request.method(), request.uri()) {
            return Err(CodecError::NotOurs);
        }
        if !self.may_write(request) {
            return Err(CodecError::Forbidden);
        }
        let body = match request.extensions().get::<CapturedBody>() {
            _ if !self.protocol.reads_body(request) => Bytes::new(),
            Some(CapturedBody::Whole(body)) => body.clone(),
            Some(CapturedBody::TooLarge) => return Err(CodecError::TooLarge),
            // One that nobody has read in advance is as good as broken: it must not pass for an empty one.
            Some(CapturedBody::Broken) | None => return Err(CodecError::Broken),
        };
        let write = self.protocol.read(request, &body, self.request_limit)?;
        read::refuse_nul(&write)?;
        Ok(write)
    }

    fn observe(&self, response: Response<Body>) -> Self::Observe {
        let status = response.status();
        let outcome = if status.is_success() {
            let named = response.extensions().get().copied();
            let task = named.or_else(|| self.protocol.task_in_head(response.headers()));
            if task.is_none() && self.protocol.answers_with_task() {
                return Either::Right(find_task(self.protocol.clone(), response).boxed());
            }
            WriteOutcome::Accepted(task)
        } else if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT && status.as_u16() != 499 {
            WriteOutcome::Refused
        } else {
            WriteOutcome::Unknown
        };
        Either::Left(std::future::ready((response, outcome)))
    }

    fn written(&self, write: &IndexWrite) -> Response<Body> {
        let mut response = answer(self.protocol.written(write));
        response.headers_mut().extend(self.pg_headers.iter().cloned());
        response
    }
}

impl<P: WriteProtocol, E> RefuseWrite<Response<Body>, E> for HttpWrites<P> {
    fn refuse_write(&self, failure: WriteError) -> Result<Response<Body>, E> {
        refuse::log(&failure);
        let mut response = answer(self.protocol.refused(&failure, self.request_limit));
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Ok(response)
    }
}

/// Looks for the task in the body of an answer, which is put back. A large body is not waited for.
async fn find_task<P: WriteProtocol>(protocol: Arc<P>, response: Response<Body>) -> (Response<Body>, WriteOutcome) {
    let (parts, body) = response.into_parts();
    let (captured, body) = body::read(body, ANSWER_LIMIT).await;
    let task = match &captured {
        CapturedBody::Whole(body) => protocol.task_in_body(&parts.headers, body),
        CapturedBody::TooLarge | CapturedBody::Broken => None,
    };
    (Response::from_parts(parts, body), WriteOutcome::Accepted(task))
}

fn answer((status, value): (StatusCode, Value)) -> Response<Body> {
    if value.is_null() {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        return response;
    }
    json(status, &value)
}

impl<P> Clone for HttpWrites<P> {
    fn clone(&self) -> Self {
        Self {
            protocol: self.protocol.clone(),
            request_limit: self.request_limit,
            pg_headers: self.pg_headers.clone(),
            allow: self.allow.clone(),
        }
    }
}

impl<P> fmt::Debug for HttpWrites<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpWrites").field("request_limit", &self.request_limit).finish_non_exhaustive()
    }
}
