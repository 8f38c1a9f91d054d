use crossfade::{
    backend::{
        SearchBackend,
        postgres::{LoadCounts, VersionedDocument},
    },
    document::{DocumentId, Version},
    error::BackendErrorKind,
    search::SearchQuery,
};
use serde_json::json;

use super::{Ground, expression, found, settings_of, titled};

fn document(version: i64, title: &str) -> VersionedDocument {
    let fields = json!({"id": 1, "title": title});
    VersionedDocument {
        id: DocumentId::from("1"),
        version: Version(version),
        ordinal: 0,
        document: fields.as_object().unwrap().clone(),
    }
}

const WRITTEN: LoadCounts = LoadCounts { written: 1, stale: 0 };
const STALE: LoadCounts = LoadCounts { written: 0, stale: 1 };

#[tokio::test]
async fn the_newest_version_wins_whatever_the_order() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &[]).await;
    for (version, title, counts) in
        [(5, "five", WRITTEN), (4, "four", STALE), (5, "again", WRITTEN), (6, "six", WRITTEN)]
    {
        assert_eq!(index.load(&[document(version, title)]).await.unwrap(), counts, "{title}");
    }
    assert_eq!(found(&index, &SearchQuery::new("six")).await, ["1"]);
    let mixed = [document(8, "eight"), document(9, "nine"), document(7, "seven")];
    assert_eq!(index.load(&mixed).await.unwrap(), LoadCounts { written: 1, stale: 2 });
    assert_eq!(found(&index, &SearchQuery::new("nine")).await, ["1"]);
}

#[tokio::test]
async fn a_tombstone_is_brought_back_by_a_newer_write_only() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &[]).await;
    let id = || DocumentId::from("1");
    // A delete may come before the write that it is newer than.
    assert_eq!(index.delete(&[(id(), Version(3))]).await.unwrap(), WRITTEN);
    for version in [2, 3] {
        assert_eq!(index.load(&[document(version, "late")]).await.unwrap(), STALE);
    }
    assert_eq!(index.document_count().await.unwrap(), 0);
    assert_eq!(index.load(&[document(4, "new")]).await.unwrap(), WRITTEN);
    assert_eq!(index.delete(&[(id(), Version(3))]).await.unwrap(), STALE);
    assert_eq!(found(&index, &SearchQuery::default()).await, ["1"]);
    assert_eq!(
        index.delete(&[(id(), Version(4)), (id(), Version(1))]).await.unwrap(),
        LoadCounts { written: 1, stale: 1 }
    );
    assert!(
        found(&index, &SearchQuery::default()).await.is_empty()
            && found(&index, &SearchQuery::new("new")).await.is_empty()
    );
}

#[tokio::test]
async fn changed_settings_hold_for_documents_already_there() {
    let ground = Ground::new().await;
    let index = ground.index(json!({"searchableAttributes": ["id"]}), &[]).await;
    // More than one batch.
    let documents: Vec<_> = (0..1201).map(|n| json!({"id": n, "title": format!("the number{n}"), "n": n})).collect();
    index.load(&super::numbered(&documents)).await.unwrap();
    index.delete(&[(DocumentId::from("7"), Version(2))]).await.unwrap();
    assert!(found(&index, &SearchQuery::new("number1200")).await.is_empty());
    let settings =
        settings_of(json!({"searchableAttributes": ["title"], "filterableAttributes": ["n"], "stopWords": ["the"]}));
    index.apply_settings(&settings).await.unwrap();
    assert_eq!(index.settings().await.unwrap(), settings);
    assert_eq!(found(&index, &SearchQuery::new("\"number1200\"")).await, ["1200"]);
    assert!(found(&index, &SearchQuery::new("the ")).await.len() > 1, "stop words alone are no words");
    let ends = SearchQuery { filter: expression("n < 1 OR n >= 1200 OR n = 7"), ..SearchQuery::default() };
    assert_eq!(found(&index, &ends).await, ["0", "1200"]);
}

#[tokio::test]
async fn an_interrupted_change_of_settings_is_taken_up() {
    let ground = Ground::new().await;
    let index = ground.index(json!({"searchableAttributes": ["id"]}), &titled(&["x", "y"])).await;
    let settings = settings_of(json!({"searchableAttributes": ["title"]}));
    // As if the process had died right after the settings were stored.
    sqlx::query("UPDATE search_indexes SET settings = $1, generation = generation + 1")
        .bind(serde_json::to_value(&settings).unwrap())
        .execute(&mut ground.psql().await)
        .await
        .unwrap();
    assert!(found(&index, &SearchQuery::new("y")).await.is_empty());
    index.apply_settings(&settings).await.unwrap();
    assert_eq!(found(&index, &SearchQuery::new("y")).await, ["2"]);
}

#[tokio::test]
async fn filters_are_refused_until_all_rows_have_what_they_ask_for() {
    let ground = Ground::new().await;
    let documents = [json!({"id": 1, "v": "private"}), json!({"id": 2, "v": "public"})];
    let index = ground.index(json!({}), &documents).await;
    let settings = settings_of(json!({"filterableAttributes": ["v"], "sortableAttributes": ["v"]}));
    // As if the process had died right after the settings were stored.
    sqlx::query("UPDATE search_indexes SET settings = $1, generation = generation + 1")
        .bind(serde_json::to_value(&settings).unwrap())
        .execute(&mut ground.psql().await)
        .await
        .unwrap();
    let shown = SearchQuery { filter: expression("v != private"), ..SearchQuery::default() };
    let sorted = SearchQuery { sort: vec!["v:desc".to_owned()], ..SearchQuery::default() };
    for query in [&shown, &sorted] {
        assert_eq!(index.search(query).await.unwrap_err().kind(), BackendErrorKind::Unsupported);
    }
    assert_eq!(found(&index, &SearchQuery::default()).await, ["1", "2"]);
    // A write of the new generation says nothing about the other rows.
    index.load(&super::numbered(&documents[1..])).await.unwrap();
    assert_eq!(index.search(&shown).await.unwrap_err().kind(), BackendErrorKind::Unsupported);
    index.apply_settings(&settings).await.unwrap();
    assert_eq!(found(&index, &shown).await, ["2"]);
    assert_eq!(found(&index, &sorted).await, ["2", "1"]);
}

#[tokio::test]
async fn an_index_is_made_once_and_must_be_there() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &titled(&["x"])).await;
    index.create("id", &settings_of(json!({}))).await.unwrap();
    assert_eq!(index.document_count().await.unwrap(), 1);
    assert_eq!(index.create("key", &settings_of(json!({}))).await.unwrap_err().kind(), BackendErrorKind::Internal);
    let missing = ground.options().index("missing");
    for error in [
        missing.document_count().await.unwrap_err(),
        missing.load(&[document(1, "x")]).await.unwrap_err(),
        missing.delete(&[(DocumentId::from("1"), Version(1))]).await.unwrap_err(),
        missing.apply_settings(&settings_of(json!({}))).await.unwrap_err(),
        missing.settings().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), BackendErrorKind::IndexNotFound);
    }
}
