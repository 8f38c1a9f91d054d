//! Codecs of routes that write: what a request says, what becomes of one that cannot be read, what an answer says.

mod answers;
mod meili;
mod own;
mod properties;
mod source;

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use crossfade::{
    codec::{CodecError, WriteCodec},
    document::Document,
    http::codec::{HttpWrites, MeiliDocuments, WriteProtocol, meili_documents},
    write::{Action, Change, Changes, IndexWrite},
};
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

fn posts() -> HttpWrites<MeiliDocuments> {
    meili_documents("posts", "id").trust_callers().build()
}

fn post(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    request("POST", "/indexes/posts/documents", content_type, body)
}

fn request(method: &str, uri: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(uri).header("content-type", content_type).body(body.into()).unwrap()
}

fn bare(method: &str, uri: &str) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()
}

/// What a codec reads of a request, which must still have its body afterwards.
async fn read<P: WriteProtocol>(codec: &HttpWrites<P>, request: Request<Body>) -> Result<IndexWrite, CodecError> {
    let (parts, body) = request.into_parts();
    let sent = body.collect().await.unwrap().to_bytes();
    let request = codec.prepare(Request::from_parts(parts, Body::from(sent.clone()))).await;
    let read = codec.decode(&request);
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), sent, "the body is not as it was");
    read
}

async fn changes<P: WriteProtocol>(codec: &HttpWrites<P>, request: Request<Body>) -> Vec<Change> {
    match read(codec, request).await.unwrap().changes {
        Changes::Documents(changes) => changes,
        sweep => panic!("a sweep: {sweep:?}"),
    }
}

/// Changes as id, what is done, and with which document.
fn shown(changes: &[Change]) -> Vec<(&str, &'static str, Value)> {
    let show = |change: &Change| match &change.action {
        Action::Put(document) => ("put", Value::Object(document.clone())),
        Action::Merge(document) => ("merge", Value::Object(document.clone())),
        Action::Delete => ("delete", Value::Null),
    };
    changes.iter().map(|change| (change.id.as_str(), show(change))).map(|(id, (what, with))| (id, what, with)).collect()
}

fn document(value: Value) -> Document {
    value.as_object().unwrap().clone()
}

/// A body in many small pieces, of unknown length.
fn pieces(bytes: &[u8]) -> Body {
    let pieces: Vec<Result<Bytes, Infallible>> =
        bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}

/// A body whose connection breaks after these bytes.
fn breaking(bytes: &'static str) -> Body {
    let pieces = [Ok(Bytes::from(bytes)), Err(std::io::Error::other("connection reset"))];
    Body::from_stream(futures_util::stream::iter(pieces))
}
