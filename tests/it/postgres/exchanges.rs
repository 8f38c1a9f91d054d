//! The recorded exchanges, answered from PostgreSQL: the codec shows what Meilisearch 1.50 showed.

use std::time::Duration;

use crossfade::{
    backend::SearchBackend,
    codec::Codec,
    http::codec::{Question, meili_search},
};
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::Ground;

const EXCHANGES: &str = include_str!("../data/meili-exchanges.jsonl");

/// Searches of the index `posts` that were answered, as request and answer.
fn searches() -> Vec<(Value, Value)> {
    let exchanges = EXCHANGES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let searches = exchanges.filter(|exchange| {
        let path = exchange["request"]["path"].as_str().unwrap();
        exchange["response"]["status"] == 200 && path.starts_with("/indexes/posts/search")
    });
    searches.map(|mut exchange| (exchange["request"].take(), exchange["response"]["body"].take())).collect()
}

/// What differs from one answer to the next.
fn settled(mut answer: Value) -> String {
    answer["processingTimeMs"] = json!(0);
    answer["requestUid"] = json!("");
    answer.to_string()
}

#[tokio::test]
async fn answers_are_those_that_were_recorded() {
    let searches = searches();
    let (_, all) = searches.iter().find(|(request, _)| request["body"] == json!({"q": ""})).unwrap();
    let settings = json!({"searchableAttributes": ["title", "body"], "filterableAttributes": ["topic", "created_at"],
        "sortableAttributes": ["created_at"]});
    let ground = Ground::new().await;
    let index = ground.index(settings, all["hits"].as_array().unwrap()).await;
    let codec = meili_search("posts", "id").trust_callers().build();
    let mut kinds = 0;
    for (request, recorded) in &searches {
        let question = Question {
            method: request["method"].as_str().unwrap().parse::<Method>().unwrap(),
            uri: request["path"].as_str().unwrap().parse().unwrap(),
            headers: Vec::new(),
            body: if request["body"].is_null() { Default::default() } else { request["body"].to_string().into() },
        };
        let query = codec.decode(question).unwrap();
        // The index of this ground has a name of its own.
        let asked = crossfade::search::SearchQuery { index: None, ..query.clone() };
        let hits = index.search(&asked).await.unwrap();
        let answer = codec.encode(&query, hits, Duration::ZERO).into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(settled(answer), settled(recorded.clone()), "{request}");
        kinds += usize::from(query.extras.is_some());
    }
    assert!(searches.len() >= 14 && kinds > 0, "{} exchanges", searches.len());
}
