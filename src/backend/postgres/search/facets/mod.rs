//! The values of facets among all documents found.

mod counted;
mod source;
mod sql;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value};
use sqlx::PgConnection;

use self::{
    counted::Tally,
    source::{Shown, Source},
    sql::FacetOrder,
};
use super::{Search, changes::Changes, pick::Picked, sql::Universe};
use crate::{
    backend::postgres::error::{failed, internal},
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
        changes: &Arc<Changes>,
    ) -> Result<Arc<FacetCounts>, BackendError> {
        let found = picked.universe(self);
        let counted: Option<BTreeMap<String, Tally>> = self.counted(snapshot, picked, facets, changes).await?;
        let names: BTreeSet<String> = match &counted {
            Some(counted) => counted.keys().cloned().collect(),
            None => self.facet_names(snapshot, found, facets).await?,
        };
        let mut counts = FacetCounts::default();
        for name in names {
            let tally = counted.as_ref().and_then(|counted| counted.get(&name));
            let source = tally.map_or(Source::Rows(found), Source::Counted);
            let (values, stats) = self.facet(snapshot, source, &name, picked.total).await?;
            if let Some(stats) = stats {
                counts.stats.insert(name.clone(), stats);
            }
            counts.values.insert(name, values);
        }
        Ok(Arc::new(counts))
    }

    /// Those that the settings name, and those that documents have.
    async fn facet_names(
        &self,
        snapshot: &mut PgConnection,
        found: Universe<'_>,
        facets: &[String],
    ) -> Result<BTreeSet<String>, BackendError> {
        let settings = &self.state.settings;
        let there: Vec<String> = sql::facet_names(found)
            .build_query_scalar()
            .persistent(false)
            .fetch_all(snapshot)
            .await
            .map_err(failed("listing facets"))?;
        let there = there.into_iter().filter(|name| settings.is_facet(name, facets));
        Ok(there.chain(settings.named_facets(facets).into_iter().map(str::to_owned)).collect())
    }

    /// Numbers first, then texts.
    async fn facet(
        &self,
        snapshot: &mut PgConnection,
        source: Source<'_>,
        name: &str,
        documents: u64,
    ) -> Result<(Map<String, Value>, Option<FacetStats>), BackendError> {
        let most = self.state.settings.faceting.max_values_per_facet;
        let by_count = self.state.settings.facet_by_count(name);
        let by_digits = !by_count && documents <= FEW;
        let order = if by_count { FacetOrder::Count } else { FacetOrder::Value };
        // As Meilisearch has it: where values are not collected document by document, the limit is missed once numbers have reached it, or if it
        // is 0, and all that follow are shown.
        let misses = |already: usize| !by_digits && already >= most;
        let shown = |already: usize| Shown { order, most: (!misses(already)).then(|| most - already) };
        let all = Shown { order, most: None };
        let mut numbers = source.numbers(snapshot, name, if by_digits { all } else { shown(0) }).await?;
        if by_digits {
            numbers.sort_by_cached_key(|(number, _)| number.to_string());
            numbers.truncate(most);
        }
        let mut values = Map::new();
        values.extend(numbers.into_iter().map(|(number, count)| (number.to_string(), count.into())));
        let texts = source.texts(snapshot, name, shown(values.len())).await?;
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
        let ends = source.ends(snapshot, name).await?;
        Ok((values, ends.map(|(min, max)| FacetStats { min, max })))
    }
}
