//! Parameters beside the query and the page: read in both forms, or left to Meilisearch.

use axum::{Json, routing::any};
use crossfade::{
    plan::{Flags, WriteMode},
    search::{Extras, Formatting},
    shadow::Outcome,
};
use http::StatusCode;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Value, json};

use super::{Http, meili, meili_codec, read, send};
use crate::support::{canary, shadow};

/// What each form of a request asks PostgreSQL for.
#[tokio::test]
async fn extras_are_read_in_both_forms() {
    let http = Http::new(canary(100));
    let app = http.app(meili_codec(), any(|| async { (StatusCode::FORBIDDEN, "meili") }));
    let post = json!({
        "q": "x", "attributesToSearchOn": ["a", "b"], "distinct": "d", "facets": ["*"], "rankingScoreThreshold": 0.25,
        "showRankingScore": true, "showRankingScoreDetails": true, "showMatchesPosition": true,
        "attributesToHighlight": ["a", "*"], "highlightPreTag": "[", "highlightPostTag": "]",
        "attributesToCrop": ["a:3"], "cropLength": 7, "cropMarker": "..", "retrieveVectors": false,
        "attributesToRetrieve": ["title"],
    });
    let get = concat!(
        "/indexes/movies/search?q=x&attributesToSearchOn=a,b&distinct=d&facets=*&rankingScoreThreshold=0.25",
        "&showRankingScore=true&showRankingScoreDetails=true&showMatchesPosition=true&attributesToHighlight=a,%20*",
        "&highlightPreTag=%5B&highlightPostTag=%5D&attributesToCrop=a:3&cropLength=7&cropMarker=..",
        "&retrieveVectors=false&attributesToRetrieve=title",
    );
    let expected = Extras {
        search_on: Some(vec!["a".into(), "b".into()]),
        distinct: Some("d".into()),
        facets: Some(vec!["*".into()]),
        score_threshold: Some(0.25),
        show_score: true,
        show_score_details: true,
        show_matches: true,
        formatting: Formatting {
            highlight: vec!["a".into(), "*".into()],
            before: "[".into(),
            behind: "]".into(),
            crop: vec!["a:3".into()],
            crop_length: 7,
            crop_marker: "..".into(),
        },
    };
    for request in [meili("/indexes/movies/search", Some(post)), meili(get, None)] {
        assert_eq!(send(&app, request).await.0, StatusCode::OK);
        let query = http.target.queries().pop().unwrap();
        assert_eq!(query.extras.as_deref(), Some(&expected));
        assert_eq!(query.retrieve, Some(vec!["title".to_owned()]));
    }
    // Nothing extra costs nothing.
    send(&app, meili("/indexes/movies/search?q=x&showRankingScore=false", None)).await;
    assert_eq!(http.target.queries().pop().unwrap().extras, None);
}

/// Without ids in Meilisearch's answer there is nothing to compare; that does not keep PostgreSQL from answering.
#[tokio::test]
async fn hits_without_their_ids_are_not_compared() {
    let http = Http::new(shadow(100));
    let answer = json!({ "hits": [{ "title": "a" }], "query": "x", "estimatedTotalHits": 1 });
    let app = http.app(meili_codec(), any(move || async { Json(answer) }));
    send(&app, meili("/indexes/movies/search", Some(json!({ "attributesToRetrieve": ["title"] })))).await;
    assert_eq!(http.record().await.outcome, Outcome::DroppedUnsupported);
}

/// Contract 4: what PostgreSQL does not offer is answered from Meilisearch while that is current, and counted; then it is
/// refused with the name of the parameter.
#[test]
fn what_is_not_offered_stays_on_meili_and_is_counted_and_then_refused_by_name() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked: [(&str, Value); 9] = [
        ("vector", json!([0.5])),
        ("hybrid", json!({ "embedder": "e" })),
        ("retrieveVectors", json!(true)),
        ("media", json!({})),
        ("personalize", json!({})),
        ("useNetwork", json!(true)),
        ("locales", json!(["jpn"])),
        ("showPerformanceDetails", json!(true)),
        // Offered, and left to Meilisearch by a setting.
        ("distinct", json!("a")),
    ];
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            for (name, value) in &asked {
                let body = Some(json!({ "q": "x", (*name): value }));
                let http = Http::new(canary(100));
                let codec = || meili_codec().leave_to_meili(["distinct"]);
                let app = http.app(codec(), any(|| async { (StatusCode::ACCEPTED, "meili") }));
                assert_eq!(send(&app, meili("/indexes/movies/search", body.clone())).await.0, StatusCode::ACCEPTED);
                assert_eq!(http.target.asked(), 0, "{name}");
                let http = Http::new(Flags { write_mode: WriteMode::PgOnly, ..canary(100) });
                let app = http.app(codec(), any(|| async { (StatusCode::ACCEPTED, "meili") }));
                let (status, body) = send(&app, meili("/indexes/movies/search", body)).await;
                assert_eq!(status, StatusCode::BAD_REQUEST, "{name}");
                assert!(read(&body)["message"].as_str().unwrap().contains(&format!("`{name}`")), "{body:?}");
            }
        });
    });
    let counted = |metric: &str| -> u64 {
        let counts = snapshots.snapshot().into_vec().into_iter();
        let counts = counts.filter(|(key, ..)| {
            key.key().name() == metric && key.key().labels().any(|label| label.value() == "unsupported")
        });
        counts.map(|(.., value)| if let DebugValue::Counter(count) = value { count } else { 0 }).sum()
    };
    assert_eq!(counted("read_fallback_total"), asked.len() as u64);
}
