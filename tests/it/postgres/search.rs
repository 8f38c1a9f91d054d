use crossfade::{
    backend::SearchBackend,
    error::BackendErrorKind,
    search::{MatchingStrategy, Page, SearchQuery},
};
use serde_json::json;

use super::{Ground, expression, found, ids, titled};

fn window(text: &str, offset: usize, limit: usize) -> SearchQuery {
    SearchQuery { page: Page::Window { offset, limit }, ..SearchQuery::new(text) }
}

#[tokio::test]
async fn words_are_dropped_from_the_end_until_enough_are_found() {
    let ground = Ground::new().await;
    let index =
        ground.index(json!({}), &titled(&["red", "red green", "green blue", "red green blue", "red blue"])).await;
    assert_eq!(found(&index, &SearchQuery::new("red green blue")).await, ["4", "2", "1", "5"]);
    assert_eq!(found(&index, &window("red green blue", 0, 2)).await, ["4", "2"]);
    assert_eq!(index.search(&window("red green blue", 0, 1)).await.unwrap().total, 4);
    let all = SearchQuery { matching: MatchingStrategy::All, ..SearchQuery::new("red green") };
    let hits = index.search(&all).await.unwrap();
    assert_eq!((ids(&hits), hits.total), (vec!["2".to_owned(), "4".to_owned()], 2));
    assert_eq!(index.search(&SearchQuery::new("none green")).await.unwrap().total, 0);
}

#[tokio::test]
async fn the_last_word_is_a_prefix_while_nothing_follows_it() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &titled(&["the hangover", "hang on", "Überhang", "überaus"])).await;
    assert_eq!(found(&index, &SearchQuery::new("hang")).await, ["2", "1"]);
    assert_eq!(found(&index, &SearchQuery::new("hang ")).await, ["2"]);
    assert_eq!(found(&index, &SearchQuery::new("UBER")).await, ["3", "4"]);
    // Both words are found joined; and once the last has been dropped, the one before it is complete.
    assert_eq!(found(&index, &SearchQuery::new("hang over")).await, ["1", "2"]);
}

#[tokio::test]
async fn the_best_attribute_of_each_word_decides_inside_a_rung() {
    let ground = Ground::new().await;
    let documents = [
        json!({"id": 1, "d": "fox", "e": "dog"}),
        json!({"id": 2, "c": "fox", "a": "dog"}),
        json!({"id": 3, "a": "foxes", "b": "fox dog"}),
        json!({"id": 4, "a": "fox dog"}),
        json!({"id": 5, "a": "fox", "b": "dog", "no": "fox"}),
        json!({"id": 6, "no": "fox dog"}),
    ];
    let index = ground.index(json!({"searchableAttributes": ["a", "b", "c", "d", "e"]}), &documents).await;
    // Side by side comes before the best attribute.
    assert_eq!(found(&index, &SearchQuery::new("fox dog ")).await, ["4", "3", "5", "2", "1"]);
    // As a prefix `fox` is found in the first attribute of 3, too.
    assert_eq!(found(&index, &SearchQuery::new("dog fox")).await, ["4", "3", "5", "2", "1"]);
}

#[tokio::test]
async fn ties_go_by_ordinal_and_no_two_documents_have_one() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &[]).await;
    let mut documents = super::numbered(&titled(&["x", "x", "x", "x", "x"]));
    for (document, ordinal) in documents.iter_mut().zip([7, 3, 3, -1, 1 << 32]) {
        document.ordinal = ordinal;
    }
    index.load(&documents).await.unwrap();
    // What has no number of the source, or that of another, comes behind all that have one.
    for text in ["x", ""] {
        assert_eq!(found(&index, &SearchQuery::new(text)).await, ["2", "1", "3", "4", "5"]);
    }
    // A number that another document has by now is not taken from it.
    documents[0].version = crossfade::document::Version(9);
    documents[0].ordinal = 3;
    index.load(&documents[..1]).await.unwrap();
    assert_eq!(found(&index, &SearchQuery::new("x")).await, ["2", "1", "3", "4", "5"]);
}

#[tokio::test]
async fn pages_join_into_the_whole_ranking_across_rungs() {
    let ground = Ground::new().await;
    let titles: Vec<String> =
        (0..30).map(|n| format!("alpha {} {}", ["beta", "x"][n % 2], ["gamma", "y"][n % 3 / 2])).collect();
    let index = ground.index(json!({}), &titled(&titles.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let text = "alpha beta gamma";
    let whole = found(&index, &window(text, 0, 100)).await;
    assert_eq!(whole.len(), 30);
    for size in [1, 4, 7, 13] {
        let mut joined = Vec::new();
        for offset in (0..30).step_by(size) {
            let hits = index.search(&window(text, offset, size)).await.unwrap();
            assert_eq!(hits.total, 30);
            joined.extend(ids(&hits));
        }
        assert_eq!(joined, whole, "pages of {size}");
    }
    let page = |page| SearchQuery { page: Page::Numbered { page, hits_per_page: 12 }, ..SearchQuery::new(text) };
    assert_eq!(found(&index, &page(3)).await, whole[24..]);
    assert_eq!(index.search(&page(0)).await.unwrap().total, 30);
    assert!(found(&index, &page(0)).await.is_empty() && found(&index, &page(4)).await.is_empty());
}

#[tokio::test]
async fn hits_are_capped_and_totals_are_not() {
    let ground = Ground::new().await;
    let index = ground.index(json!({"pagination": {"maxTotalHits": 3}}), &titled(&["x"; 5])).await;
    for text in ["x", ""] {
        let hits = index.search(&window(text, 1, 10)).await.unwrap();
        assert_eq!((ids(&hits).len(), hits.total), (2, 5));
        assert!(found(&index, &window(text, 4, 10)).await.is_empty());
    }
    assert!(found(&index, &window("x", usize::MAX, usize::MAX)).await.is_empty());
}

#[tokio::test]
async fn stop_words_are_passed_over() {
    let ground = Ground::new().await;
    let index = ground.index(json!({"stopWords": ["the"]}), &titled(&["the end", "end", "theory"])).await;
    assert_eq!(found(&index, &SearchQuery::new("the end")).await, ["1", "2"]);
    assert_eq!(found(&index, &SearchQuery::new("the")).await, ["3"]);
    assert_eq!(found(&index, &SearchQuery::new("the ")).await, ["1", "2", "3"]);
    // As the source has it, the word is stopped as it is written only.
    assert!(found(&index, &SearchQuery::new("The end")).await.is_empty());
}

/// The orders are those of a real Meilisearch 1.50.
#[tokio::test]
async fn nothing_is_near_a_phrase_that_ends_with_a_stop_word() {
    let ground = Ground::new().await;
    let titles = ["in the x x play", "in the play", "play x in the", "play the in x x x x in the", "play in the"];
    let settings = json!({"stopWords": ["the"], "rankingRules": ["words", "typo", "proximity"],
        "typoTolerance": {"enabled": false}});
    let index = ground.index(settings, &titled(&titles)).await;
    for (text, order) in [
        ("\"in\" play", vec!["2", "1", "3", "4", "5"]),
        ("\"in the\" play", vec!["1", "2", "3", "4", "5"]),
        ("\"play the\" \"in the\"", vec!["1", "2", "3", "4", "5"]),
        ("play \"the in\" x", vec!["4", "1", "3"]),
    ] {
        let query = SearchQuery { matching: MatchingStrategy::All, ..SearchQuery::new(text) };
        assert_eq!(found(&index, &query).await, order, "{text}");
    }
}

/// What is found is what a real Meilisearch 1.50 finds.
#[tokio::test]
async fn joined_words_are_not_split_where_they_are_mostly_split_as_typed() {
    let ground = Ground::new().await;
    for (others, order) in [(1, vec!["1", "2", "4"]), (3, vec!["1", "2", "6", "3", "4", "5"])] {
        let titles = [vec!["an early"; 2], vec!["a nearly"; others], vec!["an x early"]].concat();
        let index = ground.index(json!({}), &titled(&titles)).await;
        let query = SearchQuery { matching: MatchingStrategy::All, ..SearchQuery::new("an early") };
        assert_eq!(found(&index, &query).await, order, "{others}");
    }
}

#[tokio::test]
async fn sort_decides_after_the_attributes_and_before_the_ordinal() {
    let ground = Ground::new().await;
    let documents = [
        json!({"id": 1, "t": "x", "year": 1990}),
        json!({"id": 2, "t": "x", "year": "ninety"}),
        json!({"id": 3, "u": "x", "year": 2000}),
        json!({"id": 4, "t": "x"}),
        json!({"id": 5, "t": "x", "year": [1980, 2010]}),
    ];
    let settings = json!({"searchableAttributes": ["t", "u"], "sortableAttributes": ["year"]});
    let index = ground.index(settings, &documents).await;
    let sorted = |sort: &str, text| SearchQuery { sort: vec![sort.to_owned()], ..SearchQuery::new(text) };
    assert_eq!(found(&index, &sorted("year:asc", "")).await, ["5", "1", "3", "2", "4"]);
    assert_eq!(found(&index, &sorted("year:desc", "")).await, ["5", "3", "1", "2", "4"]);
    assert_eq!(found(&index, &sorted("year:desc", "x")).await, ["5", "1", "2", "4", "3"]);
}

#[tokio::test]
async fn answers_show_fields_as_the_source_does() {
    let ground = Ground::new().await;
    let document = json!({"z": "a\0b", "id": "k", "m": {"y": 1, "b": 2}, "a": 1e2, "hidden": true});
    let settings = json!({"displayedAttributes": ["a", "m", "z"]});
    let index = ground.index(settings, std::slice::from_ref(&document)).await;
    let shown = |hits: &crossfade::search::SearchHits| serde_json::to_string(&hits.hits[0].document).unwrap();
    let hits = index.search(&SearchQuery::default()).await.unwrap();
    assert_eq!(shown(&hits), r#"{"z":"a\u0000b","m":{"y":1,"b":2},"a":100.0}"#);
    let some = SearchQuery { retrieve: Some(vec!["hidden".into(), "m.b".into()]), ..SearchQuery::default() };
    let hits = index.search(&some).await.unwrap();
    assert_eq!((ids(&hits), shown(&hits)), (vec!["k".to_owned()], r#"{"m":{"b":2}}"#.to_owned()));
}

#[tokio::test]
async fn what_meilisearch_refuses_is_refused_and_nothing_else() {
    let ground = Ground::new().await;
    let index =
        ground.index(json!({"filterableAttributes": ["a"], "sortableAttributes": ["a"]}), &titled(&["x"])).await;
    let filter = |text| SearchQuery { filter: expression(text), ..SearchQuery::default() };
    let sort = |text: &str| SearchQuery { sort: vec![text.to_owned()], ..SearchQuery::default() };
    let elsewhere = SearchQuery { index: Some("elsewhere".into()), ..SearchQuery::default() };
    for (query, kind) in [
        (filter("b = 1"), BackendErrorKind::InvalidQuery),
        (filter("a = "), BackendErrorKind::InvalidQuery),
        (filter("a CONTAINS b"), BackendErrorKind::Unsupported),
        (sort("b:asc"), BackendErrorKind::InvalidQuery),
        (sort("a"), BackendErrorKind::InvalidQuery),
        (sort("_geoPoint(1,2):asc"), BackendErrorKind::Unsupported),
        (elsewhere, BackendErrorKind::IndexNotFound),
    ] {
        assert_eq!(index.search(&query).await.unwrap_err().kind(), kind, "{query:?}");
    }
    for text in ["\0", "x\0", "'", "\\", "':*A & 'b", "!x | y", "$1; DROP TABLE search_documents", "\u{10ffff}\u{200c}"]
    {
        index.search(&SearchQuery::new(text)).await.unwrap();
    }
    let nul = SearchQuery { index: Some("a\0".into()), ..SearchQuery::new("\0") };
    assert!(!index.search(&nul).await.unwrap_err().kind().is_outage());
}

#[tokio::test]
async fn no_query_a_client_can_write_is_an_outage() {
    let ground = Ground::new().await;
    let settings = json!({"filterableAttributes": ["a"], "sortableAttributes": ["a"]});
    let index = ground.index(settings, &titled(&["x", "x y"])).await;
    for long in [251, 2_047, 3_000, 500_000] {
        let long = "w".repeat(long);
        for (text, expected) in [
            (long.clone(), vec![]),
            (format!("{long} x"), vec![]),
            (format!("x {long} y"), vec!["1", "2"]),
            (format!("x y {long}"), vec!["2", "1"]),
            (format!("x -{long}"), vec!["1", "2"]),
            (format!("x {}", format!("-{} ", "w".repeat(250)).repeat(10_000)), vec!["1", "2"]),
        ] {
            assert_eq!(found(&index, &SearchQuery::new(text)).await, expected);
        }
        let all = SearchQuery { matching: MatchingStrategy::All, ..SearchQuery::new(format!("x {long}")) };
        assert!(found(&index, &all).await.is_empty());
    }
    let filter = |text: String| SearchQuery { filter: expression(&text), ..SearchQuery::new("x") };
    let list = |n| format!("a IN [{}]", (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    let sort = |n| SearchQuery { sort: vec!["a:asc".to_owned(); n], ..SearchQuery::default() };
    let elsewhere = SearchQuery { index: Some("mistyped".into()), ..SearchQuery::default() };
    for (query, kind) in [
        (filter(vec![list(16); 400].join(" OR ")), Some(BackendErrorKind::Unsupported)),
        (filter(vec!["a > 1"; 2_501].join(" OR ")), Some(BackendErrorKind::Unsupported)),
        (filter(vec!["NOT a = 1"; 20_000].join(" OR ")), Some(BackendErrorKind::Unsupported)),
        (sort(501), Some(BackendErrorKind::Unsupported)),
        (filter(list(100_000)), None),
        (filter(vec![list(3); 1_500].join(" OR ")), None),
        (sort(500), None),
        (filter(vec!["a > 1"; 2_500].join(" OR ")), None),
        (elsewhere, Some(BackendErrorKind::IndexNotFound)),
    ] {
        let error = index.search(&query).await.err();
        assert_eq!(error.as_ref().map(|error| error.kind()), kind, "{error:?}");
        assert!(error.is_none_or(|error| !error.kind().is_outage()));
    }
}

#[tokio::test]
async fn negative_words_exclude() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &titled(&["batman robin", "batman", "robin", "batman x", "robins"])).await;
    for (text, expected) in [
        ("batman -robin", vec!["2", "4"]),
        ("batman x -robin", vec!["4", "2"]),
        ("batman -rob", vec!["2", "1", "4"]),
        ("-ROBIN -x", vec!["2", "5"]),
        ("-robin bat", vec!["2", "4"]),
        ("batman -robin -batman", vec![]),
        ("batman - robin", vec!["1", "2", "4"]),
    ] {
        let hits = index.search(&SearchQuery::new(text)).await.unwrap();
        assert_eq!(
            (ids(&hits), hits.total),
            (expected.iter().map(|id| (*id).to_owned()).collect(), expected.len() as u64),
            "{text}"
        );
    }
}
