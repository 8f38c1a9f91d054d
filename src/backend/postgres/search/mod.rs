//! One query, from the snapshot to the hits.
//!
//! Words that stand for those of the query come from the vocabulary, which is kept in memory and brought up with each search; their
//! lists come from the blocks and from what has changed since the last fold, all in one snapshot. [`crate::ranking`] puts what they find in
//! order, and only the hits of the page are read.

mod aside;
mod changes;
mod columns;
mod distinct;
mod facets;
mod fetch;
mod held;
mod hits;
mod listed;
mod passing;
mod pick;
mod ranked;
mod sorted;
mod sql;
mod state;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use self::{changes::Changes, sql::Universe, state::State};
pub(super) use self::{sql::is_too_large, state::States};
use super::{
    PostgresIndex,
    error::{failed, not_allowed, of_filter, of_sort, unsupported},
    sql::BEGIN_SNAPSHOT,
    upkeep,
};
use crate::{
    backend::{SearchBackend, Upkeep, write::TargetWriter},
    error::{BackendError, Side},
    filter::Filter,
    ranking::{Fetched, Matched, ParsedQuery, QueryGraph, Rule, Scope, rules},
    search::{Extras, SearchHits, SearchQuery},
    settings::{IndexSettings, PrefixSearch, SearchedOn},
    sort::SortCriterion,
};

impl SearchBackend for PostgresIndex {
    fn side(&self) -> Side {
        Side::Pg
    }

    fn search<'a>(&'a self, query: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
        Box::pin(self.answer(query))
    }

    fn isolated(&self) -> Option<Arc<dyn SearchBackend>> {
        Some(Arc::new(self.isolated_index()))
    }

    fn index(&self) -> Option<&str> {
        Some(self.uid())
    }

    fn target_writer(&self) -> Option<Arc<dyn TargetWriter>> {
        Some(Arc::new(self.options().clone().writer()))
    }

    fn upkeep(&self) -> Option<Upkeep> {
        let options = self.options().for_upkeep();
        Some(Box::new(move |stop| Box::pin(async move { upkeep::run(options.connect_lazy(), stop).await })))
    }
}

/// A query that has been read and found to be allowed.
struct Search<'a> {
    uid: &'a str,
    state: Arc<State>,
    query: &'a SearchQuery,
    filter: Option<Filter>,
    sort: Vec<SortCriterion>,
    scope: Scope,
    /// So many documents are asked one by one for their values.
    few: usize,
}

impl PostgresIndex {
    async fn answer(&self, query: &SearchQuery) -> Result<SearchHits, BackendError> {
        let filter = query.filter.as_ref().map(Filter::parse).transpose().map_err(of_filter)?;
        let sort = SortCriterion::parse_all(&query.sort).map_err(of_sort)?;
        if sql::is_too_large(filter.as_ref(), &sort) {
            return Err(unsupported("translating a filter or a sort with too many values for one statement"));
        }
        let uid = query.index.as_deref().unwrap_or(self.uid());
        let mut snapshot = self.pool().begin_with(BEGIN_SNAPSHOT).await.map_err(failed("connecting for a search"))?;
        let (state, ready) = self.states().of(&mut snapshot, uid, self.options().segmenter()).await?;
        if !ready.postings {
            return Err(unsupported("searching while the postings are left out for a load, or built after it"));
        }
        if let Some(filter) = &filter {
            state.settings.allow_filter(filter).map_err(not_allowed)?;
        }
        state.settings.allow_sort(&sort).map_err(not_allowed)?;
        let scope = allowed(query, &state.settings)?;
        let extras = query.extras.as_deref();
        let by_values = filter.is_some()
            || !sort.is_empty()
            || state.settings.distinct_attribute.is_some()
            || extras.is_some_and(|extras| extras.facets.is_some() || extras.distinct.is_some());
        if !ready.derived && by_values {
            return Err(unsupported("filtering, sorting or counting while a change of the settings is carried out"));
        }
        let few = passing::few(ready.documents);
        let search = Search { uid, state, query, filter, sort, scope, few };
        search.run(&mut snapshot).await
        // The snapshot is dropped: there is nothing to commit.
    }
}

/// Holds the extras against the settings, and says where is to be searched.
fn allowed(query: &SearchQuery, settings: &IndexSettings) -> Result<Scope, BackendError> {
    let mut scope = Scope::new(settings);
    let Some(extras) = query.extras.as_deref() else { return Ok(scope) };
    if let Some(names) = &extras.search_on {
        scope.attributes = match settings.searched_on(names).map_err(not_allowed)? {
            SearchedOn::All => None,
            SearchedOn::Places(places) => Some(places),
            SearchedOn::Unknown(name) => {
                return Err(unsupported(format!("`attributesToSearchOn`: the settings do not name `{name}`")));
            }
        };
    }
    if let Some(name) = &extras.distinct {
        settings.allow_distinct(name).map_err(not_allowed)?;
    }
    settings.allow_facets(extras.facets.as_deref().unwrap_or_default()).map_err(not_allowed)?;
    Ok(scope)
}

impl Search<'_> {
    async fn run(&self, snapshot: &mut PgConnection) -> Result<SearchHits, BackendError> {
        let settings = &self.state.settings;
        let prefix = settings.prefix_search == PrefixSearch::IndexingTime;
        let parsed = ParsedQuery::read(&self.query.text, &self.state.tokenizer, prefix);
        let nothing_to_fetch = parsed.terms.is_empty() && parsed.without.is_empty();
        let changes = if nothing_to_fetch && !self.looks_at_values() {
            Changes::default()
        } else {
            Changes::read(snapshot, self.uid).await?
        };
        let changes = Arc::new(changes);
        let complete = changes.complete(&self.state.vocabulary);
        let vocabulary = complete.as_ref().unwrap_or(&self.state.vocabulary);
        let graph = Arc::new(QueryGraph::new(&parsed, &self.state.deriver(vocabulary)));
        let fetched = if nothing_to_fetch {
            Fetched::new(&graph)
        } else {
            fetch::fetch(snapshot, self.state.number, &graph, &changes).await?
        };
        let fetched = Arc::new(fetched);
        let picked = if parsed.terms.is_empty() {
            self.listed(snapshot, &graph, &fetched, &changes).await?
        } else {
            self.ranked(snapshot, &graph, &fetched, &changes).await?
        };
        let facets = match self.extras().and_then(|extras| extras.facets.as_deref()) {
            None => None,
            Some(facets) => Some(self.facets(snapshot, &picked, facets, &changes).await?),
        };
        let shows = self.extras().filter(|extras| extras.show_matches || extras.formatting.is_wanted());
        let matched =
            shows.map(|_| Matched::new(&parsed, &graph, &fetched, &self.scope, picked.looked_for)).unwrap_or_default();
        let hits = self.hits(snapshot, &picked, &matched).await?;
        Ok(SearchHits { facets, ..SearchHits::new(hits, picked.total) })
    }

    /// Whether values decide which documents are found, or their order; or are counted.
    fn looks_at_values(&self) -> bool {
        let by_values = |rule: &Rule| matches!(rule, Rule::Values(_));
        let by_extras = |extras: &Extras| extras.facets.is_some() || extras.distinct.is_some();
        self.filter.is_some()
            || self.state.settings.distinct_attribute.is_some()
            || self.extras().is_some_and(by_extras)
            || rules(&self.state.settings, &self.sort).iter().any(by_values)
    }

    fn extras(&self) -> Option<&Extras> {
        self.query.extras.as_deref()
    }

    /// The documents that pass the filter.
    fn universe(&self) -> Universe<'_> {
        Universe { uid: self.uid, filter: self.filter.as_ref(), ..Universe::default() }
    }

    /// Whether a connection should keep the statement. Filters and sorts come in any shape, and would drive out those
    /// that come again.
    fn is_kept(&self) -> bool {
        self.filter.is_none() && self.sort.is_empty()
    }
}
