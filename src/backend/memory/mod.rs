//! A search index in memory: the engine of the Meilisearch double, and a side for tests of the layers.
//!
//! It ranks as Meilisearch 1.50 does by default: words dropped from the end, prefix on the last word, typos, proximity,
//! attribute rank, sort, word position, exactness, and ties by internal number. Every query looks at every document, so it
//! takes tens of milliseconds over tens of thousands of documents.
//!
//! Not imitated: phrases and negative words (read as plain words), joined and split words, synonyms, stop words, the caps
//! on derived words, other ranking rules or settings, language segmenters, and the values of ranking scores (they only
//! fall along the ranking).

mod cost;
mod distance;
mod query;
mod rank;
mod store;
mod tokens;
mod vocabulary;

use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;

pub use self::{
    rank::{Ranked, Ranking},
    store::{Prepared, Store},
};
use super::SearchBackend;
use crate::{
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind, Side},
    filter::Filter,
    search::{Hit, SearchHits, SearchQuery},
    sort::SortCriterion,
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
        let searchable: Vec<String> = searchable.iter().map(|name| (*name).to_owned()).collect();
        let store = Store::new((!searchable.is_empty()).then_some(&searchable));
        Self { side, store: RwLock::new(store) }
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
        let ranking = Ranking { text: &query.text, matching: query.matching, sort: &sort };
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        let ranked = store.rank(&ranking, |document| filter.as_ref().is_none_or(|filter| filter.matches(document)));
        let slice = ranked.iter().skip(query.page.offset()).take(query.page.limit());
        let hits = slice
            .filter_map(|ranked| store.at(ranked.number))
            .map(|(id, document)| Hit { id: id.clone(), document: retrieve(document, query.retrieve.as_deref()) });
        Ok(SearchHits { hits: hits.collect(), total: ranked.len() as u64 })
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

/// The fields asked for, in the document's own order; `None` and `*` are all of them.
pub fn retrieve(document: &Document, fields: Option<&[String]>) -> Document {
    match fields {
        Some(fields) if !fields.iter().any(|field| field == "*") => document
            .iter()
            .filter(|(name, _)| fields.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        _ => document.clone(),
    }
}
