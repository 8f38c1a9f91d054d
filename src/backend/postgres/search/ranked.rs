//! Which documents a query finds, in their order.

use std::{collections::HashMap, sync::Arc};

use sqlx::PgConnection;

use super::{
    Search,
    aside::aside,
    changes::Changes,
    pick::{Picked, Picker},
    sql,
};
use crate::{
    backend::postgres::error::failed,
    error::BackendError,
    ranking::{Fetched, Next, QueryGraph, Ranking, Request, Rule, RuleScore, Scorer, rules},
    sort::SortCriterion,
};

/// Documents without an order of words that are looked at together for values that have been shown.
const SOME: usize = 1_000;

impl Search<'_> {
    /// Those of a query with terms.
    pub(super) async fn ranked(
        &self,
        snapshot: &mut PgConnection,
        graph: &Arc<QueryGraph>,
        fetched: &Arc<Fetched>,
        changes: &Arc<Changes>,
    ) -> Result<Picked, BackendError> {
        let rules: Arc<[Rule]> = rules(&self.state.settings, &self.sort).into();
        let scorer = self.extras().is_some_and(|extras| extras.scores()).then(|| self.scorer());
        let request = Request {
            rules: Arc::clone(&rules),
            scope: self.scope.clone(),
            matching: self.query.matching,
            scored: scorer.is_some(),
        };
        let passing = match &self.filter {
            None => None,
            Some(filter) => Some(self.passing(snapshot, filter, changes, |most| fetched.few(most)).await?),
        };
        let passes = move |ordinal| passing.as_ref().is_none_or(|passing| passing.contains(ordinal));
        let (graph, fetched, entries) = (Arc::clone(graph), Arc::clone(fetched), fetched.entries());
        let mut ranking = aside(entries, move || Ranking::new(graph, fetched, request, passes)).await?;
        let mut picker = Picker::new(self, &rules);
        while picker.wants_more() {
            // What comes before the page is not refined.
            let next = ranking.next_len();
            if picker.passes_over(next) {
                ranking.skip();
                continue;
            }
            let bucket;
            (ranking, bucket) = aside(next, move || {
                let bucket = ranking.next_bucket();
                (ranking, bucket)
            })
            .await?;
            match bucket {
                Next::End => break,
                Next::Values(criterion, documents) => {
                    let ranks = self.ranks(snapshot, &criterion, &documents).await?;
                    ranking.supply(&ranks);
                }
                Next::Equal(equal) => {
                    let scores = scorer.map(|scorer| Arc::from(scorer.score(&ranking, &equal)));
                    picker.bucket(snapshot, self.uid, &equal.documents, scores, usize::MAX).await?;
                }
            }
        }
        let documents = || ranking.documents().map(|ordinal| ordinal as i64).collect();
        let mut picked = picker.of_found(snapshot, self, ranking.found(), documents).await?;
        picked.looked_for = ranking.looked_for();
        Ok(picked)
    }

    fn scorer(&self) -> Scorer {
        let worst = self.state.settings.searchable_attributes.len().saturating_sub(1);
        Scorer { worst_attribute: if self.scope.alike { 0 } else { worst as u32 } }
    }

    /// Those of a query without terms: all documents, by the sort criteria and in their order.
    pub(super) async fn placeholder(
        &self,
        snapshot: &mut PgConnection,
        graph: &QueryGraph,
        fetched: &Fetched,
    ) -> Result<Picked, BackendError> {
        let doing = "listing documents";
        let without: Vec<i64> = fetched.without(graph, &self.scope).into_iter().map(|ordinal| ordinal as i64).collect();
        let total: i64 = sql::count(self.uid, self.filter.as_ref(), &without)
            .build_query_scalar()
            .persistent(self.is_kept())
            .fetch_one(&mut *snapshot)
            .await
            .map_err(failed(doing))?;
        let rules = rules(&self.state.settings, &self.sort);
        let sort: Vec<SortCriterion> = rules
            .iter()
            .filter_map(|rule| match rule {
                Rule::Values(criterion) => Some(criterion.clone()),
                _ => None,
            })
            .collect();
        let scores: Arc<[RuleScore]> = sort.iter().map(|criterion| RuleScore::Values(criterion.to_string())).collect();
        let mut picker = Picker::new(self, &rules);
        let mut slice = picker.slice();
        while picker.wants_more() {
            let bounded = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
            let bounds = (bounded(slice.start), bounded(slice.len()));
            let ordinals: Vec<i64> = sql::slice(self.uid, self.filter.as_ref(), &without, &sort, bounds)
                .build_query_scalar()
                .persistent(self.is_kept())
                .fetch_all(&mut *snapshot)
                .await
                .map_err(failed(doing))?;
            let ordinals: Vec<u64> = ordinals.into_iter().map(|ordinal| ordinal as u64).collect();
            let most = picker.missing();
            picker.bucket(snapshot, self.uid, &ordinals, Some(Arc::clone(&scores)), most).await?;
            if !picker.is_distinct() || ordinals.len() < slice.len() {
                break;
            }
            slice = slice.end..slice.end + SOME;
        }
        picker.of_all(snapshot, self, total.unsigned_abs(), without).await
    }

    async fn ranks(
        &self,
        snapshot: &mut PgConnection,
        criterion: &SortCriterion,
        documents: &[u64],
    ) -> Result<HashMap<u64, u32>, BackendError> {
        let documents = documents.iter().map(|ordinal| *ordinal as i64).collect();
        let ranks: Vec<(i64, i64)> = sql::ranks(self.uid, criterion, documents)
            .build_query_as()
            .persistent(false)
            .fetch_all(snapshot)
            .await
            .map_err(failed("sorting"))?;
        Ok(ranks.into_iter().map(|(ordinal, rank)| (ordinal.unsigned_abs(), rank as u32)).collect())
    }
}
