//! A service's own routes.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::State,
    middleware::{Next, from_fn_with_state},
    routing::{any, delete, put},
};
use crossfade::{
    codec::{CodecError, WriteCodec},
    document::Version,
    http::codec::{HttpWrites, JsonDocuments, Place, json_documents},
    write::{Change, Changes, IndexWrite},
};
use http::{HeaderName, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{JSON, bare, breaking, changes, read, request, shown};

fn own() -> JsonDocuments {
    json_documents("event_id").index("posts")
}

fn send(method: &str, uri: &str, body: Value) -> Request<Body> {
    request(method, uri, JSON, body.to_string())
}

#[tokio::test]
async fn documents_are_found_where_they_are_said_to_stand() {
    let (a, b) = (json!({ "event_id": "a", "t": 1 }), json!({ "event_id": 7 }));
    let both = [("a", "put", a.clone()), ("7", "put", b.clone())];
    for (codec, body, expected) in [
        (own(), a.clone(), &both[..1]),
        (own(), json!([a, b]), &both),
        (own(), json!([]), &[]),
        (own().documents("/post"), json!({ "post": a, "by": "u7" }), &both[..1]),
        (own().documents("posts"), json!({ "posts": [a, b] }), &both),
        (own().documents("/items/*"), json!({ "items": [a, b] }), &both),
        (own().documents("/items/*/doc"), json!({ "items": [{ "doc": a }, { "doc": b, "n": 1 }] }), &both),
        (own().documents("/*/doc"), json!([{ "doc": a }]), &both[..1]),
    ] {
        let what = body.to_string();
        let codec = codec.build();
        let write = read(&codec, send("POST", "/v1/posts", body)).await.unwrap();
        assert_eq!(&*write.index, "posts");
        let Changes::Documents(changes) = write.changes else { panic!("a sweep") };
        assert_eq!(shown(&changes), expected, "{what}");
    }
}

#[tokio::test]
async fn methods_say_what_is_done() {
    let body = || json!({ "event_id": "a", "t": 1 });
    for (codec, method, expected) in [
        (own(), "POST", "put"),
        (own(), "PUT", "put"),
        (own(), "PATCH", "merge"),
        (own().put_merges(), "PUT", "merge"),
        (own().put_merges(), "POST", "put"),
        (own().patch_replaces(), "PATCH", "put"),
    ] {
        let changes = changes(&codec.build(), send(method, "/v1/posts", body())).await;
        assert_eq!(shown(&changes), [("a", expected, body())], "{method}");
    }
    for method in ["GET", "HEAD", "OPTIONS", "REPORT"] {
        assert_eq!(read(&own().build(), send(method, "/v1/posts", body())).await, Err(CodecError::NotOurs));
    }
    let gone = changes(&own().build(), bare("DELETE", "/v1/posts/p%2D1?why=x")).await;
    assert_eq!(shown(&gone), [("p-1", "delete", Value::Null)]);
}

type Seen = Arc<Mutex<Vec<Result<IndexWrite, CodecError>>>>;

/// What the codec reads of a request on the routes of axum, where the layer stands.
async fn routed(codec: JsonDocuments, requests: Vec<Request<Body>>) -> Vec<Result<IndexWrite, CodecError>> {
    async fn decode(
        State((codec, seen)): State<(HttpWrites<JsonDocuments>, Seen)>,
        request: Request<Body>,
        next: Next,
    ) -> axum::response::Response {
        let request = codec.prepare(request).await;
        seen.lock().unwrap().push(codec.decode(&request));
        next.run(request).await
    }
    let seen = Seen::default();
    let layer = from_fn_with_state((codec.build(), seen.clone()), decode);
    let ok = || async { "ok" };
    let app = Router::new()
        .route("/v1/posts", any(ok).layer(layer.clone()))
        .route("/v1/posts/{id}", put(ok).patch(ok).merge(delete(ok)).layer(layer.clone()))
        .route("/v1/users/{user}/posts/{post_id}/body", any(ok).layer(layer.clone()))
        .route("/v1/files/{*path}", any(ok).layer(layer));
    for request in requests {
        app.clone().oneshot(request).await.unwrap();
    }
    seen.lock().unwrap().drain(..).collect()
}

fn only(write: &Result<IndexWrite, CodecError>) -> Vec<(&str, &'static str, Value)> {
    match write.as_ref().map(|write| &write.changes) {
        Ok(Changes::Documents(changes)) => shown(changes),
        other => panic!("{other:?}"),
    }
}

fn is_refused(write: &Result<IndexWrite, CodecError>) -> bool {
    matches!(write, Err(CodecError::Unsupported(_)))
}

/// The name of a collection is never an id, however the request came.
#[tokio::test]
async fn ids_stand_in_the_path() {
    let requests = vec![
        bare("DELETE", "/v1/posts/p%2D1"),
        send("PUT", "/v1/posts/7", json!({ "t": 1 })),
        send("PATCH", "/v1/posts/7", json!({ "event_id": 7, "t": 1 })),
        send("PUT", "/v1/posts/7", json!({ "event_id": 8 })),
        send("PUT", "/v1/posts/7", json!([{ "t": 1 }, { "t": 2 }])),
        bare("DELETE", "/v1/posts"),
        bare("DELETE", "/v1/files/a/b"),
        bare("DELETE", "/v1/users/u/posts/p/body"),
        bare("DELETE", "/v1/posts/a%20b"),
        send("PUT", "/v1/posts", json!({ "t": 1 })),
        send("POST", "/v1/posts", json!({ "t": 1 })),
    ];
    let seen = routed(own(), requests).await;
    assert_eq!(only(&seen[0]), [("p-1", "delete", Value::Null)]);
    assert_eq!(only(&seen[1]), [("7", "put", json!({ "t": 1, "event_id": "7" }))]);
    assert_eq!(only(&seen[2]), [("7", "merge", json!({ "event_id": 7, "t": 1 }))]);
    assert!(seen.len() == 11 && seen[3..].iter().all(is_refused), "{:?}", &seen[3..]);

    let path = "/v1/users/u7/posts/p%2D1/body";
    let requests = vec![bare("DELETE", path), send("PATCH", path, json!({ "t": 1 })), bare("DELETE", "/v1/posts/a")];
    let seen = routed(own().id_parameter("post_id"), requests).await;
    assert_eq!(only(&seen[0]), [("p-1", "delete", Value::Null)]);
    assert_eq!(only(&seen[1]), [("p-1", "merge", json!({ "t": 1, "event_id": "p-1" }))]);
    // A route without that parameter.
    assert!(is_refused(&seen[2]), "{seen:?}");
    // Without axum nobody says which segment is an id: of a PUT it is not taken from there.
    assert!(is_refused(&read(&own().build(), send("PUT", "/v1/posts/7", json!({ "t": 1 }))).await));
    for nobody in ["/v1/posts/", "/"] {
        assert!(is_refused(&read(&own().build(), bare("DELETE", nobody)).await), "{nobody}");
    }
}

fn versions(changes: &[Change]) -> Vec<Option<i64>> {
    changes.iter().map(|change| change.version.map(|Version(version)| version)).collect()
}

#[tokio::test]
async fn versions_are_the_services_own() {
    let codec = own().version("updated_at").version_at(HeaderName::from_static("x-version")).build();
    let two = json!([
        { "event_id": "a", "updated_at": 5 },
        { "event_id": "b", "updated_at": "2024-01-01T00:00:00.5Z" },
    ]);
    let read_two = changes(&codec, send("POST", "/v1/posts", two)).await;
    // date -u -d 2024-01-01 +%s
    assert_eq!(versions(&read_two), [Some(5), Some(1_704_067_200_500_000)]);
    let mut gone = bare("DELETE", "/v1/posts/a");
    gone.headers_mut().insert("x-version", "9".parse().unwrap());
    assert_eq!(versions(&changes(&codec, gone).await), [Some(9)]);
    for (codec, body) in [
        (own().version("/meta/a~1b"), json!({ "event_id": 1, "meta": { "a/b": "7" } })),
        (own().version("a/b"), json!({ "event_id": 1, "a/b": 7 })),
        (own().version_at("v"), json!({ "event_id": 1, "v": 5 })),
        (own().version_at("/v").documents("/d"), json!({ "d": { "event_id": 1 }, "v": 7 })),
    ] {
        let codec = codec.build();
        assert_eq!(versions(&changes(&codec, send("POST", "/v1/posts?v=7", body)).await), [Some(7)]);
    }
    let in_body = own().version_at(Place::Body("/v".into())).build();
    assert_eq!(versions(&changes(&in_body, send("DELETE", "/v1/posts/a", json!({ "v": 3 }))).await), [Some(3)]);
    assert_eq!(versions(&changes(&own().build(), bare("DELETE", "/v1/posts/a")).await), [None]);
}

/// A version of the clock would not compare with those of the service.
#[tokio::test]
async fn a_version_that_is_none_is_refused() {
    let codec = own().version("v").build();
    for version in [json!("soon"), json!(1.5), json!(null), json!([1]), json!(true), json!(u64::MAX)] {
        let read = read(&codec, send("POST", "/v1/posts", json!({ "event_id": 1, "v": version }))).await;
        assert!(is_refused(&read), "{version}: {read:?}");
    }
    assert!(is_refused(&read(&codec, send("POST", "/v1/posts", json!({ "event_id": 1 }))).await));
    assert!(is_refused(&read(&codec, bare("DELETE", "/v1/posts/1")).await));
    assert!(is_refused(&read(&own().version_at("v").build(), bare("DELETE", "/v1/posts/1?v=")).await));
}

/// Of one document in several versions the highest stands, wherever in the list; partial updates add up in their order.
#[tokio::test]
async fn several_versions_of_one_document_are_one() {
    let body = json!([
        { "event_id": "a", "v": 2, "x": "new" },
        { "event_id": "b", "v": 1 },
        { "event_id": "a", "v": 1, "x": "old", "y": "old" },
    ]);
    let codec = own().version("v").build();
    let put = changes(&codec, send("POST", "/v1/posts", body.clone())).await;
    assert_eq!(versions(&put), [Some(2), Some(1)]);
    assert_eq!(shown(&put)[0], ("a", "put", json!({ "event_id": "a", "v": 2, "x": "new" })));
    let merge = changes(&codec, send("PATCH", "/v1/posts", body)).await;
    assert_eq!(versions(&merge), [Some(2), Some(1)]);
    assert_eq!(shown(&merge)[0], ("a", "merge", json!({ "event_id": "a", "v": 2, "x": "new", "y": "old" })));
}

#[tokio::test]
async fn the_document_of_the_index_can_be_another() {
    let codec = own().version("rev").map(|mut post| {
        let id = post.get("id").cloned().ok_or_else(|| CodecError::Unsupported("a post without an id".into()))?;
        post.retain(|name, _| name == "text");
        post.insert("event_id".into(), id);
        Ok(post)
    });
    let codec = codec.build();
    let mapped =
        changes(&codec, send("POST", "/v1/posts", json!({ "id": 1, "text": "x", "secret": 1, "rev": 7 }))).await;
    assert_eq!(shown(&mapped), [("1", "put", json!({ "text": "x", "event_id": 1 }))]);
    assert_eq!(versions(&mapped), [Some(7)]);
    assert!(is_refused(&read(&codec, send("POST", "/v1/posts", json!({ "rev": 7 }))).await));
}

/// Only a malformed body goes to the handler: it alone knows what it takes of the rest.
#[tokio::test]
async fn what_the_handler_might_take_is_refused() {
    let post = |content_type: &str, body: &[u8]| request("POST", "/v1/posts", content_type, body.to_vec());
    let mut packed = post(JSON, b"{}");
    packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    for request in [
        post(JSON, b""),
        post(JSON, b" \n"),
        post(JSON, b"null"),
        post(JSON, b"[1]"),
        post(JSON, b"\"text\""),
        post(JSON, br#"{"t":"no id"}"#),
        post(JSON, br#"{"event_id":"a b"}"#),
        post(JSON, br#"{"event_id":1.5}"#),
        post(JSON, br#"{"event_id":null}"#),
        post(JSON, br#"[{"event_id":1},{}]"#),
        post(JSON, br#"{"event_id":1,"t":"\u0000"}"#),
        post(JSON, br#"{"event_id":1} more"#),
        post(JSON, br#"{"event_id":1,"n":1e999}"#),
        post("application/x-www-form-urlencoded", b"event_id=1"),
        packed,
    ] {
        let what = format!("{request:?}");
        let read = read(&own().build(), request).await;
        assert!(is_refused(&read), "{what}: {read:?}");
    }
    for body in [&json!({}), &json!({ "items": {} }), &json!({ "items": [{ "x": 1 }] }), &json!({ "items": null })] {
        let read = read(&own().documents("/items/*/doc").build(), send("POST", "/v1/posts", body.clone())).await;
        assert!(is_refused(&read), "{body}: {read:?}");
    }
    for malformed in [&b"{\"event_id\":"[..], b"[{},]", b"no json", b"{\"event_id\":\"\xff\"}"] {
        for content_type in [JSON, "application/vnd.api+json"] {
            let read = read(&own().build(), post(content_type, malformed)).await;
            assert!(matches!(read, Err(CodecError::Malformed(_))), "{malformed:?}: {read:?}");
        }
    }
}

#[tokio::test]
async fn bodies_too_large_or_broken_and_callers_not_allowed() {
    let codec = own().build();
    let body = |bytes: usize| json!({ "event_id": 1, "t": "x".repeat(bytes) }).to_string();
    assert!(read(&codec, request("POST", "/v1/posts", JSON, body((1 << 20) - 100))).await.is_ok());
    assert_eq!(read(&codec, request("POST", "/v1/posts", JSON, body(1 << 20))).await, Err(CodecError::TooLarge));
    let broken = codec.prepare(request("POST", "/v1/posts", JSON, breaking("{\"event_id\":1}"))).await;
    assert_eq!(codec.decode(&broken), Err(CodecError::Broken));
    assert!(broken.into_body().collect().await.is_err());
    let codec = own().build().allow(|request| request.headers().contains_key("x-user-id"));
    assert_eq!(read(&codec, bare("DELETE", "/v1/posts/1")).await, Err(CodecError::Forbidden));
}
