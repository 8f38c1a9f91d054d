//! Filters, sorts, facets and values that are shown once, over more documents than are asked one by one: they go by the values that
//! postings hold.

use std::collections::{BTreeMap, BTreeSet};

use crossfade::{
    backend::{SearchBackend, postgres::PostgresIndex, postgres::VersionedDocument},
    document::{Document, DocumentId, Version},
    filter::{Filter, facets, spelling},
    search::{Extras, FilterInput, Page, SearchQuery},
    sort::SortCriterion,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{TestRng, TestRunner},
};
use serde_json::{Map, Value, json};

use super::{
    Ground,
    filters::{any_filter, any_name, any_object, any_value},
    ids, numbered, settings_of,
};

const DOCUMENTS: usize = 1_300;

/// Draws the same values each time.
struct Draw(TestRunner);

impl Draw {
    fn new() -> Self {
        let rng = TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha);
        Self(TestRunner::new_with_rng(ProptestConfig::default(), rng))
    }

    fn one<S: Strategy>(&mut self, strategy: S) -> S::Value {
        strategy.new_tree(&mut self.0).unwrap().current()
    }

    /// A film, some of them with values that are not packed, or under a name that is not.
    fn film(&mut self, n: usize) -> Value {
        let mut film = self.one(any_object(any_value()));
        match n % 40 {
            0 => drop(film.insert("a".to_owned(), json!(["x".repeat(300), n]))),
            1 => drop(film.insert("n".repeat(1_100), json!(n))),
            _ => {}
        }
        film.insert("id".to_owned(), json!(n));
        film.insert("title".to_owned(), json!("film"));
        film.insert("part".to_owned(), json!(if n.is_multiple_of(50) { "small" } else { "large" }));
        Value::from(film)
    }
}

/// The index, and what it holds by the ordinals.
struct Films {
    index: PostgresIndex,
    documents: BTreeMap<usize, Document>,
}

impl Films {
    /// Loaded and folded; of some every other is changed after that, and one in ten gone.
    async fn changed(ground: &Ground, draw: &mut Draw) -> Self {
        let films: Vec<Value> = (0..DOCUMENTS).map(|n| draw.film(n)).collect();
        let settings = json!({"searchableAttributes": ["title"], "filterableAttributes": ["*"],
            "sortableAttributes": ["*"], "pagination": {"maxTotalHits": 5_000},
            "faceting": {"maxValuesPerFacet": 5_000}});
        let index = ground.options().index("films");
        index.create("id", &settings_of(settings)).await.unwrap();
        index.load(&numbered(&films)).await.unwrap();
        index.fold_all().await.unwrap();
        let mut documents: BTreeMap<usize, Document> =
            films.iter().map(|film| film.as_object().unwrap().clone()).enumerate().collect();
        let id = |n: usize| DocumentId::from_json(&json!(n)).unwrap();
        let changed: Vec<usize> = (0..DOCUMENTS).step_by(13).collect();
        let films = changed.iter().map(|n| (*n, draw.film(n + 7).as_object().unwrap().clone()));
        let films: Vec<(usize, Document)> = films
            .map(|(n, mut film)| {
                film.insert("id".to_owned(), json!(n));
                (n, film)
            })
            .collect();
        let versioned = |(n, film): &(usize, Document)| VersionedDocument {
            id: id(*n),
            version: Version(2),
            ordinal: *n as i64,
            document: film.clone(),
        };
        index.load(&films.iter().map(versioned).collect::<Vec<_>>()).await.unwrap();
        documents.extend(films);
        let gone: Vec<usize> = (5..DOCUMENTS).step_by(101).collect();
        index.delete(&gone.iter().map(|n| (id(*n), Version(3))).collect::<Vec<_>>()).await.unwrap();
        documents.retain(|n, _| !gone.contains(n));
        Self { index, documents }
    }

    async fn ask(&self, query: &SearchQuery) -> (Vec<usize>, u64) {
        let hits = self.index.search(query).await.unwrap();
        (ids(&hits).iter().map(|id| id.parse().unwrap()).collect(), hits.total)
    }

    async fn assert_like_memory(&self, filter: Option<&Filter>, sort: Option<&str>) {
        let passing = self.documents.iter().filter(|(_, film)| filter.is_none_or(|filter| filter.matches(film)));
        let mut expected: Vec<(usize, _)> = passing.map(|(n, film)| (*n, facets(film, |_| true))).collect();
        if let Some(sort) = sort {
            let criterion: SortCriterion = sort.parse().unwrap();
            let name = criterion.attribute.clone();
            expected.sort_by(|(_, a), (_, b)| criterion.compare(a.get(&name), b.get(&name)));
        }
        let expected: Vec<usize> = expected.into_iter().map(|(n, _)| n).collect();
        for text in ["", "film"] {
            for (offset, limit) in [(0, 2_000), (3, 10)] {
                let query = SearchQuery {
                    sort: sort.map(str::to_owned).into_iter().collect(),
                    page: Page::Window { offset, limit },
                    ..filtered(text, filter)
                };
                let page: Vec<usize> = expected.iter().skip(offset).take(limit).copied().collect();
                let total = expected.len() as u64;
                assert_eq!(self.ask(&query).await, (page, total), "{text:?}, {offset}: {query:?}");
            }
        }
    }
}

fn filtered(text: &str, filter: Option<&Filter>) -> SearchQuery {
    let filter = filter.map(|filter| FilterInput::Expression(filter.to_string()));
    SearchQuery { filter, ..SearchQuery::new(text) }
}

#[tokio::test]
async fn many_documents_are_filtered_and_sorted_as_in_memory() {
    let (ground, mut draw) = (Ground::new().await, Draw::new());
    let films = Films::changed(&ground, &mut draw).await;
    let filters =
        [&format!("{} > 7", "n".repeat(1_100)), "part = large", "part = small", "part = large AND part = small"];
    let filters = filters.map(|filter| Filter::parse(&FilterInput::Expression(filter.to_owned())).unwrap());
    for folded in [false, true] {
        if folded {
            films.index.fold_all().await.unwrap();
        }
        for filter in &filters {
            films.assert_like_memory(Some(filter), None).await;
        }
        for nth in 0..40 {
            let filter = draw.one(any_filter());
            films.assert_like_memory(Some(&filter), None).await;
            let sort = format!("{}:{}", draw.one(any_name()), if nth % 2 == 0 { "asc" } else { "desc" });
            films.assert_like_memory((nth % 3 > 0).then_some(&filter), Some(&sort)).await;
        }
    }
}

/// The values of a facet in some documents, as they are shown; of as few documents as there are here.
fn counted<'a>(films: impl Iterator<Item = &'a Document>, name: &str) -> String {
    let (mut numbers, mut texts) = (BTreeMap::new(), BTreeMap::new());
    for film in films {
        let Some(facet) = facets(film, |kept| kept == name).remove(name) else { continue };
        facet.numbers.iter().for_each(|number| *numbers.entry(number.to_string()).or_insert(0) += 1);
        for text in facet.texts {
            let spelled = spelling(film, name, &text).unwrap_or(&text).to_owned();
            texts.entry(text).or_insert((spelled, 0)).1 += 1;
        }
    }
    let mut values = Map::new();
    values.extend(numbers.into_iter().map(|(number, count)| (number, json!(count))));
    values.extend(texts.into_values().map(|(spelled, count)| (spelled, json!(count))));
    Value::Object(values).to_string()
}

#[tokio::test]
async fn many_documents_are_counted_as_in_memory() {
    let (ground, mut draw) = (Ground::new().await, Draw::new());
    let films = Films::changed(&ground, &mut draw).await;
    for folded in [false, true] {
        if folded {
            films.index.fold_all().await.unwrap();
        }
        for nth in 0..30 {
            let (name, filter) = (draw.one(any_name()), (nth % 3 > 0).then(|| draw.one(any_filter())));
            let extras = Extras { facets: Some(vec![name.clone(), "p*".to_owned()]), ..Extras::default() };
            let passing = || films.documents.values().filter(|film| filter.as_ref().is_none_or(|f| f.matches(film)));
            for text in ["", "film"] {
                let query = SearchQuery { extras: Some(Box::new(extras.clone())), ..filtered(text, filter.as_ref()) };
                let counts = films.index.search(&query).await.unwrap().facets.unwrap();
                for name in [&name, "part"] {
                    let shown = counts.values.get(name).cloned().unwrap_or_default();
                    assert_eq!(Value::Object(shown).to_string(), counted(passing(), name), "{name} of {query:?}");
                }
            }
        }
    }
}

/// Those that show a value nobody has shown, up to so many; and how many are left of all.
fn told_apart(films: &[(usize, &Document)], name: &str, most: usize) -> (Vec<usize>, u64) {
    let values = |film: &Document| {
        let facet = facets(film, |kept| kept == name).remove(name).unwrap_or_default();
        facet
            .numbers
            .iter()
            .map(ToString::to_string)
            .chain(facet.texts.iter().map(|text| format!("{text:?}")))
            .collect()
    };
    let (mut shown, mut kept) = (BTreeSet::<String>::new(), Vec::new());
    for (n, film) in films {
        let values: Vec<String> = values(film);
        if kept.len() < most && !values.iter().any(|value| shown.contains(value)) {
            shown.extend(values);
            kept.push(*n);
        }
    }
    let hidden = |(n, film): &&(usize, &Document)| {
        !kept.contains(n) && values(film).iter().any(|value: &String| shown.contains(value))
    };
    let hidden = films.iter().filter(hidden).count();
    (kept, (films.len() - hidden) as u64)
}

#[tokio::test]
async fn many_documents_are_told_apart_as_in_memory() {
    let (ground, mut draw) = (Ground::new().await, Draw::new());
    let films = Films::changed(&ground, &mut draw).await;
    for folded in [false, true] {
        if folded {
            films.index.fold_all().await.unwrap();
        }
        for nth in 0..30 {
            let (name, filter) = (draw.one(any_name()), (nth % 3 > 0).then(|| draw.one(any_filter())));
            let extras =
                Extras { distinct: Some(name.clone()), facets: Some(vec!["part".into()]), ..Extras::default() };
            let passing = films.documents.iter().filter(|(_, film)| filter.as_ref().is_none_or(|f| f.matches(film)));
            let mut passing: Vec<(usize, &Document)> = passing.map(|(n, film)| (*n, film)).collect();
            let descends = nth % 2 == 0;
            if descends {
                passing.reverse();
            }
            // What comes before the end of the page is looked at, or all that is as good.
            for (text, end) in [("", 7), ("", 2_000), ("film", if descends { 7 } else { 2_000 })] {
                let query = SearchQuery {
                    sort: descends.then(|| "id:desc".to_owned()).into_iter().collect(),
                    page: Page::Window { offset: 0, limit: end },
                    extras: Some(Box::new(extras.clone())),
                    ..filtered(text, filter.as_ref())
                };
                let hits = films.index.search(&query).await.unwrap();
                let found: Vec<usize> = ids(&hits).iter().map(|id| id.parse().unwrap()).collect();
                assert_eq!((found, hits.total), told_apart(&passing, &name, end), "{name} of {query:?}");
                let parts = hits.facets.as_ref().and_then(|facets| facets.values.get("part"));
                let parts: u64 = parts.into_iter().flat_map(Map::values).map(|count| count.as_u64().unwrap()).sum();
                assert_eq!(parts, hits.total, "every film left has a part: {query:?}");
            }
        }
    }
}
