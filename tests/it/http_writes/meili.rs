//! Meilisearch's own document routes.

use std::io::Write;

use axum::body::Body;
use crossfade::{
    codec::{CodecError, WriteCodec},
    http::codec::meili_documents,
    search::{FilterInput, FilterTerm},
    write::{Action, Changes},
};
use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use http::Request;
use http_body_util::BodyExt;
use serde_json::json;

use super::{CSV, JSON, NDJSON, bare, breaking, changes, pieces, post, posts, read, request, shown};

const DOCUMENTS: &str = "/indexes/posts/documents";

#[tokio::test]
async fn documents_are_read_in_every_form() {
    let two = [("1", "put", json!({ "id": 1, "t": "a" })), ("b", "put", json!({ "id": "b", "t": null }))];
    for (content_type, body) in [
        (JSON, r#"[{"id":1,"t":"a"},{"id":"b","t":null}]"#),
        ("Application/JSON; charset=utf-8", "\n [ {\"id\":1,\"t\":\"a\"}, {\"id\":\"b\",\"t\":null} ]\r\n\t"),
        (NDJSON, "{\"id\":1,\"t\":\"a\"}\n{\"id\":\"b\",\"t\":null}\n"),
        // Lines are of no account to Meilisearch.
        (NDJSON, "{\"id\":1,\n\"t\":\"a\"}{\"id\":\"b\",\"t\":null}"),
    ] {
        assert_eq!(shown(&changes(&posts(), post(content_type, body)).await), two, "{content_type} {body}");
    }
    let one = changes(&posts(), post(JSON, r#" {"id":1,"t":"a"}"#)).await;
    assert_eq!(shown(&one), two[..1]);
    assert_eq!(one[0].version, None);
    for (content_type, body) in [(JSON, "[]"), (NDJSON, "\n"), (CSV, "id,t\n")] {
        assert_eq!(shown(&changes(&posts(), post(content_type, body)).await), [], "{body:?}");
    }
    let merged = changes(&posts(), request("PUT", DOCUMENTS, JSON, r#"{"id":1,"t":"a"}"#)).await;
    assert_eq!(shown(&merged), [("1", "merge", json!({ "id": 1, "t": "a" }))]);
}

#[tokio::test]
async fn csv_is_typed_by_its_header() {
    let body = "\u{feff}id:number,title,n:number,yes:boolean,a:b,s:string\n\
                1,\"a, \"\"b\"\"\",-3, true ,x,1\n\
                2, padded ,1.5,,,\n\
                3,\"two\nlines\",9223372036854775808,false,x,NaN\n";
    let read = changes(&posts(), post(CSV, body)).await;
    let expected = [
        ("1", "put", json!({ "id": 1, "title": "a, \"b\"", "n": -3, "yes": true, "a:b": "x", "s": "1" })),
        ("2", "put", json!({ "id": 2, "title": " padded ", "n": 1.5, "yes": null, "a:b": null, "s": null })),
        (
            "3",
            "put",
            json!({ "id": 3, "title": "two\nlines", "n": 9.223372036854776e18, "yes": false, "a:b": "x", "s": "NaN" }),
        ),
    ];
    assert_eq!(shown(&read), expected);
    let delimited =
        request("POST", "/indexes/posts/documents?csvDelimiter=%09", "text/csv;header=present", "id\tt\n1\tx\n");
    assert_eq!(shown(&changes(&posts(), delimited).await), [("1", "put", json!({ "id": "1", "t": "x" }))]);
}

/// One change for each document: the last stands, of partial updates their fields one after the other.
#[tokio::test]
async fn several_writes_of_one_document_are_one() {
    let body = r#"[{"id":1,"a":1,"b":1},{"id":"x"},{"id":"1","b":2,"b":3}]"#;
    let put = changes(&posts(), post(JSON, body)).await;
    assert_eq!(shown(&put), [("1", "put", json!({ "id": "1", "b": 3 })), ("x", "put", json!({ "id": "x" }))]);
    let merge = changes(&posts(), request("PUT", DOCUMENTS, JSON, body)).await;
    let expected = [("1", "merge", json!({ "id": "1", "a": 1, "b": 3 })), ("x", "merge", json!({ "id": "x" }))];
    assert_eq!(shown(&merge), expected);
}

#[tokio::test]
async fn deletions_are_read() {
    let one = changes(&posts(), bare("DELETE", "/api/indexes/posts/documents/p%2D1")).await;
    assert_eq!(shown(&one), [("p-1", "delete", json!(null))]);
    let batch = |body: &'static str| request("POST", "/indexes/posts/documents/delete-batch", JSON, body);
    // Ids that no document can have delete nothing, and whatever else Meilisearch takes for its text.
    let many = changes(&posts(), batch(r#"["a", 7, -7, "a b", "", true, null, "7", [1]]"#)).await;
    assert_eq!(many.iter().map(|change| change.id.as_str()).collect::<Vec<_>>(), ["a", "7", "-7", "true", "null"]);
    assert!(many.iter().all(|change| change.action == Action::Delete));
    for nothing in [batch("[]"), bare("DELETE", "/indexes/posts/documents/a%00b"), batch(r#"["a\u0000"]"#)] {
        assert_eq!(changes(&posts(), nothing).await, []);
    }
    let filter = |body: &'static str| request("POST", "/indexes/posts/documents/delete", JSON, body);
    for (request, expected) in [
        (filter(r#"{"filter":"a = 1"}"#), Some(FilterInput::Expression("a = 1".into()))),
        (
            filter(r#"{"filter":["a = 1",["b = 2"]]}"#),
            Some(FilterInput::AllOf(vec![
                FilterTerm::Expression("a = 1".into()),
                FilterTerm::AnyOf(vec!["b = 2".into()]),
            ])),
        ),
        (bare("DELETE", DOCUMENTS), None),
        (bare("DELETE", "/indexes/posts/documents/?customMetadata=x"), None),
    ] {
        assert_eq!(read(&posts(), request).await.unwrap().changes, Changes::Sweep(expected));
    }
}

/// What Meilisearch refuses, at once or in the task: nothing of it will stand, so it may go there as it is.
#[tokio::test]
async fn what_meilisearch_refuses_is_malformed() {
    let by_filter = |body: &'static str| request("POST", "/indexes/posts/documents/delete", JSON, body);
    let long = format!(r#"[{{"id":"{}"}}]"#, "x".repeat(512));
    for (request, code) in [
        (post(JSON, ""), "missing_payload"),
        (post(JSON, " "), "malformed_payload"),
        (post(JSON, "[{\"id\": 1,"), "malformed_payload"),
        (post(JSON, "[{\"id\": 1},]"), "malformed_payload"),
        (post(JSON, "{\"id\": 1}{\"id\": 2}").also(|r| *r.method_mut() = "PATCH".parse().unwrap()), "NotOurs"),
        (post(JSON, "\u{feff}[]"), "malformed_payload"),
        (post(JSON, "null"), "malformed_payload"),
        (post(JSON, "7"), "malformed_payload"),
        (post(JSON, "[{\"id\":1},7]"), "malformed_payload"),
        (post(JSON, &b"[{\"id\":1,\"t\":\"\xff\"}]"[..]), "malformed_payload"),
        (post(JSON, "[{\"id\":1,\"t\":\"\n\"}]"), "malformed_payload"),
        (post(NDJSON, "{\"id\":1}\n{\"id\":"), "malformed_payload"),
        (post(NDJSON, "{\"id\":1}\ngarbage"), "malformed_payload"),
        (post(NDJSON, "{\"id\":1},{\"id\":2}"), "malformed_payload"),
        (post(NDJSON, "[{\"id\":1}]"), "malformed_payload"),
        (post(NDJSON, "{\"id\":1,\"n\":1e999}\ngarbage"), "malformed_payload"),
        (post(CSV, "id,t\n1\n"), "malformed_payload"),
        (post(CSV, "id:number\nx\n"), "malformed_payload"),
        (post(CSV, "id,b:boolean\n1,yes\n"), "malformed_payload"),
        (post(CSV, &b"id,t\n1,\xff\n"[..]), "malformed_payload"),
        (post("text/plain", "[]"), "invalid_content_type"),
        (post("", "[]"), "invalid_content_type"),
        (Request::post(DOCUMENTS).body(Body::from("[]")).unwrap(), "missing_content_type"),
        (request("POST", "/indexes/posts/documents?csvDelimiter=;", JSON, "[]"), "invalid_content_type"),
        (request("POST", "/indexes/posts/documents?csvDelimiter=ab", CSV, "id\n1"), "invalid_document_csv_delimiter"),
        (
            request("POST", "/indexes/posts/documents?csvDelimiter=%C3%A9", CSV, "id\n1"),
            "invalid_document_csv_delimiter",
        ),
        (post(JSON, r#"[{"id":1},{"t":"x"}]"#), "missing_document_id"),
        (post(CSV, "t\nx\n"), "missing_document_id"),
        (post(JSON, r#"[{"id":1},{"id":"a b/c"}]"#), "invalid_document_id"),
        (post(JSON, r#"[{"id":""}]"#), "invalid_document_id"),
        (post(JSON, r#"[{"id":"a\u0000"}]"#), "invalid_document_id"),
        (post(JSON, r#"[{"id":1.0}]"#), "invalid_document_id"),
        (post(JSON, r#"[{"id":18446744073709551616}]"#), "invalid_document_id"),
        (post(JSON, r#"[{"id":null}]"#), "invalid_document_id"),
        (post(JSON, r#"[{"id":[1]}]"#), "invalid_document_id"),
        (post(JSON, long), "invalid_document_id"),
        (post(CSV, "id,t\n,x\n"), "invalid_document_id"),
        (by_filter("{}"), "missing_document_filter"),
        (by_filter(r#"{"filter":null}"#), "missing_document_filter"),
        // Never everything.
        (by_filter(r#"{"filter":""}"#), "invalid_document_filter"),
        (by_filter(r#"{"filter":" "}"#), "invalid_document_filter"),
        (by_filter(r#"{"filter":[]}"#), "invalid_document_filter"),
        (by_filter(r#"{"filter":[[],""]}"#), "invalid_document_filter"),
        (by_filter(r#"{"filter":{"a":1}}"#), "invalid_document_filter"),
        (by_filter(r#"{"filter":"a = 1","limit":1}"#), "bad_request"),
        (by_filter(r#"[]"#), "bad_request"),
        (by_filter(r#"{"filter""#), "malformed_payload"),
        (request("POST", "/indexes/posts/documents/delete-batch", JSON, r#"{"a":1}"#), "bad_request"),
        (request("POST", "/indexes/posts/documents/delete-batch", NDJSON, r#"["a"]"#), "invalid_content_type"),
    ] {
        let what = format!("{request:?}");
        match read(&posts(), request).await {
            Err(CodecError::Malformed(why)) => assert_eq!(why.split(": ").next(), Some(code), "{what}"),
            Err(CodecError::NotOurs) => assert_eq!(code, "NotOurs"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// What Meilisearch takes, or might, and PostgreSQL could not be given.
#[tokio::test]
async fn what_cannot_be_carried_over_is_refused_and_not_malformed() {
    let nested = format!(r#"[{{"id":1,"a":{}{}}}]"#, "[".repeat(200), "]".repeat(200));
    let with = |query: &str| request("POST", &format!("{DOCUMENTS}?{query}"), JSON, r#"[{"id":1}]"#);
    let headed = |name: &'static str, value: &str| {
        let mut request = post(JSON, r#"[{"id":1}]"#);
        request.headers_mut().append(name, value.parse().unwrap());
        request
    };
    for request in [
        post(JSON, "[{\"id\":1}] garbage"),
        post(JSON, "{\"id\":1} {\"id\":2}"),
        post(JSON, &b"[{\"id\":1}]\xff"[..]),
        post(JSON, r#"[{"id":1,"n":1e999}]"#),
        post(JSON, r#"[{"id":1,"t":"\ud800"}]"#),
        post(JSON, nested),
        post(NDJSON, "{\"id\":1,\"n\":1e999}\n{\"id\":2}"),
        post(JSON, r#"[{"id":1,"t":"\u0000"}]"#),
        post(JSON, r#"[{"id":1,"a":[{"\u0000":1}]}]"#),
        post(CSV, "id,t\n1,a\0b\n"),
        post(JSON, r#"[{"id":1,"id":2}]"#),
        post(JSON, r#"[{"id":" a "}]"#),
        with("primaryKey=other"),
        with("primaryKey="),
        with("skipCreation=true"),
        with("unheardOf=1"),
        headed("dryrun", "true"),
        headed("taskid", "7"),
        headed("content-encoding", "br"),
        headed("content-encoding", "gzip"),
        request("POST", "/indexes/posts/documents?csvDelimiter=;&csvDelimiter=,", CSV, "id\n1"),
        request("POST", "/indexes/posts/documents/edit", JSON, r#"{"function":"doc.a = 1"}"#),
        request("POST", "/indexes/posts/documents/delete-batch", JSON, "[1e20]"),
        request("POST", "/indexes/posts/documents/delete", JSON, r#"{"filter":"a CONTAINS b"}"#),
        request("POST", "/indexes/posts/documents/delete", JSON, r#"{"filter":"a = "}"#),
        bare("DELETE", "/indexes/posts/documents?filter=a"),
    ] {
        let what = format!("{request:?}");
        let read = read(&posts(), request).await;
        assert!(matches!(read, Err(CodecError::Unsupported(_))), "{what}: {read:?}");
    }
    let inside = meili_documents("posts", "meta.id").trust_callers().build();
    let read_inside = read(&inside, post(JSON, r#"[{"meta":{"id":1}}]"#)).await;
    assert!(matches!(read_inside, Err(CodecError::Unsupported(_))), "{read_inside:?}");
    for allowed in ["primaryKey=id", "skipCreation=false", "customMetadata=x"] {
        assert_eq!(changes(&posts(), with(allowed)).await.len(), 1, "{allowed}");
    }
}

#[tokio::test]
async fn other_routes_and_indexes_are_not_ours() {
    for request in [
        bare("GET", DOCUMENTS),
        bare("GET", "/indexes/posts/documents/1"),
        post(JSON, "[]").also(|request| *request.uri_mut() = "/indexes/users/documents".parse().unwrap()),
        request("POST", "/indexes/posts/documents/fetch", JSON, "{}"),
        request("POST", "/indexes/posts/search", JSON, "{}"),
        request("POST", "/indexes/posts/unheard-of", JSON, "{}"),
        bare("DELETE", "/indexes/posts"),
        bare("DELETE", "/tasks?uids=1"),
    ] {
        let what = format!("{request:?}");
        assert_eq!(read(&posts(), request).await, Err(CodecError::NotOurs), "{what}");
    }
    // Not even read: a body that never ends does not delay it.
    let endless = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = Request::post("/indexes/users/documents").body(endless).unwrap();
    posts().prepare(request).await;
}

/// PostgreSQL cannot check keys. Who may not write is not even listened to.
#[tokio::test]
async fn only_known_keys_write() {
    let codec = meili_documents("posts", "id").api_keys(["first", "a-writing-key"]).build();
    let with = |key: Option<&str>, body: Body| {
        let mut request = post(JSON, body);
        if let Some(key) = key {
            request.headers_mut().insert("authorization", key.parse().unwrap());
        }
        request
    };
    for key in [None, Some("Bearer other"), Some("a-writing-key"), Some("Bearer a-writing-kez"), Some("Bearer ")] {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let request = codec.prepare(with(key, endless)).await;
        assert_eq!(codec.decode(&request), Err(CodecError::Forbidden), "{key:?}");
    }
    let body = || Body::from("[]");
    assert!(read(&codec, with(Some("Bearer a-writing-key"), body())).await.is_ok());
    // Without any key nobody is trusted.
    let codec = meili_documents("posts", "id").build();
    assert_eq!(read(&codec, with(Some("Bearer "), body())).await, Err(CodecError::Forbidden));
    let codec = posts().allow(|request| request.headers().contains_key("x-writer"));
    assert_eq!(read(&codec, with(None, body())).await, Err(CodecError::Forbidden));
}

#[tokio::test]
async fn packed_bodies_are_unpacked_up_to_the_limit() {
    let body = format!(r#"[{{"id":1,"t":"{}"}}]"#, "x".repeat(5000));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(body.as_bytes()).unwrap();
    let deflate = deflate.finish().unwrap();
    let packed = |encoding: &str, body: Vec<u8>| {
        let mut request = post(JSON, body);
        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        request
    };
    for request in [packed("gzip", gzip.clone()), packed("Deflate", deflate), packed("identity", body.clone().into())] {
        assert_eq!(changes(&posts(), request).await[0].id.as_str(), "1");
    }
    let small = posts().request_limit(body.len() - 1);
    assert!(gzip.len() < 200);
    assert_eq!(read(&small, packed("gzip", gzip.clone())).await, Err(CodecError::TooLarge));
    assert!(read(&posts().request_limit(body.len()), packed("gzip", gzip.clone())).await.is_ok());
    for bad in [gzip[..gzip.len() - 9].to_vec(), [gzip.clone(), gzip].concat()] {
        let read = read(&posts(), packed("gzip", bad)).await;
        assert!(matches!(read, Err(CodecError::Unsupported(_))), "{read:?}");
    }
}

/// The wrapped service sees what it would have seen: all of a body that is too large, and the break of one that broke.
#[tokio::test]
async fn bodies_too_large_or_broken_are_put_back() {
    let body = r#"[{"id":1,"t":"some text"}]"#;
    let codec = posts().request_limit(body.len() - 1);
    for large in [Body::from(body), pieces(body.as_bytes())] {
        let request = codec.prepare(post(JSON, large)).await;
        assert_eq!(codec.decode(&request), Err(CodecError::TooLarge));
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), body);
    }
    let exact = posts().request_limit(body.len());
    let request = exact.prepare(post(JSON, pieces(body.as_bytes()))).await;
    assert!(exact.decode(&request).is_ok());
    // What had come is a whole document: it is not taken for all.
    for begun in ["{\"id\":1}\n", ""] {
        let request = posts().prepare(post(NDJSON, breaking(begun))).await;
        assert_eq!(posts().decode(&request), Err(CodecError::Broken));
        let mut body = request.into_body();
        let mut seen = Vec::new();
        let error = loop {
            match body.frame().await.unwrap() {
                Ok(frame) => seen.extend_from_slice(&frame.into_data().unwrap()),
                Err(error) => break error,
            }
        };
        assert_eq!((seen.as_slice(), error.to_string()), (begun.as_bytes(), "connection reset".to_owned()));
    }
    // Never prepared: not an empty body.
    assert_eq!(posts().decode(&post(JSON, "[]")), Err(CodecError::Broken));
}

trait Also: Sized {
    fn also(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Also for Request<Body> {}
