//! Facets, and each value once.

use crossfade::{
    backend::SearchBackend,
    error::BackendErrorKind,
    search::{Extras, Page, SearchHits, SearchQuery},
};
use serde_json::{Value, json};

use super::{Ground, expression, ids, settings_of};

fn films() -> Vec<Value> {
    vec![
        json!({"id": 1, "t": "red", "genre": "Drama", "year": 1990, "series": 7}),
        json!({"id": 2, "t": "red", "genre": ["comedy", "DRAMA"], "year": [1980, 2000], "series": 7}),
        json!({"id": 3, "t": "red blue", "genre": " drama ", "year": 999, "series": "b"}),
        json!({"id": 4, "t": "blue", "genre": "Western", "year": "unknown", "series": "B"}),
        json!({"id": 5, "t": "red", "genre": null, "meta": {"lang": "en"}}),
        json!({"id": 6, "t": "red", "genre": true, "year": 1990.5, "series": [7, "b"]}),
    ]
}

fn settings() -> Value {
    json!({"searchableAttributes": ["t"], "filterableAttributes": ["genre", "year", "meta", "series"],
        "sortableAttributes": ["id"]})
}

fn asked(text: &str, extras: Extras) -> SearchQuery {
    SearchQuery { extras: Some(Box::new(extras)), ..SearchQuery::new(text) }
}

fn facets(text: &str, names: &[&str]) -> SearchQuery {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    asked(text, Extras { facets: Some(names), ..Extras::default() })
}

fn distinct(text: &str, offset: usize, limit: usize) -> SearchQuery {
    let extras = Extras { distinct: Some("series".into()), facets: Some(vec!["series".into()]), ..Extras::default() };
    SearchQuery { page: Page::Window { offset, limit }, ..asked(text, extras) }
}

/// The values as text, whose order counts, and the ends.
fn shown(hits: &SearchHits, facet: &str) -> (String, Option<(f64, f64)>) {
    let counts = hits.facets.as_ref().unwrap();
    let values = Value::Object(counts.values[facet].clone()).to_string();
    (values, counts.stats.get(facet).map(|ends| (ends.min, ends.max)))
}

#[tokio::test]
async fn values_are_counted_over_all_that_is_found_and_spelled_as_in_the_first_document() {
    let ground = Ground::new().await;
    let index = ground.index(settings(), &films()).await;
    for text in ["", "red"] {
        let one = SearchQuery { page: Page::Window { offset: 0, limit: 1 }, ..facets(text, &["genre", "year"]) };
        let filtered = SearchQuery { filter: expression("year < 2001"), ..one };
        let hits = index.search(&filtered).await.unwrap();
        assert_eq!(hits.hits.len(), 1);
        assert_eq!(shown(&hits, "genre"), (r#"{"comedy":1,"Drama":3,"true":1}"#.to_owned(), None));
        // Of so few documents numbers stand in the order of their digits.
        let years = r#"{"1980":1,"1990":1,"1990.5":1,"2000":1,"999":1}"#.to_owned();
        assert_eq!(shown(&hits, "year"), (years, Some((999.0, 2000.0))));
    }
    let hits = index.search(&facets("blue", &["year", "genre"])).await.unwrap();
    assert_eq!(shown(&hits, "year"), (r#"{"999":1,"unknown":1}"#.to_owned(), Some((999.0, 999.0))));
    assert_eq!(shown(&hits, "genre"), (r#"{" drama ":1,"Western":1}"#.to_owned(), None));
    // What is found nowhere has no values, and is there all the same.
    let hits = index.search(&facets("nothing", &["genre"])).await.unwrap();
    assert_eq!(shown(&hits, "genre"), ("{}".to_owned(), None));
    assert_eq!(index.search(&SearchQuery::new("red")).await.unwrap().facets, None);
}

/// As a Meilisearch 1.50 server answered.
#[tokio::test]
async fn numbers_that_reach_the_limit_leave_texts_without_one() {
    let documents = [
        json!({"id": 1, "c": [1, 2, 3, "a"]}),
        json!({"id": 2, "c": [2, "b", "c", "a"]}),
        json!({"id": 3, "c": [3, 3, "x"]}),
        json!({"id": 4, "c": ["d"]}),
    ];
    for (most, order, expected) in [
        (2, "count", r#"{"3":2,"2":2,"a":2,"x":1,"d":1,"c":1,"b":1}"#),
        (4, "count", r#"{"3":2,"2":2,"1":1,"a":2}"#),
        (0, "count", r#"{"3":2,"2":2,"1":1,"a":2,"x":1,"d":1,"c":1,"b":1}"#),
        (2, "alpha", r#"{"1":1,"2":2}"#),
        (0, "alpha", "{}"),
    ] {
        let ground = Ground::new().await;
        let faceting = json!({"maxValuesPerFacet": most, "sortFacetValuesBy": {"*": order}});
        let index = ground.index(json!({"filterableAttributes": ["c"], "faceting": faceting}), &documents).await;
        let hits = index.search(&facets("", &["c"])).await.unwrap();
        assert_eq!(shown(&hits, "c").0, expected, "{most} {order}");
    }
}

#[tokio::test]
async fn all_facets_are_those_that_are_filterable_and_no_other_can_be_one() {
    let ground = Ground::new().await;
    let index = ground.index(settings(), &films()).await;
    let hits = index.search(&facets("red", &["*"])).await.unwrap();
    let names: Vec<&String> = hits.facets.as_ref().unwrap().values.keys().collect();
    assert_eq!(names, ["genre", "meta", "meta.lang", "series", "year"]);
    assert_eq!(shown(&hits, "meta.lang").0, r#"{"en":1}"#);
    let extras = Extras { distinct: Some("id".into()), ..Extras::default() };
    for query in [facets("red", &["genre", "id"]), facets("", &["t"]), asked("red", extras)] {
        let error = index.search(&query).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::InvalidQuery, "{error}");
        assert!(error.to_string().contains("not filterable"), "{error}");
    }
}

#[tokio::test]
async fn values_stand_in_the_order_of_the_settings_and_only_so_many() {
    let ground = Ground::new().await;
    let mut settings = settings();
    settings["faceting"] = json!({"maxValuesPerFacet": 2, "sortFacetValuesBy": {"*": "alpha", "genre": "count"}});
    let index = ground.index(settings, &films()).await;
    let hits = index.search(&facets("", &["genre", "year", "series"])).await.unwrap();
    // Of values as frequent the last comes first, as in Meilisearch.
    assert_eq!(shown(&hits, "genre").0, r#"{"Drama":3,"Western":1}"#);
    assert_eq!(shown(&hits, "year").0, r#"{"1980":1,"1990":1}"#);
    assert_eq!(shown(&hits, "series").0, r#"{"7":3,"b":3}"#);
}

#[tokio::test]
async fn many_documents_are_counted_alike_and_their_numbers_stand_by_size() {
    let ground = Ground::new().await;
    let genre = |n: usize| ["RED", "red", "Blue"][n % 3];
    let document = |n: usize| json!({"id": n, "t": "red", "genre": genre(n), "year": n % 120});
    let documents: Vec<Value> = (0..3_003).map(document).collect();
    let index = ground.index(settings(), &documents).await;
    let hits = index.search(&facets("red", &["genre", "year"])).await.unwrap();
    assert_eq!(shown(&hits, "genre").0, r#"{"Blue":1001,"RED":2002}"#);
    let years = shown(&hits, "year").0;
    assert!(years.starts_with(r#"{"0":26,"1":26,"2":26,"3":25,"#) && years.ends_with(r#""99":25}"#), "{years}");
}

#[tokio::test]
async fn each_value_is_shown_once_by_the_best_document() {
    let ground = Ground::new().await;
    let index = ground.index(settings(), &films()).await;
    // 1 shows 7, 3 shows b, 5 shows nothing; 2, 4 and 6 show what has been shown.
    for (text, offset, limit, expected, total) in [
        ("", 0, 20, vec!["1", "3", "5"], 3),
        ("red", 0, 20, vec!["1", "5", "3"], 3),
        ("red", 1, 1, vec!["5"], 3),
        ("", 2, 1, vec!["5"], 3),
        ("", 0, 1, vec!["1"], 4),
        ("blue", 0, 20, vec!["4"], 1),
    ] {
        let hits = index.search(&distinct(text, offset, limit)).await.unwrap();
        assert_eq!(
            (ids(&hits), hits.total),
            (expected.into_iter().map(str::to_owned).collect(), total),
            "{text:?} {offset}"
        );
    }
    // Facets count what is left.
    let hits = index.search(&distinct("red", 0, 20)).await.unwrap();
    assert_eq!(shown(&hits, "series").0, r#"{"7":1,"b":1}"#);
    let sorted = SearchQuery { sort: vec!["id:desc".into()], ..distinct("", 0, 20) };
    assert_eq!(ids(&index.search(&sorted).await.unwrap()), ["6", "5"]);
}

#[tokio::test]
async fn the_settings_may_say_so_for_every_search() {
    let ground = Ground::new().await;
    // It need not be filterable then.
    let once = json!({"searchableAttributes": ["t"], "distinctAttribute": "series"});
    let index = ground.index(once.clone(), &films()).await;
    assert_eq!(ids(&index.search(&SearchQuery::new("red")).await.unwrap()), ["1", "5", "3"]);
    assert_eq!(ids(&index.search(&SearchQuery::new("")).await.unwrap()), ["1", "3", "5"]);
    index.apply_settings(&settings_of(json!({"searchableAttributes": ["t"]}))).await.unwrap();
    assert_eq!(index.search(&SearchQuery::new("red")).await.unwrap().total, 5);
    index.apply_settings(&settings_of(once)).await.unwrap();
    assert_eq!(index.search(&SearchQuery::new("red")).await.unwrap().total, 3);
}
