//! Asking a pair again.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;
use tokio::{join, time::timeout};

use super::{Changes, Differences, Pair, ReplayError, Replayed, Shown, Verdict, differences};
use crate::{
    backend::{SearchBackend, ask, ranking_rules},
    document::{Document, DocumentId},
    error::Side,
    search::SearchQuery,
    store::ShadowRow,
};

/// The two sides, to be asked again.
#[derive(Clone)]
pub struct Replay {
    meili: Arc<dyn SearchBackend>,
    pg: Arc<dyn SearchBackend>,
    deadline: Duration,
    index: Option<Arc<str>>,
    explain: bool,
}

/// What each ranking rule says on each side, by document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rules {
    /// On Meilisearch.
    pub meili: BTreeMap<DocumentId, Document>,
    /// On PostgreSQL.
    pub pg: BTreeMap<DocumentId, Document>,
}

impl Replay {
    /// Both sides; each may take half a minute.
    pub fn new(meili: Arc<dyn SearchBackend>, pg: Arc<dyn SearchBackend>) -> Self {
        Self { meili, pg, deadline: Duration::from_secs(30), index: None, explain: false }
    }

    /// How long a side may take.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Asks this index, in place of the one that the read named.
    pub fn index(mut self, index: Option<&str>) -> Self {
        self.index = index.map(Into::into);
        self
    }

    /// Asks also what each ranking rule says of the documents that differ. What cannot be told is left out.
    pub fn explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    /// Asks both sides at the same moment. A side that fails is part of what is found; what fails is a row that cannot be asked.
    pub async fn run(&self, row: &ShadowRow) -> Result<Replayed, ReplayError> {
        let mut query = row.request.clone().map_err(|why| ReplayError::of(row, &why))?;
        query.index = self.index.clone().or(query.index);
        let now_at = Timestamp::now();
        let (meili, pg) = join!(self.answer(Side::Meili, &query), self.answer(Side::Pg, &query));
        let (then, now) = (then(row), Pair::new(meili, pg, row.primary));
        let changes = Changes { meili: changes(&then.meili, &now.meili), pg: changes(&then.pg, &now.pg) };
        let rules = if self.explain { Some(self.rules(&query, &now).await) } else { None };
        Ok(Replayed {
            id: row.id,
            verdict: Verdict::of(&then, &now, row.primary),
            endpoint: row.endpoint.clone(),
            primary: row.primary,
            index: query.index.as_deref().or(self.meili.index()).map(str::to_owned),
            request: row.request_json.clone(),
            query,
            then_at: row.at,
            now_at,
            then_settled: row.settled,
            differences: Differences::of(&then, &now),
            changes,
            then,
            now,
            rules,
        })
    }

    fn side(&self, side: Side) -> &dyn SearchBackend {
        match side {
            Side::Meili => &*self.meili,
            Side::Pg => &*self.pg,
        }
    }

    async fn answer(&self, side: Side, query: &SearchQuery) -> Shown {
        match ask(self.side(side), query, self.deadline).await {
            Ok(hits) => Shown::answered(hits.ids()),
            Err(error) => Shown::failed(error.to_string()),
        }
    }

    async fn rules(&self, query: &SearchQuery, now: &Pair) -> Rules {
        let differing: HashSet<&DocumentId> = now.differences.iter().map(|it| &it.id).collect();
        if differing.is_empty() {
            return Rules::default();
        }
        let of = async |side: Side| -> BTreeMap<DocumentId, Document> {
            match timeout(self.deadline, ranking_rules(self.side(side), query)).await {
                Ok(Ok(rules)) => rules.into_iter().filter(|(id, _)| differing.contains(id)).collect(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a side does not say what its ranking rules say");
                    BTreeMap::new()
                }
                Err(_elapsed) => {
                    tracing::warn!(%side, "a side did not say in time what its ranking rules say");
                    BTreeMap::new()
                }
            }
        };
        let (meili, pg) = join!(of(Side::Meili), of(Side::Pg));
        Rules { meili, pg }
    }
}

/// What the row holds.
fn then(row: &ShadowRow) -> Pair {
    let shown = |side| match row.shown(side) {
        Some(ids) => Shown::answered(ids.to_vec()),
        None if row.error_kind.is_empty() => Shown::failed(row.outcome.clone()),
        None => Shown::failed(format!("{}, {}", row.outcome, row.error_kind)),
    };
    Pair::new(shown(Side::Meili), shown(Side::Pg), row.primary)
}

fn changes(then: &Shown, now: &Shown) -> Vec<super::Difference> {
    match (&then.ids, &now.ids) {
        (Some(then), Some(now)) => differences(then, now),
        _ => Vec::new(),
    }
}

crate::opaque::opaque_debug!(Replay);
