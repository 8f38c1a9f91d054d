//! From buckets of documents to those of the page: what is below a score goes, and what shows a value that has been shown.

use std::{collections::HashSet, ops::Range, sync::Arc};

use sqlx::PgConnection;

use super::{
    Search,
    aside::aside,
    changes::Changes,
    columns::Columns,
    distinct::{Distinct, Shown},
    sql::Universe,
};
use crate::{
    error::BackendError,
    ranking::{Rule, RuleScore, global},
    search::Page,
};

/// What each rule says of some documents.
pub(super) type Scores = Option<Arc<[RuleScore]>>;

/// Takes buckets as they come.
pub(super) struct Picker {
    page: Range<usize>,
    /// So many are looked at, at most: those of the page and before it, or all.
    most: usize,
    threshold: Option<f64>,
    /// Whether whatever follows a bucket below the threshold is below it too.
    falls: bool,
    distinct: Option<Distinct>,
    picked: usize,
    hits: Vec<(i64, Scores)>,
    /// What has been taken, while there is a threshold, and what was below it.
    above: Vec<u64>,
    below: HashSet<u64>,
    ended: bool,
}

/// The documents of the page, and which ones were found in all.
pub(super) struct Picked {
    pub(super) hits: Vec<(i64, Scores)>,
    pub(super) total: u64,
    /// The terms of which words with typos have been looked for, as bits.
    pub(super) looked_for: u32,
    /// Of all documents found: the ordinals, if they are known one by one.
    found: Option<Vec<i64>>,
    without: Vec<i64>,
    shown: Option<Shown>,
}

impl Picker {
    pub(super) fn new(search: &Search<'_>, rules: &[Rule], changes: &Arc<Changes>) -> Self {
        let page = search.query.page;
        let last = search.state.settings.pagination.max_total_hits;
        let (offset, end) = (page.offset(), page.offset().saturating_add(page.limit()).min(last));
        let threshold = search.extras().and_then(|extras| extras.score_threshold);
        let distinct = search.extras().and_then(|extras| extras.distinct.as_ref());
        let distinct = distinct.or(search.state.settings.distinct_attribute.as_ref());
        // As Meilisearch has it: numbered pages have an exact total.
        let most = if threshold.is_some() && matches!(page, Page::Numbered { .. }) { last.max(end) } else { end };
        Self {
            page: offset.min(end)..end,
            most,
            threshold,
            falls: !rules.iter().any(|rule| matches!(rule, Rule::Values(_))),
            distinct: distinct.map(|attribute| Distinct::new(attribute, changes)),
            picked: 0,
            hits: Vec::new(),
            above: Vec::new(),
            below: HashSet::new(),
            ended: false,
        }
    }

    pub(super) fn wants_more(&self) -> bool {
        !self.ended && self.picked < self.most
    }

    pub(super) fn missing(&self) -> usize {
        self.most.saturating_sub(self.picked)
    }

    pub(super) fn is_distinct(&self) -> bool {
        self.distinct.is_some()
    }

    /// Passes over the next so many documents, if they are before the page whatever they are.
    pub(super) fn passes_over(&mut self, next: usize) -> bool {
        let over =
            next > 0 && self.distinct.is_none() && self.threshold.is_none() && self.picked + next <= self.page.start;
        self.picked += if over { next } else { 0 };
        over
    }

    /// The first documents to look at where each counts: those before the page need not be seen.
    pub(super) fn slice(&mut self) -> Range<usize> {
        if self.distinct.is_some() {
            return 0..self.page.end.max(1);
        }
        self.picked = self.page.start;
        self.page.clone()
    }

    /// Takes documents that are equal by all rules. Of those with values, no more than `most` are kept.
    pub(super) async fn bucket(
        &mut self,
        snapshot: &mut PgConnection,
        search: &Search<'_>,
        documents: &[u64],
        scores: Scores,
        most: usize,
    ) -> Result<(), BackendError> {
        if let (Some(threshold), Some(scores)) = (self.threshold, &scores) {
            if global(scores) < threshold {
                self.ended = self.falls;
                self.below.extend(documents);
                return Ok(());
            }
            self.above.extend(documents);
        }
        let kept = match &mut self.distinct {
            None => None,
            Some(distinct) => Some(distinct.keep(snapshot, search, documents, most).await?),
        };
        for ordinal in kept.as_deref().unwrap_or(documents) {
            if self.page.contains(&self.picked) {
                self.hits.push((*ordinal as i64, scores.clone()));
            }
            self.picked += 1;
        }
        Ok(())
    }

    /// The end, of documents that are known one by one.
    pub(super) async fn of_found(
        self,
        snapshot: &mut PgConnection,
        search: &Search<'_>,
        total: usize,
        found: impl FnOnce() -> Vec<i64>,
    ) -> Result<Picked, BackendError> {
        let counts = search.extras().is_some_and(|extras| extras.facets.is_some());
        let all = if self.ended {
            Some(self.above.iter().map(|ordinal| *ordinal as i64).collect())
        } else if counts || self.distinct.is_some() || !self.below.is_empty() {
            let mut all = found();
            all.retain(|ordinal| !self.below.contains(&ordinal.unsigned_abs()));
            Some(all)
        } else {
            None
        };
        let total = all.as_ref().map_or(total, Vec::len) as u64;
        let mut picked = Picked { hits: self.hits, total, looked_for: 0, found: all, without: Vec::new(), shown: None };
        picked.tell_apart(snapshot, search, self.distinct).await?;
        Ok(picked)
    }

    /// The end, of all documents that pass the filter, less some.
    pub(super) async fn of_all(
        self,
        snapshot: &mut PgConnection,
        search: &Search<'_>,
        total: u64,
        without: Vec<i64>,
    ) -> Result<Picked, BackendError> {
        let mut picked = Picked { hits: self.hits, total, looked_for: 0, found: None, without, shown: None };
        picked.tell_apart(snapshot, search, self.distinct).await?;
        Ok(picked)
    }
}

impl Picked {
    /// All documents found.
    pub(super) fn universe<'a>(&'a self, search: &'a Search<'_>) -> Universe<'a> {
        let Self { found, without, shown, .. } = self;
        match found {
            Some(found) => Universe { uid: search.uid, some: Some(found), less: shown.as_ref(), ..Universe::default() },
            None => Universe { without, less: shown.as_ref(), ..search.universe() },
        }
    }

    /// Whether so much has been found that its values are better read from postings; and what it is can be told without the rows.
    pub(super) fn is_much(&self, search: &Search<'_>) -> bool {
        let is_known = self.found.is_some() || search.filter.is_none();
        is_known && self.shown.is_none() && self.total > search.few as u64
    }

    /// The documents found, ascending; `None` if they are all there are.
    pub(super) fn known(&self, columns: &Columns) -> Result<Option<Vec<u64>>, BackendError> {
        let unsigned = |ordinals: &[i64]| {
            let mut ordinals: Vec<u64> = ordinals.iter().map(|ordinal| ordinal.unsigned_abs()).collect();
            ordinals.sort_unstable();
            ordinals
        };
        match &self.found {
            Some(found) => Ok(Some(unsigned(found))),
            None if self.without.is_empty() => Ok(None),
            None => columns.documents(&unsigned(&self.without)).map(Some),
        }
    }

    /// Takes those away that show only values that have been shown.
    async fn tell_apart(
        &mut self,
        snapshot: &mut PgConnection,
        search: &Search<'_>,
        distinct: Option<Distinct>,
    ) -> Result<(), BackendError> {
        let Some(mut distinct) = distinct.filter(Distinct::hides) else { return Ok(()) };
        if self.is_much(search)
            && let Some(held) = distinct.held(snapshot, search).await?
        {
            let known = self.known(held.columns())?;
            let visible = aside(self.total as usize, move || {
                let documents = known.map_or_else(|| held.columns().documents(&[]), Ok)?;
                distinct.visible(&held, &documents)
            });
            let visible = visible.await??;
            self.total = visible.len() as u64;
            self.found = Some(visible);
            return Ok(());
        }
        let shown = distinct.shown();
        let hidden = shown.hidden(snapshot, self.universe(search)).await?;
        self.total = self.total.saturating_sub(hidden);
        self.shown = Some(shown);
        Ok(())
    }
}
