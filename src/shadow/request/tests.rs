use proptest::{option, prelude::*};
use serde_json::json;

use super::*;
use crate::search::{Extras, Formatting, MatchingStrategy, Page};

fn text() -> impl Strategy<Value = String> {
    // Anything but NUL, which PostgreSQL's JSON cannot hold.
    "[^\\x00]{0,12}"
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 0..4)
}

fn filter() -> impl Strategy<Value = FilterInput> {
    let term = prop_oneof![text().prop_map(FilterTerm::Expression), texts().prop_map(FilterTerm::AnyOf)];
    prop_oneof![
        text().prop_map(FilterInput::Expression),
        prop::collection::vec(term, 0..4).prop_map(FilterInput::AllOf)
    ]
}

fn page() -> impl Strategy<Value = Page> {
    prop_oneof![
        (any::<usize>(), any::<usize>()).prop_map(|(offset, limit)| Page::Window { offset, limit }),
        (any::<usize>(), any::<usize>()).prop_map(|(page, hits_per_page)| Page::Numbered { page, hits_per_page })
    ]
}

fn formatting() -> impl Strategy<Value = Formatting> {
    let some = (texts(), text(), text(), texts(), any::<usize>(), text()).prop_map(
        |(highlight, before, behind, crop, crop_length, crop_marker)| Formatting {
            highlight,
            before,
            behind,
            crop,
            crop_length,
            crop_marker,
        },
    );
    prop_oneof![Just(Formatting::default()), some]
}

fn extras() -> impl Strategy<Value = Extras> {
    let threshold = option::of(prop_oneof![0.0..1.0, prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL]);
    let lists = (option::of(texts()), option::of(text()), option::of(texts()));
    (lists, threshold, any::<[bool; 3]>(), formatting()).prop_map(
        |(
            (search_on, distinct, facets),
            score_threshold,
            [show_score, show_score_details, show_matches],
            formatting,
        )| {
            Extras {
                search_on,
                distinct,
                facets,
                score_threshold,
                show_score,
                show_score_details,
                show_matches,
                formatting,
            }
        },
    )
}

fn query() -> impl Strategy<Value = SearchQuery> {
    let matching =
        prop_oneof![Just(MatchingStrategy::Last), Just(MatchingStrategy::All), Just(MatchingStrategy::Frequency)];
    let rest = (matching, option::of(texts()), option::of(extras()));
    (option::of(text()), text(), option::of(text()), option::of(filter()), texts(), page(), rest).prop_map(
        |(index, text, user, filter, sort, page, (matching, retrieve, extras))| SearchQuery {
            index: index.map(Into::into),
            text,
            user: user.map(Into::into),
            filter,
            sort,
            page,
            matching,
            retrieve,
            extras: extras.map(Box::new),
        },
    )
}

proptest! {
    #[test]
    fn a_query_comes_back_without_who_asked(query in query()) {
        let stored = StoredRequest::of(&query);
        prop_assume!(stored != Err(RequestAbsent::Unstorable), "a backslash before u0000 looks like a NUL");
        let again = StoredRequest::read(stored.unwrap().as_json()).unwrap();
        prop_assert_eq!(again, SearchQuery { user: None, ..query });
    }
}

#[test]
fn the_form_is_fixed() {
    let plain = StoredRequest::of(&SearchQuery::new("jaws").by("ann")).unwrap();
    assert_eq!(plain.as_json(), r#"{"v":1,"q":"jaws","page":[0,20]}"#);
    let filter = serde_json::from_value(json!(["year > 1990", ["a = 1", "b = 2"]])).unwrap();
    let formatting = Formatting { highlight: vec!["*".to_owned()], ..Formatting::default() };
    let query = SearchQuery {
        index: Some("films".into()),
        filter: Some(filter),
        sort: vec!["year:desc".to_owned()],
        page: Page::Numbered { page: 2, hits_per_page: 10 },
        matching: MatchingStrategy::All,
        retrieve: Some(vec!["title".to_owned()]),
        extras: Some(Box::new(Extras {
            score_threshold: Some(0.3),
            show_score: true,
            formatting,
            ..Extras::default()
        })),
        ..SearchQuery::new("Jaws  ")
    };
    let expected = json!({
        "v": 1, "q": "Jaws  ", "index": "films", "filter": ["year > 1990", ["a = 1", "b = 2"]], "sort": ["year:desc"],
        "page": {"page": 2, "hits_per_page": 10}, "matching": "all", "retrieve": ["title"],
        "extras": {"score_threshold": "0.3", "show_score": true, "formatting": {
            "highlight": ["*"], "before": "<em>", "behind": "</em>", "crop": [], "crop_length": 10, "crop_marker": "…"}},
    });
    let stored: serde_json::Value = serde_json::from_str(StoredRequest::of(&query).unwrap().as_json()).unwrap();
    assert_eq!(stored, expected);
}

#[test]
fn what_this_program_does_not_know_is_not_asked() {
    let read = |json: serde_json::Value| StoredRequest::read(&json.to_string());
    assert_eq!(read(json!({"v": 2, "q": "jaws", "vector": [1]})), Err(RequestError::Newer(2)));
    for wrong in [
        json!({"v": 1, "q": "jaws", "page": [0, 20], "hybrid": {}}),
        json!({"v": 1, "q": "jaws", "page": [0, 20], "extras": {"hybrid": true}}),
        json!({"v": 1, "q": "jaws"}),
        json!({"v": 0, "q": "jaws", "page": [0, 20]}),
        json!({"q": "jaws"}),
        json!([]),
    ] {
        assert!(matches!(read(wrong.clone()), Err(RequestError::Malformed(_))), "{wrong}");
    }
}

#[test]
fn what_is_too_large_or_cannot_be_held_is_left_out() {
    // {"v":1,"q":"…","page":[0,20]} around the text.
    let around = r#"{"v":1,"q":"","page":[0,20]}"#.len();
    let of = |text: String| StoredRequest::of(&SearchQuery::new(text));
    assert_eq!(of("x".repeat(StoredRequest::LIMIT - around)).unwrap().as_json().len(), StoredRequest::LIMIT);
    assert_eq!(of("x".repeat(StoredRequest::LIMIT - around + 1)), Err(RequestAbsent::TooLarge));
    assert_eq!(of("a\0b".to_owned()), Err(RequestAbsent::Unstorable));
}

#[test]
fn a_filter_names_its_reader_by_the_whole_id() {
    let named = |filter: serde_json::Value, user: &str| {
        let filter = Some(serde_json::from_value(filter).unwrap());
        StoredRequest::of(&SearchQuery { filter, ..SearchQuery::new("jaws").by(user) }).unwrap().names_reader()
    };
    assert!(named(json!("owner = alice"), "alice"));
    assert!(named(json!("owner IN ['alice','bob']"), "alice"));
    assert!(named(json!(["year > 1990", ["owner = 'u:7'", "public = true"]]), "u:7"));
    assert!(!named(json!("owner = alice2 OR owner = malice"), "alice"));
    assert!(!named(json!("year = 1991"), "19"));
    assert!(!named(json!("owner = alice"), ""));
}
