//! Which documents a query with terms finds, in their order.

use std::{collections::HashMap, sync::Arc};

use sqlx::PgConnection;

use super::{
    Search,
    aside::aside,
    changes::Changes,
    columns::Columns,
    pick::{Picked, Picker},
    sorted::ranks,
    sql,
};
use crate::{
    backend::postgres::error::failed,
    error::BackendError,
    ranking::{Fetched, Next, QueryGraph, Ranking, Request, Rule, Scorer, rules},
    sort::SortCriterion,
};

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
        let mut picker = Picker::new(self, &rules, changes);
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
                    let ranks = self.ranks(snapshot, &criterion, &documents, changes).await?;
                    ranking.supply(&ranks);
                }
                Next::Equal(equal) => {
                    let scores = scorer.map(|scorer| Arc::from(scorer.score(&ranking, &equal)));
                    picker.bucket(snapshot, self, &equal.documents, scores, usize::MAX).await?;
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

    /// The rank of each document by the values of an attribute.
    async fn ranks(
        &self,
        snapshot: &mut PgConnection,
        criterion: &SortCriterion,
        documents: &[u64],
        changes: &Arc<Changes>,
    ) -> Result<HashMap<u64, u32>, BackendError> {
        if documents.len() > self.few {
            let attribute = [criterion.attribute.as_str()];
            if let Some(columns) = Columns::read(snapshot, self.state.number, attribute, changes).await? {
                let (criterion, documents) = (criterion.clone(), documents.to_vec());
                if let Some(ranks) = aside(columns.len(), move || ranks(&columns, &criterion, documents)).await?? {
                    return Ok(ranks);
                }
            }
        }
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
