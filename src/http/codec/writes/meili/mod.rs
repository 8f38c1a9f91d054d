//! Meilisearch's own document routes.

mod csv;
mod documents;
mod inflate;
mod known;
mod parameters;
mod payload;
mod route;

use std::sync::Arc;

use axum::body::Body;
use http::{
    HeaderMap, Method, Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_ENCODING},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::meili::same,
    HttpWrites, WriteProtocol,
    read::{Kind, is_plain},
    refuse,
};
use crate::{
    codec::{CodecError, WriteError},
    opaque::opaque_debug,
    write::{Action, Change, Changes, IndexWrite, TaskId},
};
use known::Known;
use route::Route;

/// The protocol of Meilisearch's document routes; see [`meili_documents`].
#[must_use]
pub struct MeiliDocuments {
    index: Arc<str>,
    primary_key: String,
    keys: Vec<String>,
    trusted: bool,
}

/// A codec for Meilisearch's own document routes of one index, for a service that passes them through. `primary_key` is
/// the field that holds a document's id, and the index must have it as its primary key already. All other routes, and
/// those of other indexes, are let through untouched: layers for several indexes can be stacked.
///
/// | route | |
/// | --- | --- |
/// | `POST …/documents` | documents are added or replaced |
/// | `PUT …/documents` | documents are added or updated in part |
/// | `DELETE …/documents/{id}`, `POST …/documents/delete-batch` | documents are deleted |
/// | `POST …/documents/delete` | documents that pass a filter are deleted |
/// | `DELETE …/documents` | all documents are deleted |
/// | `POST …/documents/edit` | refused while both sides are written: PostgreSQL does not know the function's language |
///
/// **Not carried over** are the routes that change an index as a whole: deleting it, swapping indexes, its settings. Do not
/// call them during the migration, or run a backfill afterwards.
///
/// # Who may write
///
/// Meilisearch checks the API key of a request; PostgreSQL cannot. While both sides are written, only requests that bear
/// one of the keys given to [`api_keys`](MeiliDocuments::api_keys) are taken, every other one is refused with 403 (Meilisearch
/// might know its key, and then the sides would differ): name every key that is used to write. If something in front of the
/// layers has checked the caller, or Meilisearch has no keys, say so with
/// [`trust_callers`](MeiliDocuments::trust_callers).
///
/// # What is read
///
/// JSON, NDJSON and CSV as Meilisearch reads them, `gzip` and `deflate` unpacked. What Meilisearch refuses (malformed bodies,
/// a document without an id, or with one it does not take: the task fails as a whole) goes to it untouched. What it might
/// take and PostgreSQL could not hold or this crate could not be sure of is refused while both sides are written: brotli,
/// another `primaryKey`, `skipCreation`, NUL characters, numbers out of range, nesting deeper than 127, text after the JSON,
/// a repeated primary key, spaces around an id.
///
/// Of several documents with one id in a request the last stands, or for `PUT` their fields one after the other, as in
/// Meilisearch; they are one change.
///
/// # When PostgreSQL decides
///
/// The answer is Meilisearch's 202. There is no task: `taskUid` is [`NO_TASK`](MeiliDocuments::NO_TASK), the highest that
/// all clients can hold and none that Meilisearch will ever give, and the write stands already. A client that follows tasks
/// asks for it and is told by Meilisearch that it does not exist. Before reads and writes go to PostgreSQL, stop waiting
/// for tasks, or answer `GET /tasks/2147483647` in front of Meilisearch with a task that has `succeeded`. An error has
/// Meilisearch's form; documents that Meilisearch would have refused in the task are refused at once.
///
/// ```
/// use crossfade::http::codec::meili_documents;
/// let codec = meili_documents("posts", "id").api_keys(["a key that may write posts"]).build();
/// ```
pub fn meili_documents(index: impl Into<Arc<str>>, primary_key: impl Into<String>) -> MeiliDocuments {
    MeiliDocuments { index: index.into(), primary_key: primary_key.into(), keys: Vec::new(), trusted: false }
}

impl MeiliDocuments {
    /// The task that clients are told of when PostgreSQL has written, and that does not exist.
    pub const NO_TASK: TaskId = TaskId(i32::MAX as u64);

    /// Meilisearch's own limit of a body, in bytes.
    const LARGEST_BODY: usize = 100 << 20;

    /// The API keys whose bearers may write the whole index, whatever else Meilisearch lets them do.
    pub fn api_keys(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.keys.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Callers have been checked before they reach the layers.
    pub fn trust_callers(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// The codec.
    pub fn build(self) -> HttpWrites<Self> {
        HttpWrites::new(self, Self::LARGEST_BODY)
    }

    fn route(&self, method: &Method, uri: &Uri) -> Option<Route> {
        route::find(method, uri.path(), &self.index)
    }

    fn changes(&self, request: &Request<Body>, body: &[u8], limit: usize) -> Result<Changes, CodecError> {
        let Some(route) = self.route(request.method(), request.uri()) else { return Err(CodecError::NotOurs) };
        for name in ["dryrun", "taskid"] {
            if request.headers().contains_key(name) {
                return Err(CodecError::Unsupported(format!("the header `{name}`")));
            }
        }
        let parameters = parameters::read(request.uri(), &route, &self.primary_key)?;
        let headers = request.headers();
        match route {
            Route::Write(kind) => {
                let format = payload::format(headers, parameters.delimiter)?;
                let documents = payload::documents(format, &inflate::body(headers, body, limit)?, &self.primary_key)?;
                documents::changes(documents, &self.primary_key, kind)
            }
            // Meilisearch holds no document with such an id.
            Route::DeleteOne(id) if !is_plain(&id) => Ok(Changes::Documents(Vec::new())),
            Route::DeleteOne(id) => {
                Ok(Changes::Documents(vec![Change { id: id.into(), version: None, action: Action::Delete }]))
            }
            Route::DeleteAll => Ok(Changes::Sweep(None)),
            Route::DeleteBatch => documents::deletions(&payload::json(headers, &inflate::body(headers, body, limit)?)?),
            Route::DeleteByFilter => documents::sweep(payload::json(headers, &inflate::body(headers, body, limit)?)?),
            Route::Edit => Err(CodecError::Unsupported("`documents/edit`".into())),
        }
    }
}

impl From<MeiliDocuments> for HttpWrites<MeiliDocuments> {
    fn from(protocol: MeiliDocuments) -> Self {
        protocol.build()
    }
}

impl WriteProtocol for MeiliDocuments {
    fn is_write(&self, method: &Method, uri: &Uri) -> bool {
        self.route(method, uri).is_some()
    }

    fn may_write(&self, request: &Request<Body>) -> bool {
        let bearer = request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        self.trusted || bearer.is_some_and(|bearer| self.keys.iter().any(|key| same(key.as_bytes(), bearer)))
    }

    fn reads_body(&self, request: &Request<Body>) -> bool {
        self.route(request.method(), request.uri()).is_some_and(|route| route.reads_body())
    }

    fn read(&self, request: &Request<Body>, body: &[u8], limit: usize) -> Result<IndexWrite, CodecError> {
        Ok(IndexWrite { index: self.index.clone(), changes: self.changes(request, body, limit)? })
    }

    fn task_in_head(&self, _headers: &HeaderMap) -> Option<TaskId> {
        None
    }

    fn answers_with_task(&self) -> bool {
        true
    }

    fn task_in_body(&self, headers: &HeaderMap, body: &[u8]) -> Option<TaskId> {
        // Meilisearch packs its answers for clients that say they can unpack them.
        let body = match headers.contains_key(CONTENT_ENCODING) {
            true => inflate::body(headers, body, super::ANSWER_LIMIT).ok()?,
            false => body.into(),
        };
        let answer: Value = serde_json::from_slice(&body).ok()?;
        answer.get("taskUid")?.as_u64().map(TaskId)
    }

    fn written(&self, write: &IndexWrite) -> (StatusCode, Value) {
        let deletes = match &write.changes {
            Changes::Sweep(_) => true,
            Changes::Documents(changes) => changes.first().is_some_and(|change| change.action == Action::Delete),
        };
        let answer = json!({
            "taskUid": Self::NO_TASK,
            "indexUid": write.index,
            "status": "enqueued",
            "type": if deletes { "documentDeletion" } else { "documentAdditionOrUpdate" },
            "enqueuedAt": Timestamp::now().to_string(),
        });
        (StatusCode::ACCEPTED, answer)
    }

    fn refused(&self, failure: &WriteError, limit: usize) -> (StatusCode, Value) {
        let mut status = refuse::status(failure);
        let mut message = refuse::message(failure, limit);
        let mut code = match failure {
            WriteError::Unreadable(CodecError::Unsupported(_)) => "feature_not_enabled",
            _ => match status {
                StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
                StatusCode::FORBIDDEN => "invalid_api_key",
                StatusCode::NOT_FOUND => "index_not_found",
                StatusCode::BAD_REQUEST => "bad_request",
                _ => "internal",
            },
        };
        if let WriteError::Unreadable(CodecError::Malformed(why)) = failure
            && let Some((known, why)) = Known::split(why)
        {
            (status, code, message) = (known.status, known.code, why.to_owned());
        }
        let kind = match status {
            StatusCode::FORBIDDEN => "auth",
            _ if status.is_server_error() => "internal",
            _ => "invalid_request",
        };
        let link = format!("https://docs.meilisearch.com/errors#{code}");
        (status, json!({ "message": message, "code": code, "type": kind, "link": link }))
    }
}

opaque_debug!(MeiliDocuments);
