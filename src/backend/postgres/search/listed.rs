//! What a query without terms finds: all documents, by the sort criteria and in their order.

use std::{ops::Range, sync::Arc};

use sqlx::PgConnection;

use super::{
    Search,
    aside::aside,
    changes::Changes,
    columns::Columns,
    pick::{Picked, Picker},
    sorted::sorted,
    sql,
};
use crate::{
    backend::postgres::error::failed,
    error::BackendError,
    ranking::{Fetched, QueryGraph, Rule, RuleScore, rules},
    sort::SortCriterion,
};

const DOING: &str = "listing documents";
/// Documents that are looked at together for values that have been shown, at first.
const SOME: usize = 1_000;

/// The documents of a listing.
enum Listing {
    /// By their ordinals, ascending, and with what they are sorted by.
    Known(Arc<Vec<u64>>, Arc<Columns>),
    /// By statements on the rows: how many, less some.
    Rows(u64),
}

impl Search<'_> {
    pub(super) async fn listed(
        &self,
        snapshot: &mut PgConnection,
        graph: &QueryGraph,
        fetched: &Fetched,
        changes: &Arc<Changes>,
    ) -> Result<Picked, BackendError> {
        let without = fetched.without(graph, &self.scope);
        let rules = rules(&self.state.settings, &self.sort);
        let criteria = |rule: &Rule| if let Rule::Values(criterion) = rule { Some(criterion.clone()) } else { None };
        let sort: Vec<SortCriterion> = rules.iter().filter_map(criteria).collect();
        let scores: Arc<[RuleScore]> = sort.iter().map(|criterion| RuleScore::Values(criterion.to_string())).collect();
        let mut listing = self.listing(snapshot, &sort, &without, changes).await?;
        let mut picker = Picker::new(self, &rules, changes);
        let mut slice = picker.slice();
        while picker.wants_more() {
            let ordinals = loop {
                match self.part(snapshot, &listing, &sort, &without, slice.clone()).await? {
                    Some(ordinals) => break ordinals,
                    None => listing = Listing::Rows(self.count(snapshot, &without).await?),
                }
            };
            let most = picker.missing();
            picker.bucket(snapshot, self, &ordinals, Some(Arc::clone(&scores)), most).await?;
            if !picker.is_distinct() || ordinals.len() < slice.len() {
                break;
            }
            slice = slice.end..slice.end + (2 * slice.len()).max(SOME);
        }
        match listing {
            Listing::Known(documents, _) if self.filter.is_some() => {
                let known = || documents.iter().map(|ordinal| *ordinal as i64).collect();
                picker.of_found(snapshot, self, documents.len(), known).await
            }
            Listing::Known(documents, _) => {
                picker.of_all(snapshot, self, documents.len() as u64, signed(&without)).await
            }
            Listing::Rows(total) => picker.of_all(snapshot, self, total, signed(&without)).await,
        }
    }

    async fn listing(
        &self,
        snapshot: &mut PgConnection,
        sort: &[SortCriterion],
        without: &[u64],
        changes: &Arc<Changes>,
    ) -> Result<Listing, BackendError> {
        let passing = match &self.filter {
            // An index of the rows has their order.
            None if sort.is_empty() => return Ok(Listing::Rows(self.count(snapshot, without).await?)),
            None => None,
            Some(filter) => Some(self.passing(snapshot, filter, changes, |_| None).await?),
        };
        let few = passing.as_ref().and_then(|passing| passing.some()).filter(|some| some.len() <= self.few as u64);
        if !sort.is_empty() && few.is_some() {
            return Ok(Listing::Rows(self.count(snapshot, without).await?));
        }
        let attributes = sort.iter().map(|criterion| criterion.attribute.as_str());
        let Some(columns) = Columns::read(snapshot, self.state.number, attributes, changes).await? else {
            return Ok(Listing::Rows(self.count(snapshot, without).await?));
        };
        let without = without.to_vec();
        aside(columns.len(), move || {
            let mut documents = Vec::new();
            columns.each_document(|ordinal| {
                if passing.as_ref().is_none_or(|passing| passing.contains(ordinal))
                    && without.binary_search(&ordinal).is_err()
                {
                    documents.push(ordinal);
                }
            })?;
            Ok(Listing::Known(Arc::new(documents), Arc::new(columns)))
        })
        .await?
    }

    /// Those at some places. `None`: only the rows can tell.
    async fn part(
        &self,
        snapshot: &mut PgConnection,
        listing: &Listing,
        sort: &[SortCriterion],
        without: &[u64],
        slice: Range<usize>,
    ) -> Result<Option<Vec<u64>>, BackendError> {
        match listing {
            Listing::Known(documents, _) if sort.is_empty() => {
                Ok(Some(documents.iter().skip(slice.start).take(slice.len()).copied().collect()))
            }
            Listing::Known(documents, columns) => {
                let (documents, columns, sort) = (Arc::clone(documents), Arc::clone(columns), sort.to_vec());
                aside(columns.len(), move || sorted(&columns, &sort, &documents, slice)).await?
            }
            Listing::Rows(_) => {
                let bounded = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
                let bounds = (bounded(slice.start), bounded(slice.len()));
                let ordinals: Vec<i64> = sql::slice(self.uid, self.filter.as_ref(), &signed(without), sort, bounds)
                    .build_query_scalar()
                    .persistent(self.is_kept())
                    .fetch_all(snapshot)
                    .await
                    .map_err(failed(DOING))?;
                Ok(Some(ordinals.into_iter().map(i64::unsigned_abs).collect()))
            }
        }
    }

    async fn count(&self, snapshot: &mut PgConnection, without: &[u64]) -> Result<u64, BackendError> {
        let total: i64 = sql::count(self.uid, self.filter.as_ref(), &signed(without))
            .build_query_scalar()
            .persistent(self.is_kept())
            .fetch_one(snapshot)
            .await
            .map_err(failed(DOING))?;
        Ok(total.unsigned_abs())
    }
}

fn signed(ordinals: &[u64]) -> Vec<i64> {
    ordinals.iter().map(|ordinal| *ordinal as i64).collect()
}
