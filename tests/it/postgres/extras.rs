//! Scores, attributes to search on, formatted texts.

use crossfade::{
    backend::SearchBackend,
    error::BackendErrorKind,
    search::{Extras, Formatting, HitExtras, MatchingStrategy, Page, SearchQuery},
};
use serde_json::{Value, json};

use super::{Ground, found, ids, titled};

fn asked(text: &str, extras: Extras) -> SearchQuery {
    SearchQuery { extras: Some(Box::new(extras)), ..SearchQuery::new(text) }
}

fn scored(text: &str) -> SearchQuery {
    asked(text, Extras { show_score: true, show_score_details: true, ..Extras::default() })
}

fn above(text: &str, threshold: f64) -> SearchQuery {
    asked(text, Extras { score_threshold: Some(threshold), ..Extras::default() })
}

/// The posts of the recorded exchanges.
fn posts() -> (Value, Vec<Value>) {
    let post = |id: &str, title: &str, body: &str, topic: &str, at: u64| {
        json!({"id": id, "title": title, "body": body,
        "topic": topic, "created_at": at})
    };
    let posts = vec![
        post("p0", "Tower layers", "compose middleware around services", "search", 1_700_000_000),
        post("p1", "Hello, world", "the first post of many", "rust", 1_700_000_001),
        post("p2", "Searching posts", "full text search with typo tolerance", "search", 1_700_000_002),
        post("p3", "Tower of services", "a service is a function of a request", "rust", 1_700_000_003),
        post("p4", "Empty body", "", "search", 1_700_000_004),
    ];
    let settings = json!({"searchableAttributes": ["title", "body"], "filterableAttributes": ["topic", "created_at"],
        "sortableAttributes": ["created_at"]});
    (settings, posts)
}

async fn shown(index: &impl SearchBackend, query: &SearchQuery) -> Vec<HitExtras> {
    let hits = index.search(query).await.unwrap();
    hits.hits.iter().map(|hit| *hit.extras.clone().unwrap()).collect()
}

#[tokio::test]
async fn scores_are_those_meilisearch_gave() {
    let ground = Ground::new().await;
    let (settings, posts) = posts();
    let index = ground.index(settings, &posts).await;
    let hits = shown(&index, &scored("tower")).await;
    let scores: Vec<f64> = hits.iter().map(|hit| hit.score.unwrap()).collect();
    // As in the recorded exchange.
    assert_eq!(scores, [0.992_424_242_424_242_4, 0.992_424_242_424_242_4, 0.162_878_787_878_787_88]);
    let expected = json!({
        "words": {"order": 0, "matchingWords": 1, "maxMatchingWords": 1, "score": 1.0},
        "typo": {"order": 1, "typoCount": 1, "maxTypoCount": 1, "score": 0.5},
        "proximity": {"order": 2, "score": 1.0},
        "attributeRank": {"order": 3, "score": 0.5},
        "wordPosition": {"order": 4, "score": 8.0 / 11.0},
        "exactness": {"order": 5, "matchType": "noExactMatch", "matchingWords": 0, "maxMatchingWords": 1,
            "score": 1.0 / 6.0},
    });
    assert_eq!(Value::Object(hits[2].score_details.clone().unwrap()), expected);
    let all = SearchQuery { matching: MatchingStrategy::All, ..scored("tower layers") };
    let details = shown(&index, &all).await.remove(0).score_details.unwrap();
    assert_eq!(details.keys().collect::<Vec<_>>(), ["typo", "proximity", "attributeRank", "wordPosition", "exactness"]);
}

#[tokio::test]
async fn sorted_values_are_shown_and_have_no_score() {
    let ground = Ground::new().await;
    let (settings, posts) = posts();
    let index = ground.index(settings, &posts).await;
    for (text, nth) in [("", 0), ("tower", 4)] {
        let query = SearchQuery { sort: vec!["created_at:desc".into()], ..scored(text) };
        let hit = shown(&index, &query).await.remove(0);
        let value = if text.is_empty() { 1_700_000_004.0 } else { 1_700_000_003.0 };
        assert_eq!(hit.score_details.unwrap()["created_at:desc"], json!({"order": nth, "value": value}));
        assert_eq!(hit.score == Some(1.0), text.is_empty());
    }
    assert_eq!(shown(&index, &scored("")).await[0].score_details, Some(Default::default()));
}

#[tokio::test]
async fn hits_below_a_score_are_left_out_and_not_counted() {
    let ground = Ground::new().await;
    let (settings, posts) = posts();
    let index = ground.index(settings, &posts).await;
    for (threshold, expected) in [(0.0, 3), (0.17, 2), (0.992_424_242_424_242_4, 2), (1.0, 0)] {
        let hits = index.search(&above("tower", threshold)).await.unwrap();
        assert_eq!((hits.hits.len(), hits.total), (expected, expected as u64), "{threshold}");
    }
    // What has not been looked at still counts, but for numbered pages, whose total is exact.
    let first = SearchQuery { page: Page::Window { offset: 0, limit: 1 }, ..above("tower", 0.5) };
    assert_eq!(index.search(&first).await.unwrap().total, 3);
    let first = SearchQuery { page: Page::Numbered { page: 1, hits_per_page: 1 }, ..first };
    let hits = index.search(&first).await.unwrap();
    assert_eq!((ids(&hits), hits.total), (vec!["p0".to_owned()], 2));
    assert_eq!(index.search(&above("", 1.0)).await.unwrap().total, 5);
    // A sort decides before the score is complete: whatever comes may be above or below.
    let sorted = SearchQuery { sort: vec!["created_at:asc".into()], ..above("tower", 0.5) };
    assert_eq!(found(&index, &sorted).await, ["p0", "p3"]);
}

#[tokio::test]
async fn a_search_may_be_restricted_to_attributes() {
    let ground = Ground::new().await;
    let documents = [
        json!({"id": 1, "a": "red", "b": "blue"}),
        json!({"id": 2, "a": "blue", "b": "red", "c": "red"}),
        json!({"id": 3, "c": "red"}),
    ];
    let index = ground.index(json!({"searchableAttributes": ["a", "b", "c"]}), &documents).await;
    let on = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        asked("red", Extras { search_on: Some(names), ..Extras::default() })
    };
    assert_eq!(found(&index, &on(&["b"])).await, ["2"]);
    assert_eq!(found(&index, &on(&["c", "a"])).await, ["1", "2", "3"]);
    assert_eq!(found(&index, &on(&["*"])).await, ["1", "2", "3"]);
    assert!(found(&index, &on(&[])).await.is_empty());
    let error = index.search(&on(&["a", "id"])).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::InvalidQuery);
    assert!(error.to_string().contains("`id` is not searchable"), "{error}");
    index.apply_settings(&super::settings_of(json!({}))).await.unwrap();
    let error = index.search(&on(&["a"])).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unsupported);
    assert!(error.to_string().contains("attributesToSearchOn"), "{error}");
}

#[tokio::test]
async fn texts_are_formatted_around_what_was_found() {
    let ground = Ground::new().await;
    let titles = ["the big red tower of old", "towers"];
    let index =
        ground.index(json!({"stopWords": ["the"], "typoTolerance": {"enabled": false}}), &titled(&titles)).await;
    let formatting = Formatting {
        highlight: vec!["title".into()],
        crop: vec!["title".into()],
        crop_length: 2,
        ..Formatting::default()
    };
    let extras = Extras { formatting, show_matches: true, ..Extras::default() };
    let hits = shown(&index, &asked("tower", extras.clone())).await;
    let texts: Vec<Value> = hits.iter().map(|hit| Value::Object(hit.formatted.clone().unwrap())).collect();
    assert_eq!(
        texts,
        [
            json!({"id": "2", "title": "<em>tower</em>s"}),
            json!({"id": "1", "title": "\u{2026}red <em>tower</em>\u{2026}"})
        ]
    );
    let places = Value::Object(hits[1].matches.clone().unwrap());
    assert_eq!(places, json!({"title": [{"start": 12, "length": 5}]}));
    // A split of one word is found as a phrase, and a search for everything marks nothing.
    let hits = shown(&index, &asked("bigred ", extras.clone())).await;
    assert_eq!(hits[0].formatted.as_ref().unwrap()["title"], "\u{2026}<em>big red</em>\u{2026}");
    let hits = shown(&index, &asked("", extras)).await;
    assert_eq!(hits[0].formatted.as_ref().unwrap()["title"], "the big\u{2026}");
    assert!(index.search(&SearchQuery::new("tower")).await.unwrap().hits[0].extras.is_none());
}
