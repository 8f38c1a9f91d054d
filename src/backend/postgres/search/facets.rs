//! The values of facets among all documents found.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};
use sqlx::PgConnection;

use super::{
    Search,
    pick::Picked,
    sql::{self, FacetOrder, Universe},
};
use crate::{
    backend::postgres::{
        derive::storable,
        error::{failed, internal},
    },
    document::Document,
    error::BackendError,
    filter::spelling,
    search::{FacetCounts, FacetStats},
};

/// As Meilisearch has it: among so few documents numbers stand in the order of their digits.
const FEW: u64 = 3_000;

impl Search<'_> {
    /// The values of facets that the settings allow.
    pub(super) async fn facets(
        &self,
        snapshot: &mut PgConnection,
        picked: &Picked,
        facets: &[String],
    ) -> Result<Arc<FacetCounts>, BackendError> {
        let settings = &self.state.settings;
        let found = picked.universe(self);
        let there: Vec<String> = sql::facet_names(found)
            .build_query_scalar()
            .persistent(false)
            .fetch_all(&mut *snapshot)
            .await
            .map_err(failed("listing facets"))?;
        let there = there.into_iter().filter(|name| settings.is_facet(name, facets));
        let named = settings.named_facets(facets).into_iter().map(str::to_owned);
        let names: BTreeSet<String> = there.chain(named).collect();
        let mut counts = FacetCounts::default();
        for name in names {
            let (values, stats) = self.facet(snapshot, found, &name, picked.total).await?;
            if let Some(stats) = stats {
                counts.stats.insert(name.clone(), stats);
            }
            counts.values.insert(name, values);
        }
        Ok(Arc::new(counts))
    }

    /// Numbers first, then texts.
    async fn facet(
        &self,
        snapshot: &mut PgConnection,
        found: Universe<'_>,
        name: &str,
        documents: u64,
    ) -> Result<(Map<String, Value>, Option<FacetStats>), BackendError> {
        let doing = "counting the values of a facet";
        let attribute = storable(name);
        let most = self.state.settings.faceting.max_values_per_facet;
        let by_count = self.state.settings.facet_by_count(name);
        let by_digits = !by_count && documents <= FEW;
        let order = if by_count { FacetOrder::Count } else { FacetOrder::Value };
        // As Meilisearch has it: where values are not collected document by document, the limit is missed once numbers have reached it, or if it
        // is 0, and all that follow are shown.
        let misses = |already: usize| !by_digits && already >= most;
        let limit = |already: usize| match misses(already) {
            true => i64::MAX,
            false => i64::try_from(most - already).unwrap_or(i64::MAX),
        };
        let mut numbers: Vec<(f64, i64)> = sql::facet_numbers(found, &attribute, order, (!by_digits).then(|| limit(0)))
            .build_query_as()
            .persistent(false)
            .fetch_all(&mut *snapshot)
            .await
            .map_err(failed(doing))?;
        if by_digits {
            numbers.sort_by_cached_key(|(number, _)| number.to_string());
        }
        let mut values = Map::new();
        let shown = if by_digits { most } else { numbers.len() };
        values.extend(numbers.into_iter().take(shown).map(|(number, count)| (number.to_string(), count.into())));
        let limit = limit(values.len());
        // With the least ordinal of those that have it, whose spelling is shown.
        let texts: Vec<(String, i64, i64)> = sql::facet_texts(found, &attribute, order, limit)
            .build_query_as()
            .persistent(false)
            .fetch_all(&mut *snapshot)
            .await
            .map_err(failed(doing))?;
        let speakers: Vec<i64> = texts.iter().map(|(_, _, ordinal)| *ordinal).collect();
        let bodies = self.bodies(snapshot, &speakers).await?;
        for (text, count, ordinal) in texts {
            let spelled = match bodies.get(&ordinal) {
                None => None,
                Some((_, body)) => {
                    let document: Document = serde_json::from_str(body)
                        .map_err(|error| internal("reading a stored document").caused_by(error))?;
                    spelling(&document, name, &text).map(str::to_owned)
                }
            };
            values.insert(spelled.unwrap_or(text), count.into());
        }
        let ends: (Option<f64>, Option<f64>) = sql::facet_ends(found, &attribute)
            .build_query_as()
            .persistent(false)
            .fetch_one(snapshot)
            .await
            .map_err(failed(doing))?;
        let stats = ends.0.zip(ends.1).map(|(min, max)| FacetStats { min, max });
        Ok((values, stats))
    }
}
