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

#[tokio::test]
async fn a_sorted_list_leaves_out_what_has_the_field_but_no_value() {
    let meili = Meili::start().await.unwrap();
    let documents = [json!({ "id": "a", "n": null }), json!({ "id": "b" }), json!({ "id": "c", "n": 1 })];
    let index = meili.index("sorted", &json!({ "sortableAttributes": ["n"] }), &documents).await.unwrap();
    let body = json!({ "sort": ["n:asc"], "fields": ["id"] });
    let call = meili.client().call(Method::POST, &format!("/indexes/{index}/documents/fetch"), Some(&body));
    let listed = meili.client().send(call).await.unwrap().json();
    assert_eq!((&listed["results"], &listed["total"]), (&json!([{ "id": "c" }, { "id": "b" }]), &json!(3)));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn a_filter_that_says_nothing_deletes_nothing() {
    let meili = Meili::start().await.unwrap();
    let index = meili.index("unsaid", &json!({}), &documents(&["a"])).await.unwrap();
    for filter in [json!(""), json!(" "), json!([]), json!([[]]), json!([""])] {
        let body = json!({ "filter": filter });
        let call = meili.client().call(Method::POST, &format!("/indexes/{index}/documents/delete"), Some(&body));
        let reply = meili.client().send(call).await.unwrap();
        let said = (reply.status, reply.json()["message"].clone(), reply.json()["code"].clone());
        let refused = (400, json!("Sending an empty filter is forbidden."), json!("invalid_document_filter"));
        assert_eq!(said, refused, "{filter}");
    }
    assert_eq!(ids(&meili, &index).await, ["a"]);
    meili.close().await.unwrap();
}

#[tokio::test]
async fn refusals_name_the_place_and_the_reason() {
    let meili = Meili::start().await.unwrap();
    let settings = json!({ "filterableAttributes": ["n", "a"], "sortableAttributes": ["n", "a"] });
    let index = meili.index("refusals", &settings, &[]).await.unwrap();
    let nested = format!(
        "Index `{index}`: Attribute `zz` is not filterable. Available filterable attribute patterns are: `a`, `n`.\n\
         23:25 (\"n\" = \"1\") OR (NOT (\"zz\" > \"2\"))"
    );
    let unsortable =
        format!("Index `{index}`: Attribute `b` is not sortable. Available sortable attributes are: `a, n`.");
    let search = format!("/indexes/{index}/search");
    let several = |query: Value| json!({ "queries": [query] });
    let rows = [
        (search.as_str(), json!({ "filter": "n = 1 OR NOT zz > 2" }), nested.as_str()),
        (&search, json!({ "sort": ["b:asc"] }), &unsortable),
        (
            &search,
            json!({ "sort": [5] }),
            "Invalid value type at `.sort[0]`: expected a string, but found a positive integer: `5`",
        ),
        (
            &search,
            json!({ "limit": null }),
            "Invalid value type at `.limit`: expected a positive integer, but found null",
        ),
        (
            &search,
            json!({ "filter": 5 }),
            "Invalid syntax for the filter parameter: `expected String, Array, found: 5`.",
        ),
        ("/multi-search", several(json!({ "indexUid": "none" })), "Inside `.queries[0]`: Index `none` not found."),
        ("/multi-search", several(json!({ "q": "" })), "Missing field `indexUid` inside `.queries[0]`"),
    ];
    for (path, body, message) in rows {
        let reply = meili.client().send(meili.client().call(Method::POST, path, Some(&body))).await.unwrap();
        assert_eq!((reply.status, reply.json()["message"].as_str()), (400, Some(message)), "{body}");
    }
    meili.close().await.unwrap();
}

#[tokio::test]
async fn settings_are_changed_field_by_field_and_null_is_the_default() {
    let meili = Meili::start().await.unwrap();
    let settings = json!({ "typoTolerance": { "minWordSizeForTypos": { "oneTypo": 4 } }, "stopWords": ["a"] });
    let index = meili.index("settings", &settings, &[]).await.unwrap();
    let path = format!("/indexes/{index}/settings");
    meili.write(Method::PATCH, &path, Some(&json!({ "stopWords": null }))).await.unwrap();
    let shown = meili.client().send(meili.client().call(Method::GET, &path, None)).await.unwrap().json();
    assert_eq!(shown["typoTolerance"]["minWordSizeForTypos"], json!({ "oneTypo": 4, "twoTypos": 9 }));
    assert_eq!(shown["stopWords"], json!([]));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn hits_beyond_the_reachable_are_not_shown_but_counted() {
    let meili = Meili::start().await.unwrap();
    let settings = json!({ "pagination": { "maxTotalHits": 3 } });
    let index = meili.index("reach", &settings, &documents(&["a", "b", "c", "d"])).await.unwrap();
    let body = json!({ "q": "word", "offset": 2, "attributesToRetrieve": ["id"] });
    let call = meili.client().call(Method::POST, &format!("/indexes/{index}/search"), Some(&body));
    let answer = meili.client().send(call).await.unwrap().json();
    assert_eq!((&answer["hits"], &answer["estimatedTotalHits"]), (&json!([{ "id": "c" }]), &json!(4)));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn nested_fields_are_retrieved_by_their_dotted_names() {
    let meili = Meili::start().await.unwrap();
    let document = json!({ "id": "a", "o": { "x": 1, "y": 2 }, "p": 3 });
    let index = meili.index("nested", &json!({}), &[document]).await.unwrap();
    let body = json!({ "attributesToRetrieve": ["o.x", "p"] });
    let call = meili.client().call(Method::POST, &format!("/indexes/{index}/search"), Some(&body));
    let answer = meili.client().send(call).await.unwrap().json();
    assert_eq!(answer["hits"], json!([{ "o": { "x": 1 }, "p": 3 }]));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn the_official_client_gets_along_with_it() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Film {
        id: u32,
        title: String,
    }
    let meili = Meili::start().await.unwrap();
    let uid = meili.index("sdk", &json!({}), &[]).await.unwrap();
    let client = meilisearch_sdk::client::Client::new(meili.url(), Some(meili.key())).unwrap();
    let index = client.index(&uid);
    let films = [Film { id: 1, title: "Tower".into() }, Film { id: 2, title: "Bridge".into() }];
    let task = index.add_documents(&films, Some("id")).await.unwrap();
    assert!(task.wait_for_completion(&client, None, None).await.unwrap().is_success());
    let found = index.search().with_query("towr").execute::<Film>().await.unwrap();
    assert!(found.hits.is_empty());
    let found = index.search().with_query("towerr").with_limit(5).execute::<Film>().await.unwrap();
    assert_eq!(found.hits.iter().map(|hit| hit.result.id).collect::<Vec<_>>(), [1]);
    assert_eq!(index.get_stats().await.unwrap().number_of_documents, 2);
    assert_eq!(index.get_document::<Film>("2").await.unwrap().title, "Bridge");
    meili.close().await.unwrap();
}
