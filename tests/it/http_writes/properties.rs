//! Whatever comes, reading it ends in a result; and what is well formed is read as it was written.

use axum::body::Body;
use crossfade::{
    codec::{CodecError, WriteCodec},
    document::DocumentId,
    http::{
        CapturedBody,
        codec::{HttpWrites, WriteProtocol, json_documents},
    },
    write::{Action, Changes, IndexWrite},
};
use http::Request;
use proptest::{
    collection::{btree_map, vec},
    prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest},
};
use serde_json::{Map, Value, json};

use super::{CSV, JSON, NDJSON, posts, request};

fn decode<P: WriteProtocol>(
    codec: &HttpWrites<P>,
    mut request: Request<Body>,
    body: &[u8],
) -> Result<IndexWrite, CodecError> {
    request.extensions_mut().insert(CapturedBody::Whole(body.to_vec().into()));
    codec.decode(&request)
}

/// Pieces of which bodies are made that are nearly right.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "[",
            "]",
            "{",
            "}",
            "\"id\"",
            ":",
            ",",
            "1",
            "\"a\"",
            "null",
            "-",
            "1e999",
            "\\u",
            "\"\\ud800\"",
            "\n",
            "\"",
            "id",
            "id:number",
            "\u{feff}",
            "\0",
            " ",
            "true",
            "filter",
            "\"filter\"",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[^\0]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-z.\"é]{1,5}", inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Documents with ids that Meilisearch takes, some twice.
fn documents() -> impl Strategy<Value = Vec<Map<String, Value>>> {
    let id = prop_oneof![
        (0..6_i64).prop_map(Value::from),
        "[0-5]".prop_map(Value::from),
        "[A-Za-z0-9_-]{1,20}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
    ];
    let document = (id, btree_map("[a-z]{1,4}", value(), 0..4)).prop_map(|(id, fields)| {
        let mut document: Map<_, _> = fields.into_iter().filter(|(name, _)| name != "id").collect();
        document.insert("id".into(), id);
        document
    });
    vec(document, 0..8)
}

/// What an index that was empty holds after the documents were written one by one.
fn carried_out(documents: &[Map<String, Value>], merge: bool) -> Vec<(DocumentId, Map<String, Value>)> {
    let mut held: Vec<(DocumentId, Map<String, Value>)> = Vec::new();
    for document in documents {
        let id = DocumentId::from_json(&document["id"]).unwrap();
        match held.iter_mut().find(|(other, _)| *other == id) {
            None => held.push((id, document.clone())),
            Some((_, present)) if merge => present.extend(document.clone()),
            Some((_, present)) => *present = document.clone(),
        }
    }
    held
}

fn held(write: IndexWrite) -> Vec<(DocumentId, Map<String, Value>)> {
    let Changes::Documents(changes) = write.changes else { panic!("a sweep") };
    let document = |action| match action {
        Action::Put(document) | Action::Merge(document) => document,
        Action::Delete => panic!("a deletion"),
    };
    changes.into_iter().map(|change| (change.id, document(change.action))).collect()
}

proptest! {
    #[test]
    fn nothing_makes_a_codec_panic(body in nearly(), method in prop::sample::select(vec!["POST", "PUT", "DELETE", "PATCH"])) {
        for path in ["", "/delete", "/delete-batch", "/edit", "/%", "/%F", "?csvDelimiter=%22", "?primaryKey=%ff"] {
            for content_type in [JSON, NDJSON, CSV] {
                for encoding in [None, Some("gzip"), Some("deflate")] {
                    let mut request = request(method, &format!("/indexes/posts/documents{path}"), content_type, Body::empty());
                    if let Some(encoding) = encoding {
                        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
                    }
                    let _ = decode(&posts(), request, &body);
                }
            }
        }
        let own = json_documents("id").version("v").documents("/items/*").build();
        let _ = decode(&own, request(method, "/v1/posts/%", JSON, Body::empty()), &body);
    }

    /// A body that Meilisearch has been told to delete by never becomes a deletion of everything.
    #[test]
    fn a_filter_never_deletes_everything(body in nearly()) {
        let request = request("POST", "/indexes/posts/documents/delete", JSON, Body::empty());
        if let Ok(write) = decode(&posts(), request, &body) {
            prop_assert!(matches!(write.changes, Changes::Sweep(Some(_))), "{write:?}");
        }
    }

    #[test]
    fn well_formed_batches_are_read_as_they_were_written(documents in documents()) {
        let lines: String = documents.iter().map(|document| json!(document).to_string() + "\n").collect();
        for (method, merge) in [("POST", false), ("PUT", true)] {
            let at = |content_type| request(method, "/indexes/posts/documents", content_type, Body::empty());
            let expected = carried_out(&documents, merge);
            let list = decode(&posts(), at(JSON), json!(documents).to_string().as_bytes()).unwrap();
            prop_assert_eq!(held(list), expected.clone());
            if !documents.is_empty() {
                prop_assert_eq!(held(decode(&posts(), at(NDJSON), lines.as_bytes()).unwrap()), expected);
            }
        }
        let own = json_documents("id").build();
        let list = decode(&own, request("POST", "/v1/posts", JSON, Body::empty()), json!(documents).to_string().as_bytes());
        prop_assert_eq!(held(list.unwrap()), carried_out(&documents, false));
    }

    #[test]
    fn well_formed_csv_is_read_as_it_was_written(
        rows in vec(("[^\0]{1,10}", any::<i32>(), any::<bool>()), 0..8),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["id", "text", "n:number", "b:boolean"]).unwrap();
        for (place, (text, number, yes)) in rows.iter().enumerate() {
            writer.write_record([&format!("r{place}"), text, &number.to_string(), &yes.to_string()]).unwrap();
        }
        let body = writer.into_inner().unwrap();
        let uri = format!("/indexes/posts/documents?csvDelimiter=%{delimiter:02x}");
        let read = held(decode(&posts(), request("POST", &uri, CSV, Body::empty()), &body).unwrap());
        let expected: Vec<_> = rows.iter().enumerate().map(|(place, (text, number, yes))| {
            let document = json!({ "id": format!("r{place}"), "text": text, "n": number, "b": yes });
            (DocumentId::from(format!("r{place}")), document.as_object().unwrap().clone())
        }).collect();
        prop_assert_eq!(read, expected);
    }

    /// Cut anywhere, JSON is no shorter list, and NDJSON is whole documents only at their ends.
    #[test]
    fn a_truncated_body_is_never_a_shorter_write(documents in documents(), cut in any::<prop::sample::Index>()) {
        let body = json!(documents).to_string();
        let cut = cut.index(body.len());
        let at = request("POST", "/indexes/posts/documents", JSON, Body::empty());
        let read = decode(&posts(), at, &body.as_bytes()[..cut]);
        prop_assert!(matches!(read, Err(CodecError::Malformed(_))), "{read:?}");
    }
}
