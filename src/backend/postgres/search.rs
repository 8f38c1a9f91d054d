//! One query, from the snapshot to the hits.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::{
    PostgresIndex,
    derive::StopWords,
    error::{failed, internal, not_allowed, of_filter, of_sort, of_words, unsupported},
    index::settings,
    sql::{self, Order, Rung, Step, Universe},
};
use crate::{
    backend::{SearchBackend, write::TargetWriter},
    document::{Document, DocumentId},
    error::{BackendError, Side},
    filter::Filter,
    search::{Hit, MatchingStrategy, SearchHits, SearchQuery},
    settings::IndexSettings,
    sort::SortCriterion,
    text::{LONGEST_WORD, QueryWords},
};

impl SearchBackend for PostgresIndex {
    fn side(&self) -> Side {
        Side::Pg
    }

    fn search<'a>(&'a self, query: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
        Box::pin(self.answer(query))
    }

    fn isolated(&self) -> Option<Arc<dyn SearchBackend>> {
        Some(Arc::new(Self::open(self.options().for_isolated(), Arc::from(self.uid()))))
    }

    fn index(&self) -> Option<&str> {
        Some(self.uid())
    }

    fn target_writer(&self) -> Option<Arc<dyn TargetWriter>> {
        Some(Arc::new(self.options().clone().writer()))
    }
}

impl PostgresIndex {
    async fn answer(&self, query: &SearchQuery) -> Result<SearchHits, BackendError> {
        let filter = query.filter.as_ref().map(Filter::parse).transpose().map_err(of_filter)?;
        let sort = SortCriterion::parse_all(&query.sort).map_err(of_sort)?;
        if sql::is_too_large(filter.as_ref(), &sort) {
            return Err(unsupported("translating a filter or a sort with too many values for one statement"));
        }
        let uid = query.index.as_deref().unwrap_or(self.uid());
        let mut snapshot =
            self.pool().begin_with(sql::BEGIN_SNAPSHOT).await.map_err(failed("connecting for a search"))?;
        let (settings, derived) = settings(&mut snapshot, uid).await?;
        if let Some(filter) = &filter {
            settings.allow_filter(filter).map_err(not_allowed)?;
        }
        settings.allow_sort(&sort).map_err(not_allowed)?;
        if settings.distinct_attribute.is_some() {
            return Err(unsupported("searching an index with a distinct attribute"));
        }
        if !derived && (filter.is_some() || !sort.is_empty()) {
            return Err(unsupported("filtering or sorting while a change of the settings is carried out"));
        }
        let stop_words = StopWords::new(&settings);
        let words = QueryWords::read(&query.text, |word| stop_words.has(word)).map_err(of_words)?;
        let universe = Universe { uid, filter: filter.as_ref(), without: &words.without };
        let ladder = Ladder { words: &words, least: least_words(query.matching)?, sort, settings, universe };
        ladder.climb_down(&mut snapshot, query).await
        // The snapshot is dropped: there is nothing to commit.
    }
}

/// How many words are left on the lowest rung; `None` is all.
fn least_words(matching: MatchingStrategy) -> Result<Option<usize>, BackendError> {
    match matching {
        MatchingStrategy::Last => Ok(Some(1)),
        MatchingStrategy::All => Ok(None),
        MatchingStrategy::Frequency => Err(unsupported("matching by frequency")),
    }
}

/// A query whose rungs are asked one after the other.
struct Ladder<'a> {
    words: &'a QueryWords,
    least: Option<usize>,
    sort: Vec<SortCriterion>,
    settings: IndexSettings,
    universe: Universe<'a>,
}

impl Ladder<'_> {
    async fn climb_down(&self, snapshot: &mut PgConnection, query: &SearchQuery) -> Result<SearchHits, BackendError> {
        let all = self.words.words.len();
        let least = self.least.unwrap_or(all).min(all);
        // A rung with a word too long for any document is empty, and no matter for the database.
        let most = self.words.words.iter().take_while(|word| word.len() <= LONGEST_WORD).count();
        if most < least {
            return Ok(SearchHits::default());
        }
        let total = self.count(snapshot, Step { rung: self.rung(least), above: None }).await?;
        let offset = query.page.offset();
        let end = offset.saturating_add(query.page.limit()).min(self.settings.pagination.max_total_hits);
        let mut skip = offset as u64;
        let mut hits = Vec::new();
        for kept in (least..=most).rev() {
            let wanted = end.saturating_sub(offset + hits.len());
            if wanted == 0 || offset as u64 + hits.len() as u64 >= total {
                break;
            }
            let step = Step { rung: self.rung(kept), above: (kept < most).then(|| self.rung(kept + 1)) };
            let found = self.hits(snapshot, step, skip, wanted, query.retrieve.as_deref()).await?;
            skip = match (skip, found.len()) {
                (0, _) => 0,
                (skip, 0) => skip.saturating_sub(self.count(snapshot, step).await?),
                _ => 0,
            };
            hits.extend(found);
        }
        Ok(SearchHits { hits: hits.into(), total })
    }

    /// The first `kept` words. Once one has been dropped, the last one left is complete.
    fn rung(&self, kept: usize) -> Rung<'_> {
        let words = &self.words.words[..kept];
        Rung { words, open: self.words.open && kept == self.words.words.len() }
    }

    /// Whether a connection should keep the statement. Filters and sorts come in any shape, and would drive out those
    /// that come again.
    fn is_kept(&self) -> bool {
        self.universe.filter.is_none() && self.sort.is_empty()
    }

    async fn count(&self, snapshot: &mut PgConnection, step: Step<'_>) -> Result<u64, BackendError> {
        let count: i64 = sql::count(self.universe, step)
            .build_query_scalar()
            .persistent(self.is_kept())
            .fetch_one(snapshot)
            .await
            .map_err(failed("counting matches"))?;
        Ok(count.unsigned_abs())
    }

    async fn hits(
        &self,
        snapshot: &mut PgConnection,
        step: Step<'_>,
        offset: u64,
        limit: usize,
        retrieve: Option<&[String]>,
    ) -> Result<Vec<Hit>, BackendError> {
        let places = &self.settings.searchable_attributes;
        let ranks = if places.iter().any(|place| place == "*") { 1 } else { places.len() };
        let bounded = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let order = Order { ranks, sort: &self.sort, offset: bounded(offset), limit: bounded(limit as u64) };
        let rows: Vec<(String, String)> = sql::hits(self.universe, step, &order)
            .build_query_as()
            .persistent(self.is_kept())
            .fetch_all(snapshot)
            .await
            .map_err(failed("searching"))?;
        rows.into_iter().map(|(id, body)| self.hit(id, &body, retrieve)).collect()
    }

    fn hit(&self, id: String, body: &str, retrieve: Option<&[String]>) -> Result<Hit, BackendError> {
        let document: Document =
            serde_json::from_str(body).map_err(|error| internal("reading a stored document").caused_by(error))?;
        Ok(Hit { id: DocumentId::from(id), document: self.settings.show(document, retrieve) })
    }
}
