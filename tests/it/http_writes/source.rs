//! What the codec says of a body, against what Meilisearch makes of it: the double, or a real server.

use std::collections::BTreeMap;

use crossfade::{
    codec::CodecError,
    document::{Document, DocumentId},
    http::codec::meili_documents,
    testing::meili::{Call, Meili},
    write::{Action, Changes},
};
use http::Method;
use serde_json::{Value, json};

use super::{CSV, JSON, NDJSON, read, request};

/// `POST` or `PUT`, the content type and the body.
const BODIES: &[(&str, &str, &str)] = &[
    ("POST", JSON, r#"[{"id":1,"t":"new"},{"id":"1","u":2},{"id":"b-c_D"}]"#),
    ("PUT", JSON, r#"[{"id":1,"u":{"x":null}},{"id":"new","t":1},{"id":"new","u":2}]"#),
    ("POST", JSON, r#"{"id":3,"t":"one"}"#),
    ("POST", JSON, r#"[{"id":3,"t":"a","t":"b","o":{"x":1,"x":2}}]"#),
    ("POST", JSON, "[]"),
    ("POST", JSON, ""),
    ("POST", JSON, " "),
    ("POST", JSON, "[{\"id\":"),
    ("POST", JSON, "[{\"id\":1},]"),
    ("POST", JSON, "[{\"id\":1},7]"),
    ("POST", JSON, "\u{feff}[]"),
    ("POST", JSON, "null"),
    ("POST", JSON, r#"[{"id":5},{"t":"no id"}]"#),
    ("POST", JSON, r#"[{"id":5},{"id":"a b"}]"#),
    ("POST", JSON, r#"[{"id":5},{"id":""}]"#),
    ("POST", JSON, r#"[{"id":5},{"id":1.0}]"#),
    ("POST", JSON, r#"[{"id":5},{"id":true}]"#),
    ("POST", JSON, r#"[{"id":5},{"id":18446744073709551616}]"#),
    ("POST", JSON, r#"[{"id":-5},{"id":18446744073709551615}]"#),
    ("POST", NDJSON, "{\"id\":1,\n\"t\":\"a\"}{\"id\":2}\n\n{\"id\":3}"),
    ("POST", NDJSON, "{\"id\":5}\n{\"id\":"),
    ("POST", NDJSON, "{\"id\":5}\ngarbage"),
    ("POST", NDJSON, "{\"id\":5},{\"id\":6}"),
    ("POST", NDJSON, "[{\"id\":5}]"),
    ("POST", "text/plain", "[{\"id\":5}]"),
    ("POST", "application/json; charset=utf-8", "[{\"id\":5}]"),
    // Of these the double knows nothing.
    ("POST", CSV, "id,t:number,b:boolean,x\n1,1.5,true,\" y\"\n2,,,\n"),
    ("POST", CSV, "id,t\n1\n"),
    ("POST", CSV, "id,t:number\n1,x\n"),
];

/// In place of a document, what is none: Meilisearch 1.50 calls that a failure of its own (500, `internal`), which a client
/// would try again. The codec calls it the caller's mistake, `malformed_payload`.
const NO_DOCUMENTS: &[&str] = &["[{\"id\":1},7]", "[{\"id\":5}]"];

#[tokio::test]
async fn the_codec_reads_what_meilisearch_takes() {
    let meili = Meili::start().await.unwrap();
    for (method, content_type, body) in BODIES {
        if meili.double().is_some() && *content_type == CSV {
            continue;
        }
        let what = format!("{method} {content_type} {body}");
        let before = [json!({ "id": 1, "t": "old", "u": { "y": 1 } }), json!({ "id": "kept" })];
        let index = meili.index("writes", &json!({}), &before).await.unwrap();
        let path = format!("/indexes/{index}/documents");
        let codec = meili_documents(index, "id").trust_callers().build();
        let read = read(&codec, request(method, &path, content_type, *body)).await;
        let call = Call {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.clone(),
            content_type: Some((*content_type).to_owned()),
            body: body.as_bytes().to_vec(),
            key: Some(meili.key().to_owned()),
        };
        let reply = meili.client().send(call).await.unwrap();
        let task = reply.json()["taskUid"].as_u64();
        let taken = match task {
            Some(task) => meili.wait(task).await.unwrap()["status"] == "succeeded",
            None => false,
        };
        let mut expected: BTreeMap<DocumentId, Document> = by_id(before.to_vec());
        match read {
            Ok(write) => {
                assert!(taken, "{what}: {}", reply.body);
                apply(&mut expected, write.changes);
            }
            // Said to be refused: then nothing of it may stand.
            Err(CodecError::Malformed(why)) => {
                assert!(!taken, "{what}: {why}");
                if let Some((code, _)) = why.split_once(": ").filter(|_| task.is_none()) {
                    let answered = match (code, *content_type) {
                        ("malformed_payload", JSON | NDJSON) if NO_DOCUMENTS.contains(body) => "internal",
                        _ => code,
                    };
                    assert_eq!(reply.json()["code"], answered, "{what}");
                    assert_eq!(reply.status, if answered == "internal" { 500 } else { reply.status }, "{what}");
                }
            }
            Err(other) => panic!("{what}: {other:?}"),
        }
        let call = meili.client().call(Method::GET, &format!("{path}?limit=100"), None);
        let documents = meili.client().send(call).await.unwrap().json()["results"].as_array().unwrap().clone();
        assert_eq!(by_id(documents), expected, "{what}");
    }
    meili.close().await.unwrap();
}

fn by_id(documents: Vec<Value>) -> BTreeMap<DocumentId, Document> {
    let identified = |document: Value| Some((DocumentId::from_json(&document["id"])?, document.as_object()?.clone()));
    documents.into_iter().filter_map(identified).collect()
}

fn apply(held: &mut BTreeMap<DocumentId, Document>, changes: Changes) {
    let Changes::Documents(changes) = changes else { panic!("a sweep") };
    for change in changes {
        match change.action {
            Action::Put(document) => drop(held.insert(change.id, document)),
            Action::Merge(document) => held.entry(change.id).or_default().extend(document),
            Action::Delete => drop(held.remove(&change.id)),
        }
    }
}
