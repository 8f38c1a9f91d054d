//! What settings change in answers; runs on a real server as well.

use crossfade::testing::Meili;
use http::Method;
use serde_json::{Value, json};

struct Ground {
    meili: Meili,
    index: String,
}

impl Ground {
    async fn new(name: &str, titles: &[&str]) -> Self {
        let meili = Meili::start().await.unwrap();
        let documents = titles.iter().enumerate();
        let documents: Vec<Value> = documents.map(|(id, title)| json!({ "id": id, "title": title, "n": id })).collect();
        let settings = json!({ "searchableAttributes": ["title"], "sortableAttributes": ["n"] });
        let index = meili.index(name, &settings, &documents).await.unwrap();
        Self { meili, index }
    }

    async fn set(&self, settings: Value) {
        self.meili.write(Method::PATCH, &format!("/indexes/{}/settings", self.index), Some(&settings)).await.unwrap();
    }

    async fn post(&self, body: Value) -> Value {
        let path = format!("/indexes/{}/search", self.index);
        self.meili.client().send(self.meili.client().call(Method::POST, &path, Some(&body))).await.unwrap().json()
    }

    async fn ids(&self, text: &str) -> Vec<u64> {
        let answer = self.post(json!({ "q": text })).await;
        answer["hits"].as_array().unwrap().iter().map(|hit| hit["id"].as_u64().unwrap()).collect()
    }
}

#[tokio::test]
async fn words_stand_for_others_or_for_nothing_as_the_settings_say() {
    let ground = Ground::new("words", &["car", "auto", "motor vehicle", "the car", "cart"]).await;
    assert_eq!(ground.ids("car ").await, [0, 3]);
    ground.set(json!({ "synonyms": { "car": ["auto", "motor vehicle"] } })).await;
    assert_eq!(ground.ids("car ").await, [0, 1, 2, 3]);
    ground.set(json!({ "synonyms": null, "stopWords": ["the"] })).await;
    assert_eq!(ground.ids("the car ").await, [3, 0]);
    ground.set(json!({ "stopWords": null, "prefixSearch": "disabled" })).await;
    assert_eq!(ground.ids("car").await, [0, 3]);
    ground.meili.close().await.unwrap();
}

#[tokio::test]
async fn typos_are_allowed_as_the_settings_say_and_null_is_back_to_the_default() {
    let ground = Ground::new("typos", &["tower", "towel"]).await;
    assert_eq!(ground.ids("tower ").await, [0, 1]);
    ground.set(json!({ "typoTolerance": { "enabled": false } })).await;
    assert_eq!(ground.ids("tower ").await, [0]);
    ground.set(json!({ "typoTolerance": { "enabled": null, "minWordSizeForTypos": { "oneTypo": 6 } } })).await;
    assert_eq!(ground.ids("tower ").await, [0]);
    ground.set(json!({ "typoTolerance": { "minWordSizeForTypos": null } })).await;
    assert_eq!(ground.ids("tower ").await, [0, 1]);
    ground.meili.close().await.unwrap();
}

#[tokio::test]
async fn ranking_rules_are_followed_and_sort_needs_its_own() {
    let ground = Ground::new("rules", &["one", "x one", "one x"]).await;
    assert_eq!(ground.ids("one ").await, [0, 2, 1]);
    ground.set(json!({ "rankingRules": ["n:desc", "words"] })).await;
    assert_eq!(ground.ids("one ").await, [2, 1, 0]);
    let refused = ground.post(json!({ "q": "one", "sort": ["n:asc"] })).await;
    assert_eq!(refused["code"], "invalid_search_sort", "{refused}");
    ground.set(json!({ "rankingRules": null })).await;
    assert_eq!(ground.ids("one ").await, [0, 2, 1]);
    ground.meili.close().await.unwrap();
}

#[tokio::test]
async fn phrases_and_negative_words() {
    let ground = Ground::new("phrases", &["one two", "two one", "one x two", "one"]).await;
    assert_eq!(ground.ids(r#""one two""#).await, [0]);
    assert_eq!(ground.ids("one -two").await, [3]);
    assert_eq!(ground.ids("-x").await, [0, 1, 3]);
    ground.meili.close().await.unwrap();
}

#[tokio::test]
async fn settings_of_another_type_are_refused() {
    let ground = Ground::new("refused", &[]).await;
    let path = format!("/indexes/{}/settings", ground.index);
    for (settings, code) in [
        (json!({ "synonyms": 3 }), "invalid_settings_synonyms"),
        (json!({ "typoTolerance": { "enabled": "yes" } }), "invalid_settings_typo_tolerance"),
    ] {
        let call = ground.meili.client().call(Method::PATCH, &path, Some(&settings));
        let refused = ground.meili.client().send(call).await.unwrap().json();
        assert_eq!(refused["code"], code, "{refused}");
    }
    ground.meili.close().await.unwrap();
}
