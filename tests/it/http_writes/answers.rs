//! What an answer says of a write, and what writes are answered.

use std::{convert::Infallible, io::Write};

use axum::body::{Body, Bytes};
use crossfade::{
    codec::{CodecError, RefuseWrite, WriteCodec, WriteError},
    error::{BackendError, BackendErrorKind, Side},
    http::codec::{HttpWrites, MeiliDocuments, WriteProtocol, json_documents},
    write::{Action, Change, Changes, IndexWrite, TaskId, WriteOutcome},
};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderName, Response, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{breaking, document, pieces, posts};

const ENQUEUED: &str = r#"{"taskUid":17,"indexUid":"posts","status":"enqueued","type":"documentDeletion"}"#;

fn answered(status: u16, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).header("x-kept", "yes").body(body.into()).unwrap()
}

/// The outcome; the response must be as it was.
async fn observed<P: WriteProtocol>(codec: &HttpWrites<P>, response: Response<Body>) -> WriteOutcome {
    let (parts, body) = response.into_parts();
    let sent = body.collect().await.unwrap().to_bytes();
    let status = parts.status;
    let (response, outcome) = codec.observe(Response::from_parts(parts, Body::from(sent.clone()))).await;
    assert_eq!((response.status(), &response.headers()["x-kept"]), (status, &"yes".parse().unwrap()));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), sent);
    outcome
}

#[tokio::test]
async fn a_status_is_an_outcome() {
    let own = json_documents("id").build();
    for (status, outcome) in [
        (200, WriteOutcome::Accepted(None)),
        (201, WriteOutcome::Accepted(None)),
        (204, WriteOutcome::Accepted(None)),
        (303, WriteOutcome::Unknown),
        (307, WriteOutcome::Unknown),
        (400, WriteOutcome::Refused),
        (401, WriteOutcome::Refused),
        (404, WriteOutcome::Refused),
        (408, WriteOutcome::Unknown),
        (413, WriteOutcome::Refused),
        (429, WriteOutcome::Refused),
        (499, WriteOutcome::Unknown),
        (500, WriteOutcome::Unknown),
        (503, WriteOutcome::Unknown),
        (504, WriteOutcome::Unknown),
    ] {
        assert_eq!(observed(&posts(), answered(status, "")).await, outcome, "{status}");
        assert_eq!(observed(&own, answered(status, ENQUEUED)).await, outcome, "{status}");
    }
}

#[tokio::test]
async fn meilisearchs_task_is_found_in_its_answer() {
    let task = |uid| WriteOutcome::Accepted(Some(TaskId(uid)));
    assert_eq!(observed(&posts(), answered(202, ENQUEUED)).await, task(17));
    for other in ["", "{}", "[17]", r#"{"taskUid":-1}"#, r#"{"taskUid":"17"}"#, "taskUid"] {
        assert_eq!(observed(&posts(), answered(202, other)).await, WriteOutcome::Accepted(None), "{other}");
    }
    // What the source answers to a client that unpacks.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(ENQUEUED.as_bytes()).unwrap();
    let mut packed = answered(202, gzip.finish().unwrap());
    packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(observed(&posts(), packed).await, task(17));
    let (response, outcome) = posts().observe(answered(202, pieces(ENQUEUED.as_bytes()))).await;
    assert_eq!(outcome, task(17));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), ENQUEUED);
    // The service in between may know better.
    let mut told = answered(202, ENQUEUED);
    told.extensions_mut().insert(TaskId(3));
    assert_eq!(observed(&posts(), told).await, task(3));
}

/// A large answer is not waited for, and one that breaks breaks for the client too; the write was accepted all the same.
#[tokio::test]
async fn large_and_broken_answers_pass() {
    let first = Bytes::from(vec![b' '; 100_000]);
    let expected = first.clone();
    let pieces = futures_util::stream::once(async { Ok::<_, Infallible>(first) });
    let endless = Body::from_stream(futures_util::StreamExt::chain(pieces, futures_util::stream::pending()));
    let (response, outcome) = posts().observe(answered(202, endless)).await;
    assert_eq!(outcome, WriteOutcome::Accepted(None));
    let mut body = response.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), expected);

    let (response, outcome) = posts().observe(answered(202, breaking(ENQUEUED))).await;
    assert_eq!(outcome, WriteOutcome::Accepted(None));
    assert_eq!(response.into_body().collect().await.unwrap_err().to_string(), "connection reset");
}

#[tokio::test]
async fn a_handler_tells_its_task() {
    let own = json_documents("id").task_header(HeaderName::from_static("x-task")).build();
    let with = |value: &str| {
        let mut response = answered(201, "created");
        response.headers_mut().insert("x-task", value.parse().unwrap());
        response
    };
    assert_eq!(observed(&own, with("17")).await, WriteOutcome::Accepted(Some(TaskId(17))));
    assert_eq!(observed(&own, with("none")).await, WriteOutcome::Accepted(None));
    let mut both = with("17");
    both.extensions_mut().insert(TaskId(18));
    assert_eq!(observed(&own, both).await, WriteOutcome::Accepted(Some(TaskId(18))));
    // Without the option a header says nothing.
    assert_eq!(observed(&json_documents("id").build(), with("17")).await, WriteOutcome::Accepted(None));
    // A failure with a task is a failure.
    let mut failed = answered(500, "");
    failed.extensions_mut().insert(TaskId(18));
    assert_eq!(observed(&own, failed).await, WriteOutcome::Unknown);
}

async fn shown(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
}

fn put() -> IndexWrite {
    IndexWrite::put("posts", "1", document(json!({ "id": 1 })))
}

#[tokio::test]
async fn what_pg_has_written_is_answered_in_meilisearchs_form() {
    for (write, kind) in [
        (put(), "documentAdditionOrUpdate"),
        (IndexWrite::one("posts", "1", Action::Merge(document(json!({ "id": 1 })))), "documentAdditionOrUpdate"),
        (IndexWrite::delete("posts", "1"), "documentDeletion"),
        (IndexWrite { index: "posts".into(), changes: Changes::Sweep(None) }, "documentDeletion"),
    ] {
        let (status, answer) = shown(posts().written(&write)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        // The fields and their order as recorded from Meilisearch 1.50.
        let keys: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["taskUid", "indexUid", "status", "type", "enqueuedAt"]);
        assert_eq!(answer["taskUid"], json!(MeiliDocuments::NO_TASK));
        assert_eq!((&answer["indexUid"], &answer["status"]), (&json!("posts"), &json!("enqueued")));
        assert_eq!(answer["type"], kind);
        let at: Timestamp = answer["enqueuedAt"].as_str().unwrap().parse().unwrap();
        assert!(Timestamp::now().duration_since(at).as_secs() < 60);
    }
}

#[tokio::test]
async fn what_pg_has_written_is_answered_in_the_services_form() {
    let header = (HeaderName::from_static("x-by"), "pg".parse().unwrap());
    let own = json_documents("id").build().pg_header(header.0, header.1);
    let response = own.written(&put());
    assert_eq!(
        (&response.headers()["x-by"], &response.headers()["content-type"]),
        (&"pg".parse().unwrap(), &"application/json".parse().unwrap())
    );
    assert_eq!(shown(response).await, (StatusCode::ACCEPTED, json!({ "id": "1" })));
    let change = |id: &str| Change { id: id.into(), version: None, action: Action::Delete };
    let two = IndexWrite { index: "posts".into(), changes: Changes::Documents(vec![change("a"), change("b")]) };
    assert_eq!(shown(own.written(&two)).await.1, json!({ "ids": ["a", "b"] }));
    let own = json_documents("id").accepted(StatusCode::NO_CONTENT, |_| Value::Null).build();
    let response = own.written(&put());
    assert!(!response.headers().contains_key("content-type"));
    assert_eq!(shown(response).await, (StatusCode::NO_CONTENT, Value::Null));
}

fn failed(kind: BackendErrorKind) -> WriteError {
    WriteError::Failed(BackendError::new(Side::Pg, kind, "writing").caused_by("host db.internal is down"))
}

#[tokio::test]
async fn refusals_have_their_status_and_show_no_cause() {
    let unreadable = WriteError::Unreadable;
    let malformed = |why: &str| unreadable(CodecError::Malformed(why.into()));
    let own = json_documents("id").build();
    for (failure, status, code) in [
        (unreadable(CodecError::TooLarge), 413, "payload_too_large"),
        (unreadable(CodecError::Broken), 400, "bad_request"),
        (unreadable(CodecError::Forbidden), 403, "invalid_api_key"),
        (unreadable(CodecError::Unsupported("brotli".into())), 400, "feature_not_enabled"),
        (malformed("no code: of ours"), 400, "bad_request"),
        (malformed("missing_document_id: A document doesn't have a `id` attribute."), 400, "missing_document_id"),
        (WriteError::Unrecorded("host db.internal is down".into()), 503, "internal"),
        (WriteError::Busy, 503, "internal"),
        (failed(BackendErrorKind::Rejected), 400, "bad_request"),
        (failed(BackendErrorKind::IndexNotFound), 404, "index_not_found"),
        (failed(BackendErrorKind::Timeout), 504, "internal"),
        (failed(BackendErrorKind::Unavailable), 503, "internal"),
        (failed(BackendErrorKind::Unauthorized), 500, "internal"),
        (failed(BackendErrorKind::Internal), 500, "internal"),
    ] {
        let what = format!("{failure:?}");
        let refused: Result<_, Infallible> = posts().refuse_write(failure);
        let refused = refused.unwrap();
        assert_eq!(refused.headers().contains_key("retry-after"), status == 503, "{what}");
        let (seen, answer) = shown(refused).await;
        assert_eq!((seen.as_u16(), &answer["code"]), (status, &json!(code)), "{what}");
        let keys: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["message", "code", "type", "link"]);
        assert_eq!(answer["link"], format!("https://docs.meilisearch.com/errors#{code}"));
        assert!(!answer.to_string().contains("db.internal"), "{answer}");
    }
    for (failure, status) in [
        (malformed("The body is malformed at line 1 column 2."), 400),
        (unreadable(CodecError::TooLarge), 413),
        (failed(BackendErrorKind::Unavailable), 503),
    ] {
        let refused: Result<_, Infallible> = own.refuse_write(failure);
        let (seen, answer) = shown(refused.unwrap()).await;
        assert_eq!(seen.as_u16(), status);
        assert!(answer["error"].is_string() && !answer.to_string().contains("db.internal"), "{answer}");
    }
}

/// As recorded from Meilisearch 1.50.
#[tokio::test]
async fn a_wrong_content_type_is_answered_as_meilisearch_does() {
    let request = posts().prepare(super::post("text/plain", "[]")).await;
    let why = posts().decode(&request).unwrap_err();
    let refused: Result<_, Infallible> = posts().refuse_write(WriteError::Unreadable(why));
    let (status, answer) = shown(refused.unwrap()).await;
    assert_eq!((status, &answer["type"]), (StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!("invalid_request")));
    assert_eq!(answer["code"], "invalid_content_type");
}
