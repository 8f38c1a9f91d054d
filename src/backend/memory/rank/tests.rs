use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

const ALL: Page = Page::Window { offset: 0, limit: usize::MAX };

/// Titles, each with a body behind `|`.
fn store(titles: &[&str], settings: Value) -> Store {
    let mut all = json!({ "searchableAttributes": ["title", "body"] });
    all.as_object_mut().unwrap().extend(settings.as_object().cloned().unwrap());
    let mut store = Store::new(serde_json::from_value(all).unwrap(), None);
    for (number, title) in titles.iter().enumerate() {
        let (title, body) = title.split_once('|').unwrap_or((title, ""));
        let document = json!({ "title": title, "body": body, "n": number }).as_object().cloned().unwrap();
        store.insert(store.prepare(number.to_string().into(), Arc::new(document)));
    }
    store
}

fn numbers(store: &Store, query: &Query<'_>) -> Vec<u32> {
    let found = store.search(&Query { page: ALL, ..*query }, |_| true);
    assert_eq!(found.total, found.ranked.len());
    assert!(!query.sort.is_empty() || found.ranked.is_sorted_by(|a, b| a.score >= b.score));
    found.ranked.into_iter().map(|ranked| ranked.number).collect()
}

fn ask(titles: &[&str], text: &str) -> Vec<u32> {
    numbers(&store(titles, json!({})), &Query { text, ..Query::default() })
}

fn under(settings: Value, titles: &[&str], text: &str) -> Vec<u32> {
    numbers(&store(titles, settings), &Query { text, ..Query::default() })
}

#[test]
fn more_words_beat_everything_and_words_are_dropped_from_the_end() {
    assert_eq!(ask(&["red", "red blue", "blue", "blue x x red green"], "red blue green "), [3, 1, 0]);
}

#[test]
fn all_keeps_only_documents_with_every_word_and_frequency_drops_the_commonest() {
    let store = store(&["the cat", "the dog", "cat", "the"], json!({}));
    let with = |matching| numbers(&store, &Query { text: "the cat ", matching, ..Query::default() });
    assert_eq!(with(MatchingStrategy::All), [0]);
    // 3 before 1: `the` is the whole attribute.
    assert_eq!(with(MatchingStrategy::Last), [0, 3, 1]);
    assert_eq!(with(MatchingStrategy::Frequency), [0, 2]);
}

/// What a Meilisearch 1.50 server answered for these four documents.
#[test]
fn the_worst_a_rule_could_have_cost_follows_the_interpretations_that_are_left() {
    use MatchingStrategy::{All, Frequency, Last};
    let titles = ["sun flower", "sun flowers", "sunflower", "sun other"];
    // By document: typos of so many, and the score.
    let check = |rules: &[&str], matching, expected: &[(u32, u32, f64)]| {
        let store = store(&titles, json!({ "searchableAttributes": ["title"], "rankingRules": rules }));
        let found = store.search(&Query { text: "sun flower ", matching, page: ALL, ..Query::default() }, |_| true);
        assert_eq!(found.ranked.len(), expected.len(), "{rules:?} {matching:?}");
        for ((ranked, number), (typos, most, score)) in found.ranked.iter().zip(0..).zip(expected) {
            assert_eq!(ranked.number, number, "{rules:?} {matching:?}");
            assert!(ranked.scores.contains(&RuleScore::Typo(*typos, *most)), "{rules:?} {matching:?} {ranked:?}");
            assert!((ranked.score - score).abs() < 1e-6, "{rules:?} {matching:?} {ranked:?}");
        }
    };
    let exactness = ["words", "exactness", "typo", "proximity"];
    let with_exactness = [(0, 1, 1.0), (1, 2, 0.592_593), (2, 3, 0.520_833), (0, 1, 0.333_333)];
    check(&exactness, Last, &with_exactness);
    check(&exactness, Frequency, &with_exactness[..3]);
    check(&exactness, All, &[(0, 1, 1.0), (1, 2, 0.185_185), (2, 3, 0.041_667)]);
    check(&["proximity", "typo"], Last, &[(0, 2, 1.0), (1, 2, 0.958_333), (2, 3, 0.8125), (0, 1, 0.5)]);
    check(&["proximity", "typo"], All, &[(0, 2, 1.0), (1, 2, 0.916_667), (2, 3, 0.625)]);
    check(&["sort", "typo"], Last, &[(0, 3, 1.0), (1, 3, 0.875), (2, 3, 0.75), (0, 1, 0.5)]);
    // No document stands for the concatenation alone, and yet it is among what there could have been.
    let found = store(&["sun other"], json!({ "searchableAttributes": ["title"] }));
    let found = found.search(&Query { text: "sun other ", matching: All, page: ALL, ..Query::default() }, |_| true);
    assert_eq!(found.ranked[0].scores[0], RuleScore::Typo(0, 3));
}

#[test]
fn the_rules_decide_in_their_order() {
    // words, typo, proximity, attribute, position, whole attribute, exact word
    assert_eq!(ask(&["|tower one", "towel one", "x|tower one"], "tower one "), [0, 2, 1]);
    assert_eq!(ask(&["one x two", "|one two"], "one two "), [1, 0]);
    assert_eq!(ask(&["|one", "x one"], "one "), [1, 0]);
    assert_eq!(ask(&["x x one", "x one"], "one "), [1, 0]);
    assert_eq!(ask(&["one x", "one"], "one "), [1, 0]);
    assert_eq!(ask(&["x ones", "x one"], "one"), [1, 0]);
}

#[test]
fn phrases_are_found_as_they_stand_and_negative_words_not_at_all() {
    let titles = ["one two", "two one", "one x two", "one"];
    assert_eq!(ask(&titles, r#""one two""#), [0]);
    assert_eq!(ask(&titles, "one -two"), [3]);
    assert_eq!(ask(&titles, r#"one -"one two""#), [3, 2, 1]);
    assert_eq!(ask(&titles, "-x"), [0, 1, 3]);
}

#[test]
fn joined_and_split_words_are_found() {
    assert_eq!(ask(&["x", "sunflower", "sun flower"], "sun flower "), [2, 1]);
    assert_eq!(ask(&["sun x flower", "sun flower"], "sunflower "), [1]);
}

#[test]
fn settings_decide_what_is_found() {
    let synonyms = json!({ "synonyms": { "car": ["auto", "motor vehicle"] } });
    assert_eq!(under(synonyms, &["car", "auto", "motor vehicle", "motor"], "car "), [0, 1, 2]);
    assert_eq!(under(json!({ "stopWords": ["the"] }), &["the", "cat", "the cat"], "the cat"), [2, 1]);
    let exact = json!({ "typoTolerance": { "enabled": false } });
    assert_eq!(under(exact, &["tower", "towel"], "tower "), [0]);
    assert_eq!(under(json!({ "prefixSearch": "disabled" }), &["ones", "one"], "one"), [1]);
    assert_eq!(under(json!({ "pagination": { "maxTotalHits": 2 } }), &["a", "b"], ""), [0, 1]);
}

#[test]
fn ranking_rules_decide_the_order() {
    let titles = ["x x one", "|one", "x one"];
    assert_eq!(under(json!({ "rankingRules": ["n:desc"] }), &titles, "one "), [2, 1, 0]);
    assert_eq!(under(json!({ "rankingRules": ["words", "wordPosition"] }), &titles, "one "), [1, 2, 0]);
    assert_eq!(under(json!({ "rankingRules": ["n:desc"] }), &titles, ""), [2, 1, 0]);
}

#[test]
fn ties_go_to_the_lower_internal_number() {
    assert_eq!(ask(&["one a", "one b", "one c"], "one "), [0, 1, 2]);
}

#[test]
fn sort_stands_between_attribute_and_position() {
    let store = store(&["one", "x one", "|one"], json!({}));
    let sort = ["n:desc".parse().unwrap()];
    assert_eq!(numbers(&store, &Query { text: "one ", sort: &sort, ..Query::default() }), [1, 0, 2]);
    assert_eq!(numbers(&store, &Query { sort: &sort, ..Query::default() }), [2, 1, 0]);
    assert_eq!(store.list(&sort, |document| document["n"] != 1), [2, 0]);
}

#[test]
fn a_page_is_a_slice_of_the_whole_and_the_total_is_that_of_the_whole() {
    let store = store(&["one", "x one", "|one", "two", "one two"], json!({}));
    let all = numbers(&store, &Query { text: "one ", ..Query::default() });
    for (offset, limit) in [(0, 1), (1, 2), (3, 9), (4, 1), (0, 0)] {
        let query = Query { text: "one ", page: Page::Window { offset, limit }, ..Query::default() };
        let found = store.search(&query, |_| true);
        let expected: Vec<u32> = all.iter().copied().skip(offset).take(limit).collect();
        assert_eq!(found.ranked.iter().map(|ranked| ranked.number).collect::<Vec<_>>(), expected);
        assert_eq!(found.total, 4);
    }
}
