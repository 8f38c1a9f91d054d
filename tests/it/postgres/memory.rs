//! PostgreSQL and the index in memory stand on one ranking: what one finds, the other finds in the same order.

use std::sync::Arc;

use crossfade::{
    backend::{SearchBackend, memory::MemoryIndex},
    document::Version,
    error::Side,
    search::{Page, SearchQuery},
    tokens::Bigrams,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use super::{Ground, expression, ids, numbered, settings_of};
use crate::ranking::model::{asked, film};

const FILMS: usize = 40;
const QUERIES: usize = 60;

fn draw<S: Strategy>(strategy: S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

fn films(runner: &mut TestRunner) -> Vec<Value> {
    (1..=FILMS).map(|id| Value::Object(draw(film(), runner).document(id))).collect()
}

fn queries(runner: &mut TestRunner) -> Vec<SearchQuery> {
    let mut queries = Vec::new();
    for nth in 0..QUERIES {
        let asked = draw(asked(), runner);
        let page = Page::Window { offset: nth % 3, limit: 5 + nth % 40 };
        let plain = SearchQuery { matching: asked.matching, page, ..SearchQuery::new(asked.text()) };
        queries.push(SearchQuery { filter: expression("kept = true"), ..plain.clone() });
        queries.push(SearchQuery { sort: vec!["year:desc".to_owned()], ..plain.clone() });
        queries.push(plain);
    }
    queries
}

async fn agree(postgres: &impl SearchBackend, memory: &MemoryIndex, queries: &[SearchQuery]) {
    for query in queries {
        let (pg, memory) = (postgres.search(query).await.unwrap(), memory.search(query).await.unwrap());
        assert_eq!((ids(&pg), pg.total), (ids(&memory), memory.total), "{query:?}");
    }
}

#[tokio::test]
async fn both_find_the_same_in_the_same_order() {
    let runner = &mut TestRunner::deterministic();
    let (first, second, queries) = (films(runner), films(runner), queries(runner));
    let settings = json!({
        "searchableAttributes": ["title", "body"], "filterableAttributes": ["kept"], "sortableAttributes": ["year"],
        "typoTolerance": { "minWordSizeForTypos": { "oneTypo": 2, "twoTypos": 4 } },
        "synonyms": { "ab": ["ba", "a b"] }, "stopWords": ["bb"],
    });
    let ground = Ground::new().await;
    let postgres = ground.index(settings.clone(), &first).await;
    let memory = MemoryIndex::with_settings(Side::Meili, settings_of(settings), Some(Arc::new(Bigrams)));
    numbered(&first).into_iter().for_each(|film| memory.put(film.id, film.document));
    agree(&postgres, &memory, &queries).await;
    // Some of them change, and what is found with them.
    let mut changed = numbered(&second);
    changed.retain(|film| film.ordinal % 3 == 0);
    changed.iter_mut().for_each(|film| film.version = Version(2));
    postgres.load(&changed).await.unwrap();
    changed.into_iter().for_each(|film| memory.put(film.id, film.document));
    agree(&postgres, &memory, &queries).await;
}
