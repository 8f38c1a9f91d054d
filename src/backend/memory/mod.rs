//! A search index in memory: the engine of the Meilisearch double, and a side for tests of the layers.
//!
//! It stands on [`ranking`](crate::ranking) and [`tokens`](crate::tokens), as the PostgreSQL side does: the lists of
//! words are kept here in maps, what they find is put in order there. To each of the 2,020 queries recorded over 36,273
//! films it gives the same first 20 in the same order and the same total (`tests/it/parity.rs`).
//!
//! Not imitated: distinct attributes, the attributes to search on, score thresholds, the values of ranking scores (they
//! only fall along the ranking), and Meilisearch's own segmenters of languages (a [`Segmenter`] may be given). Filters
//! and sort criteria may name any attribute.

mod rank;
mod store;
mod words;

use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use serde_json::Value;

pub use self::{
    rank::{Found, Query, Ranked},
    store::{Prepared, Store},
};
use super::SearchBackend;
use crate::{
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind, Side},
    filter::Filter,
    search::{Hit, SearchHits, SearchQuery},
    settings::IndexSettings,
    sort::SortCriterion,
    tokens::Segmenter,
};

/// An index in memory that stands for either side.
#[derive(Debug)]
pub struct MemoryIndex {
    side: Side,
    store: RwLock<Store>,
}

impl MemoryIndex {
    /// An empty index. `searchable` lists the attributes searched, best first; empty is all of them, all alike.
    pub fn new(side: Side, searchable: &[&str]) -> Self {
        let mut settings = IndexSettings::default();
        if !searchable.is_empty() {
            settings.searchable_attributes = searchable.iter().map(|name| (*name).to_owned()).collect();
        }
        Self::with_settings(side, settings, None)
    }

    /// An empty index with settings. `segmenter` cuts Chinese and Japanese; without one a run of characters is a word.
    pub fn with_settings(side: Side, settings: IndexSettings, segmenter: Option<Arc<dyn Segmenter>>) -> Self {
        Self { side, store: RwLock::new(Store::new(settings, segmenter)) }
    }

    /// Adds a document, or replaces the one with this id.
    pub fn put(&self, id: impl Into<DocumentId>, document: Document) {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        let prepared = store.prepare(id.into(), Arc::new(document));
        store.insert(prepared);
    }

    /// Removes a document; whether there was one.
    pub fn remove(&self, id: &DocumentId) -> bool {
        self.store.write().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    fn answer(&self, query: &SearchQuery) -> Result<SearchHits, BackendError> {
        let invalid = |doing: &str| BackendError::new(self.side, BackendErrorKind::InvalidQuery, doing);
        let filter = query.filter.as_ref().map(Filter::parse).transpose();
        let filter = filter.map_err(|error| invalid("reading the filter").caused_by(error))?;
        let sort = SortCriterion::parse_all(&query.sort);
        let sort = sort.map_err(|error| invalid("reading the sort criteria").caused_by(error))?;
        let asked =
            Query { text: &query.text, matching: query.matching, sort: &sort, page: query.page, ..Query::default() };
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        let Found { ranked, total } =
            store.search(&asked, |document| filter.as_ref().is_none_or(|filter| filter.matches(document)));
        let shown = |document: &Document| store.settings().show(document.clone(), query.retrieve.as_deref());
        let documents = ranked.iter().filter_map(|ranked| store.at(ranked.number));
        let hits = documents.map(|(id, document)| Hit::new(id.clone(), shown(document)));
        Ok(SearchHits::new(hits.collect::<Vec<_>>(), total as u64))
    }
}

impl SearchBackend for MemoryIndex {
    fn side(&self) -> Side {
        self.side
    }

    fn search<'a>(&'a self, query: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
        Box::pin(async move { self.answer(query) })
    }
}

/// The fields asked for, nested ones by their dotted names, in the document's own order; `None` and `*` are all.
pub fn retrieve(document: &Document, fields: Option<&[String]>) -> Document {
    match fields {
        Some(fields) if !fields.iter().any(|field| field == "*") => {
            select(document, &fields.iter().map(String::as_str).collect::<Vec<_>>())
        }
        _ => document.clone(),
    }
}

fn select(document: &Document, fields: &[&str]) -> Document {
    let mut selected = Document::new();
    for (name, value) in document {
        let below = |field: &&str| field.strip_prefix(name.as_str())?.strip_prefix('.').map(str::to_owned);
        if fields.contains(&name.as_str()) {
            selected.insert(name.clone(), value.clone());
        } else if let Value::Object(nested) = value {
            let fields: Vec<String> = fields.iter().filter_map(below).collect();
            let nested = select(nested, &fields.iter().map(String::as_str).collect::<Vec<_>>());
            if !nested.is_empty() {
                selected.insert(name.clone(), Value::Object(nested));
            }
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::{FilterInput, Page};

    fn index() -> MemoryIndex {
        let index = MemoryIndex::new(Side::Pg, &["title"]);
        for (id, year) in [("a", 1990), ("b", 2000), ("c", 2010)] {
            let document = json!({ "id": id, "title": "red", "year": year }).as_object().cloned().unwrap();
            index.put(id, document);
        }
        index
    }

    async fn ids(index: &MemoryIndex, query: &SearchQuery) -> (Vec<String>, u64) {
        let found = index.search(query).await.unwrap();
        (found.ids().iter().map(ToString::to_string).collect(), found.total)
    }

    #[tokio::test]
    async fn it_filters_sorts_and_pages() {
        let index = index();
        let query = SearchQuery {
            filter: Some(FilterInput::Expression("year > 1990".into())),
            sort: vec!["year:desc".into()],
            page: Page::Window { offset: 1, limit: 5 },
            ..SearchQuery::new("red")
        };
        assert_eq!(ids(&index, &query).await, (vec!["b".to_owned()], 2));
        assert!(index.remove(&"b".into()));
        assert_eq!(ids(&index, &query).await, (vec![], 1));
    }

    #[tokio::test]
    async fn a_bad_filter_or_sort_is_an_invalid_query() {
        let index = index();
        let filter = SearchQuery { filter: Some(FilterInput::Expression("year >".into())), ..SearchQuery::default() };
        let sort = SearchQuery { sort: vec!["year".into()], ..SearchQuery::default() };
        for query in [filter, sort] {
            let error = index.search(&query).await.unwrap_err();
            assert_eq!((error.side(), error.kind()), (Side::Pg, BackendErrorKind::InvalidQuery));
        }
    }

    #[test]
    fn fields_are_selected_in_the_order_of_the_document() {
        let document = json!({ "b": 1, "o": { "x": 1, "y": 2 }, "a": 2 }).as_object().cloned().unwrap();
        let fields = ["a", "o.y", "b"].map(str::to_owned);
        let shown = Value::Object(retrieve(&document, Some(&fields)));
        assert_eq!(shown.to_string(), r#"{"b":1,"o":{"y":2},"a":2}"#);
        assert_eq!(retrieve(&document, None), document);
    }
}
