//! A codec for a service's own routes that write, told where things stand.

mod address;
mod read;
mod version;

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, Uri};
use serde_json::{Value, json};

use super::{
    super::{
        Place,
        place::{Shown, rooted},
    },
    HttpWrites, WriteProtocol,
    read::Kind,
    refuse,
};
use crate::{
    codec::{CodecError, WriteError},
    document::Document,
    opaque::opaque_debug,
    write::{Changes, IndexWrite, TaskId},
};

/// Makes the document of the index from one of the request; may refuse.
type Map = dyn Fn(Document) -> Result<Document, CodecError> + Send + Sync;
/// Makes the service's answer.
type Respond = dyn Fn(&IndexWrite) -> Value + Send + Sync;

/// The protocol of a service's own routes that write; see [`json_documents`].
#[must_use]
pub struct JsonDocuments {
    index: Arc<str>,
    key: String,
    documents: Shown,
    id_parameter: Option<String>,
    version_field: Option<String>,
    version_place: Option<Place>,
    map: Option<Box<Map>>,
    put: Kind,
    patch: Kind,
    task_header: Option<HeaderName>,
    accepted: StatusCode,
    respond: Option<Box<Respond>>,
}

/// A codec for a service's own routes that write documents, whose id is the field `primary_key`. Apply the layer to those
/// routes only.
///
/// | request | |
/// | --- | --- |
/// | `POST` | the document of the body, or each of a list, is added or replaced |
/// | `PUT` | the same; the id may stand in the path instead |
/// | `PATCH` | the fields of the document in the body replace its own; the id may stand in the path instead |
/// | `DELETE` | the document whose id stands in the path is deleted |
///
/// Other methods are let through. The id in the path is its last segment, which axum must have matched as a parameter where
/// the route is axum's, or a parameter by [name](JsonDocuments::id_parameter).
///
/// **A write is recorded before the handler runs, and one that PostgreSQL decides does not reach it.** What the handler or
/// its extractors do besides writing to the index does not happen then. That is authorisation above all: see
/// [`allow`](HttpWrites::allow). It is also validation, the making of ids, and writes to tables of the service's own: move them
/// into a middleware outside the layers.
///
/// # What is refused
///
/// The handler might take what this codec cannot read, and it would then stand on one side only. So everything but a
/// malformed body (which goes to the handler, to be refused in its own words) is refused with 400 while both sides are
/// written: an empty body, a document without an id or with one that Meilisearch does not take, an id in the path that is
/// not the document's, a version that is missing or none, a packed body (put the layer inside the decompression), NUL
/// characters.
///
/// # What the handler says
///
/// By its [status](HttpWrites). If it tells the uid of Meilisearch's task, that is followed; otherwise the document is read
/// back, which costs a request. It tells by putting a [`TaskId`] into the extensions of its response, or in a
/// [header](JsonDocuments::task_header).
///
/// ```
/// use axum::{Extension, Json, http::StatusCode};
/// use crossfade::{http::codec::json_documents, write::TaskId};
/// use serde_json::{Value, json};
///
/// let codec = json_documents("event_id")
///     .index("posts")
///     .version("updated_at")
///     .version_at("version") // DELETE /v1/posts/17?version=1700000000000000
///     .build();
///
/// async fn index(Json(post): Json<Value>) -> (StatusCode, Extension<TaskId>, Json<Value>) {
///     let task_uid = 7; // What Meilisearch answered.
///     (StatusCode::ACCEPTED, Extension(TaskId(task_uid)), Json(json!({ "id": post["event_id"] })))
/// }
/// # let _ = (codec, index);
/// ```
pub fn json_documents(primary_key: impl Into<String>) -> JsonDocuments {
    JsonDocuments {
        index: Arc::from(""),
        key: primary_key.into(),
        documents: Shown::whole(),
        id_parameter: None,
        version_field: None,
        version_place: None,
        map: None,
        put: Kind::Put,
        patch: Kind::Merge,
        task_header: None,
        accepted: StatusCode::ACCEPTED,
        respond: None,
    }
}

impl JsonDocuments {
    /// The largest body by default, in bytes.
    const LARGEST_BODY: usize = 1 << 20;

    /// The index that is written. Without it the uid is empty, which stands for the one index that the sides were made for.
    pub fn index(mut self, uid: impl Into<Arc<str>>) -> Self {
        self.index = uid.into();
        self
    }

    /// Where the documents stand in the body: a JSON pointer to one document or a list, such as `/post`, or with a `*` for
    /// every element of a list, such as `/items/*/document`. Without it the body itself is one document or a list.
    pub fn documents(mut self, pointer: &str) -> Self {
        self.documents = Shown::new(pointer);
        self
    }

    /// The parameter of axum's route that holds the id: `post_id` for `/v1/posts/{post_id}/body`.
    pub fn id_parameter(mut self, name: impl Into<String>) -> Self {
        self.id_parameter = Some(name.into());
        self
    }

    /// The field of a document, or a JSON pointer into it, that says which of its writes this is: the higher one wins,
    /// whatever order they come in. It is read before [`map`](Self::map).
    ///
    /// An integer, in digits or as a number, is taken as it is; an RFC 3339 time becomes microseconds since 1970. Do not mix
    /// them. Every write must then have a version, deletions too: say where with [`version_at`](Self::version_at).
    /// Without either, writes are ordered by when they come.
    pub fn version(mut self, field: &str) -> Self {
        // A name may hold what has a meaning in a pointer.
        let pointer = match field.starts_with('/') {
            true => field.to_owned(),
            false => rooted(&field.replace('~', "~0").replace('/', "~1")),
        };
        self.version_field = Some(pointer);
        self
    }

    /// Where the version of a write stands if its documents have none, as those that are deleted: a parameter of the query
    /// string, a header, or a pointer into the body.
    pub fn version_at(mut self, place: impl Into<Place>) -> Self {
        self.version_place = Some(place.into());
        self
    }

    /// Makes the document of the index from one of the request. It must do what the handler does, to the field. If the id
    /// stands in the path and not in the document, it has been added as text. What this refuses with
    /// [`CodecError::Unsupported`] is refused.
    pub fn map(mut self, map: impl Fn(Document) -> Result<Document, CodecError> + Send + Sync + 'static) -> Self {
        self.map = Some(Box::new(map));
        self
    }

    /// `PUT` updates in part, as Meilisearch's does.
    pub fn put_merges(mut self) -> Self {
        self.put = Kind::Merge;
        self
    }

    /// `PATCH` replaces the document.
    pub fn patch_replaces(mut self) -> Self {
        self.patch = Kind::Put;
        self
    }

    /// The header of a response by which the handler tells the uid of Meilisearch's task.
    pub fn task_header(mut self, name: HeaderName) -> Self {
        self.task_header = Some(name);
        self
    }

    /// The answer to a write that PostgreSQL has decided; a null is an empty body. By default 202, as a handler that passes
    /// documents on to Meilisearch answers, with `{"id": …}`, or `{"ids": […]}` for none or several.
    pub fn accepted(
        mut self,
        status: StatusCode,
        respond: impl Fn(&IndexWrite) -> Value + Send + Sync + 'static,
    ) -> Self {
        self.accepted = status;
        self.respond = Some(Box::new(respond));
        self
    }

    /// The codec.
    pub fn build(self) -> HttpWrites<Self> {
        HttpWrites::new(self, Self::LARGEST_BODY)
    }
}

impl From<JsonDocuments> for HttpWrites<JsonDocuments> {
    fn from(protocol: JsonDocuments) -> Self {
        protocol.build()
    }
}

impl WriteProtocol for JsonDocuments {
    fn is_write(&self, method: &Method, _uri: &Uri) -> bool {
        matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
    }

    fn may_write(&self, _request: &Request<Body>) -> bool {
        true
    }

    fn reads_body(&self, request: &Request<Body>) -> bool {
        // A deletion may have its version there.
        request.method() != Method::DELETE || matches!(self.version_place, Some(Place::Body(_)))
    }

    fn read(&self, request: &Request<Body>, body: &[u8], _limit: usize) -> Result<IndexWrite, CodecError> {
        Ok(IndexWrite { index: self.index.clone(), changes: self.changes(request, body)? })
    }

    fn task_in_head(&self, headers: &HeaderMap) -> Option<TaskId> {
        headers.get(self.task_header.as_ref()?)?.to_str().ok()?.trim().parse().ok().map(TaskId)
    }

    fn answers_with_task(&self) -> bool {
        false
    }

    fn task_in_body(&self, _headers: &HeaderMap, _body: &[u8]) -> Option<TaskId> {
        None
    }

    fn written(&self, write: &IndexWrite) -> (StatusCode, Value) {
        if let Some(respond) = &self.respond {
            return (self.accepted, respond(write));
        }
        let answer = match &write.changes {
            Changes::Documents(changes) => match changes.as_slice() {
                [one] => json!({ "id": one.id }),
                several => json!({ "ids": several.iter().map(|change| &change.id).collect::<Vec<_>>() }),
            },
            Changes::Sweep(_) => json!({}),
        };
        (self.accepted, answer)
    }

    fn refused(&self, failure: &WriteError, limit: usize) -> (StatusCode, Value) {
        (refuse::status(failure), json!({ "error": refuse::message(failure, limit) }))
    }
}

opaque_debug!(JsonDocuments);
