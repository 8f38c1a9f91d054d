//! What the Meilisearch side asks for beside hits, and what it reads out of the answer.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, routing::get, routing::post};
use crossfade::{
    backend::{SearchBackend, meili::MeiliOptions},
    search::{Extras, FacetStats, Formatting, SearchQuery},
};
use serde_json::{Value, json};

#[tokio::test]
async fn extras_are_asked_for_and_read() {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let answer = json!({
        "hits": [{"id": "p0", "title": "Tower", "_formatted": {"id": "p0", "title": "<em>Tower</em>"},
            "_matchesPosition": {"title": [{"start": 0, "length": 5}]}, "_rankingScore": 0.5,
            "_rankingScoreDetails": {"words": {"order": 0}}}],
        "query": "tower", "processingTimeMs": 0, "limit": 20, "offset": 0, "estimatedTotalHits": 1,
        "facetDistribution": {"year": {"1990": 1}}, "facetStats": {"year": {"min": 1990.0, "max": 1990.0}},
    });
    let search = post(move |Json(body): Json<Value>| {
        seen.lock().unwrap().push(body);
        async move { Json(answer) }
    });
    let index = json!({"uid": "posts", "primaryKey": "id", "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z"});
    let app = Router::new()
        .route("/indexes/posts", get(move || async move { Json(index) }))
        .route("/indexes/posts/search", search);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let extras = Extras {
        search_on: Some(vec!["title".into()]),
        distinct: Some("topic".into()),
        facets: Some(vec!["year".into()]),
        score_threshold: Some(0.25),
        show_score: true,
        show_score_details: true,
        show_matches: true,
        formatting: Formatting { highlight: vec!["*".into()], ..Formatting::default() },
    };
    let index = MeiliOptions::new(&url, Some("key")).unwrap().index("posts");
    let hits =
        index.search(&SearchQuery { extras: Some(Box::new(extras)), ..SearchQuery::new("tower") }).await.unwrap();
    let expected = json!({
        "q": "tower", "offset": 0, "limit": 20, "matchingStrategy": "last", "attributesToSearchOn": ["title"],
        "distinct": "topic", "facets": ["year"], "rankingScoreThreshold": 0.25, "showRankingScore": true,
        "showRankingScoreDetails": true, "showMatchesPosition": true, "attributesToHighlight": ["*"],
        "highlightPreTag": "<em>", "highlightPostTag": "</em>", "attributesToCrop": [], "cropLength": 10,
        "cropMarker": "\u{2026}",
    });
    assert_eq!(asked.lock().unwrap().pop().unwrap(), expected);
    let hit = &hits.hits[0];
    assert_eq!(Value::Object(hit.document.clone()), json!({"id": "p0", "title": "Tower"}));
    let shown = hit.extras.as_ref().unwrap();
    assert_eq!((shown.score, shown.formatted.as_ref().unwrap()["title"].as_str()), (Some(0.5), Some("<em>Tower</em>")));
    assert!(shown.matches.as_ref().unwrap().contains_key("title"));
    assert!(shown.score_details.as_ref().unwrap().contains_key("words"));
    let facets = hits.facets.as_ref().unwrap();
    assert_eq!(facets.values["year"]["1990"], 1);
    assert_eq!(facets.stats["year"], FacetStats { min: 1990.0, max: 1990.0 });
    // Who asks for nothing extra sends nothing, and reads nothing.
    let hits = index.search(&SearchQuery::new("tower")).await.unwrap();
    let plain = json!({"q": "tower", "offset": 0, "limit": 20, "matchingStrategy": "last"});
    assert_eq!((asked.lock().unwrap().pop().unwrap(), hits.hits[0].extras.is_none()), (plain, true));
    server.abort();
}
