//! What the double stores, seen through the protocol; runs on a real server as well.

use crossfade::testing::Meili;
use http::Method;
use serde_json::{Value, json};

async fn ids(meili: &Meili, index: &str) -> Vec<String> {
    let path = format!("/indexes/{index}/documents?limit=100&fields=id");
    let reply = meili.client().send(meili.client().call(Method::GET, &path, None)).await.unwrap();
    let results = reply.json()["results"].clone();
    results.as_array().unwrap().iter().map(|document| document["id"].as_str().unwrap().to_owned()).collect()
}

fn documents(ids: &[&str]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "id": id, "title": format!("word {id}") })).collect()
}

#[tokio::test]
async fn freed_internal_numbers_are_taken_first_and_a_replaced_document_keeps_its_own() {
    let meili = Meili::start().await.unwrap();
    let index = meili.index("numbers", &json!({}), &documents(&["a", "b", "c", "d"])).await.unwrap();
    let path = format!("/indexes/{index}/documents");
    meili.write(Method::POST, &format!("{path}/delete-batch"), Some(&json!(["c", "a"]))).await.unwrap();
    meili.write(Method::POST, &path, Some(&json!(documents(&["d", "e", "f", "g"])))).await.unwrap();
    assert_eq!(ids(&meili, &index).await, ["e", "b", "f", "d", "g"]);
    meili.close().await.unwrap();
}

#[tokio::test]
async fn changed_searchable_attributes_are_searched() {
    let meili = Meili::start().await.unwrap();
    let document = json!({ "id": "a", "title": "one", "body": "two" });
    let settings = json!({ "searchableAttributes": ["title"] });
    let index = meili.index("searchable", &settings, &[document]).await.unwrap();
    let total = async || {
        let call = meili.client().call(Method::POST, &format!("/indexes/{index}/search"), Some(&json!({ "q": "two" })));
        meili.client().send(call).await.unwrap().json()["estimatedTotalHits"].as_u64()
    };
    assert_eq!(total().await, Some(0));
    let settings = json!({ "searchableAttributes": ["body"] });
    meili.write(Method::PATCH, &format!("/indexes/{index}/settings"), Some(&settings)).await.unwrap();
    assert_eq!(total().await, Some(1));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn a_missing_primary_key_is_found_out_or_refused() {
    let meili = Meili::start().await.unwrap();
    let index = meili.index("keys", &json!({}), &[]).await.unwrap();
    let other = format!("{index}-inferred");
    let path = format!("/indexes/{other}/documents");
    let error = meili.write(Method::POST, &path, Some(&json!([{ "title": "x" }]))).await.unwrap_err();
    assert!(error.to_string().contains("index_primary_key_no_candidate_found"), "{error}");
    meili.write(Method::POST, &path, Some(&json!([{ "event_id": 7 }]))).await.unwrap();
    let shown = meili.client().call(Method::GET, &format!("/indexes/{other}"), None);
    assert_eq!(meili.client().send(shown).await.unwrap().json()["primaryKey"], "event_id");
    meili.write(Method::DELETE, &format!("/indexes/{other}"), None).await.unwrap();
    meili.close().await.unwrap();
}
