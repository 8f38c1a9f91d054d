//! PostgreSQL's answer to a filter or a sort is the one of the evaluation in memory.

use std::time::Duration;

use crossfade::{
    backend::SearchBackend,
    filter::{Comparison, Condition, Filter, Literal, facets},
    search::{FilterInput, Page, SearchQuery},
    settings::IndexSettings,
    sort::SortCriterion,
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::{Ground, expression, found, ids, numbered};

const NAMES: [&str; 8] = ["a", "b", "c", "a.b", "it's", "$1", "q\"\\; DROP TABLE x", "né"];
const TEXTS: [&str; 18] = [
    "",
    " ",
    "a",
    "B",
    "b ",
    "é",
    "1",
    "1.0",
    "-2",
    "zeta",
    "true",
    "\u{ffff}",
    "\u{10000}",
    "\0",
    "'; DROP TABLE x; --",
    "\\",
    "$1",
    "{\"a\": 1}",
];

pub(super) fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

pub(super) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..4i64).prop_map(Value::from),
        prop::sample::select(vec![0.5, -0.0, 1e300, 9_007_199_254_740_993.0]).prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            any_object(inner).prop_map(Value::from),
        ]
    })
}

pub(super) fn any_object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((any_name(), value), 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![any_text(), (-2..4i64).prop_map(|n| n.to_string()), Just("0.5".to_owned()), Just("1e300".to_owned())]
        .prop_map(Literal)
}

fn any_condition() -> impl Strategy<Value = Condition> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let comparison = prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]);
    prop_oneof![
        4 => (comparison, any_literal()).prop_map(|(comparison, literal)| Condition::Compare(comparison, literal)),
        1 => (any_literal(), any_literal()).prop_map(|(from, to)| Condition::Between(from, to)),
        1 => prop::collection::vec(any_literal(), 0..3).prop_map(Condition::In),
        1 => prop::collection::vec(any_literal(), 40..42).prop_map(Condition::In),
        1 => prop::sample::select(vec![Condition::Exists, Condition::IsNull, Condition::IsEmpty]),
    ]
}

pub(super) fn any_filter() -> impl Strategy<Value = Filter> {
    let leaf =
        (any_name(), any_condition()).prop_map(|(attribute, condition)| Filter::Condition { attribute, condition });
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// Documents, filters, and sort criteria as attribute and direction.
type Case = (Vec<Map<String, Value>>, Vec<Filter>, Vec<(String, &'static str)>);

fn everything() -> IndexSettings {
    super::settings_of(json!({"filterableAttributes": ["*"], "sortableAttributes": ["*"]}))
}

#[test]
fn postgresql_agrees_with_memory() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ground = runtime.block_on(Ground::new());
    let mut runner = TestRunner::new(ProptestConfig { cases: 32, ..ProptestConfig::default() });
    let cases = (
        prop::collection::vec(any_object(any_value()), 1..40),
        prop::collection::vec(any_filter(), 20),
        prop::collection::vec((any_name(), prop::sample::select(vec!["asc", "desc"])), 4),
    );
    let agree = |(objects, filters, criteria): Case| {
        let documents: Vec<Value> = objects
            .into_iter()
            .enumerate()
            .map(|(n, mut object)| {
                object.insert("id".to_owned(), Value::from(n));
                Value::from(object)
            })
            .collect();
        runtime.block_on(async {
            sqlx::query("TRUNCATE search_indexes CASCADE").execute(&mut ground.psql().await).await.unwrap();
            let index = ground.options().index("random");
            index.create("id", &everything()).await.unwrap();
            index.load(&numbered(&documents)).await.unwrap();
            let page = Page::Window { offset: 0, limit: 1000 };
            for filter in filters {
                let expected: Vec<String> = documents
                    .iter()
                    .filter(|document| filter.matches(document.as_object().unwrap()))
                    .map(|document| document["id"].to_string())
                    .collect();
                let input = Some(FilterInput::Expression(filter.to_string()));
                let hits = index.search(&SearchQuery { filter: input, page, ..SearchQuery::default() }).await.unwrap();
                prop_assert_eq!(hits.total, expected.len() as u64, "{}", filter);
                prop_assert_eq!(ids(&hits), expected, "{}", filter);
            }
            for (attribute, direction) in criteria {
                let sort = format!("{attribute}:{direction}");
                let criterion: SortCriterion = sort.parse().unwrap();
                let mut expected: Vec<_> = documents
                    .iter()
                    .map(|document| (document["id"].to_string(), facets(document.as_object().unwrap(), |_| true)))
                    .collect();
                expected.sort_by(|(_, a), (_, b)| criterion.compare(a.get(&attribute), b.get(&attribute)));
                let expected: Vec<String> = expected.into_iter().map(|(id, _)| id).collect();
                let hits =
                    index.search(&SearchQuery { sort: vec![sort], page, ..SearchQuery::default() }).await.unwrap();
                prop_assert_eq!(ids(&hits), expected, "{}:{}", attribute, direction);
            }
            Ok(())
        })
    };
    runner.run(&cases, agree).unwrap();
}

#[tokio::test]
async fn names_and_values_are_never_sql() {
    let ground = Ground::new().await;
    let nasty = ["'; DROP TABLE search_documents; --", "\\'; SELECT 1", "$1", "\" OR TRUE", "{}", "x\0y", "')::text"];
    let documents: Vec<Value> =
        nasty.iter().enumerate().map(|(n, text)| json!({"id": n, *text: text, "plain": text})).collect();
    let index = ground.index(json!({"filterableAttributes": ["*"], "sortableAttributes": ["*"]}), &documents).await;
    for (n, text) in nasty.iter().enumerate() {
        let literal = || Literal((*text).to_owned());
        for (attribute, condition) in [
            (*text, Condition::Compare(Comparison::Equal, literal())),
            ("plain", Condition::Between(literal(), literal())),
            (*text, Condition::Exists),
        ] {
            let filter = Filter::Condition { attribute: attribute.to_owned(), condition };
            let query = SearchQuery { filter: expression(&filter.to_string()), ..SearchQuery::default() };
            assert_eq!(found(&index, &query).await, [n.to_string()], "{filter}");
        }
        let sorted = SearchQuery { sort: vec![format!("{text}:asc")], ..SearchQuery::new(text.replace('"', "")) };
        index.search(&sorted).await.unwrap();
        let sorted = SearchQuery { sort: vec![format!("{text}:desc")], ..SearchQuery::default() };
        assert_eq!(found(&index, &sorted).await[0], n.to_string());
    }
    assert_eq!(index.document_count().await.unwrap(), nasty.len() as u64);
}

#[tokio::test]
async fn words_and_values_are_found_through_the_indexes() {
    let ground = Ground::new().await;
    // Rows so large that reading all of them is out of the question.
    let plot = "a plot ".repeat(150);
    let documents: Vec<Value> = (0..4000)
        .map(|n| json!({"id": n, "title": format!("film number{n}"), "genre": format!("g{}", n % 500), "plot": plot}))
        .collect();
    let settings = json!({"filterableAttributes": ["genre"], "searchableAttributes": ["title"]});
    let index = ground.index(settings, &documents).await;
    index.fold_all().await.unwrap();
    index.analyze().await.unwrap();
    let mut psql = ground.psql().await;
    let filter = |text| SearchQuery { filter: expression(text), ..SearchQuery::default() };
    for (query, used) in [
        // Phrases have no typos: of so many words, in so small a table, all rows would be read.
        (SearchQuery::new("\"number77\""), "search_postings_pkey"),
        (SearchQuery::new("\"film number77\""), "search_postings_pkey"),
        (filter("genre = g3"), "search_documents_facets"),
        (filter("genre IN [g3, 7] AND genre != g4"), "search_documents_facets"),
    ] {
        let before = scans(&mut psql, used).await;
        // The server reports scans once a second, after a transaction.
        let reported = async {
            while scans(&mut psql, used).await == before {
                assert!(index.search(&query).await.unwrap().total > 0);
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reported)
            .await
            .unwrap_or_else(|_| panic!("{query:?}: no {used}"));
    }
}

/// How often an index of the database has been used.
async fn scans(psql: &mut PgConnection, index: &str) -> i64 {
    let sql = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = $1";
    sqlx::query_scalar(sql).bind(index).fetch_one(psql).await.unwrap()
}
