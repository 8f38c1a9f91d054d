//! The queries on which the sides differ most, hit by hit.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{Answer, Case, Comparison};
use crate::document::{Document, DocumentId};

/// Hits that are shown of each side.
const SHOWN: usize = 10;

/// A query on which the sides differ, or, without a source, one whose relevant documents are not on top.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorstQuery {
    /// What it is called.
    pub query_id: String,
    /// Its class.
    pub class: Option<String>,
    /// Its text.
    pub q: String,
    /// overlap@10.
    pub overlap_at_10: Option<f64>,
    /// RBO, p = 0.9.
    pub rbo: Option<f64>,
    /// PostgreSQL's NDCG@10, if it was judged.
    pub ndcg_at_10: Option<f64>,
    /// Meilisearch's NDCG@10.
    pub source_ndcg_at_10: Option<f64>,
    /// How many match on PostgreSQL.
    pub total: Option<u64>,
    /// How many match on Meilisearch.
    pub source_total: Option<u64>,
    /// Why PostgreSQL did not answer.
    pub error: Option<String>,
    /// Why Meilisearch did not answer.
    pub source_error: Option<String>,
    /// The first ten of PostgreSQL.
    pub pg: Vec<Listed>,
    /// The first ten of Meilisearch; without one, the documents that were judged relevant.
    pub source: Vec<Listed>,
}

/// A document in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// Its id.
    pub id: DocumentId,
    /// What a person knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its place in what the other side answered, from 1; `None` if it is not there.
    pub other_place: Option<usize>,
    /// What the side scored it with, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Its grade, if it was judged relevant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<u32>,
    /// What each ranking rule says of it, as Meilisearch's `_rankingScoreDetails`; see [`EvalReport::explain`](super::EvalReport::explain).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Document>,
}

/// The worst cases, up to `many`. Those that differ in nothing are not among them.
pub(super) fn worst(cases: &[Case], many: usize) -> Vec<WorstQuery> {
    let mut differing: Vec<(&Case, (f64, f64))> = cases.iter().filter_map(|case| Some((case, rank(case)?))).collect();
    // Stable: of cases that are as bad the first comes first.
    differing.sort_by(|(_, one), (_, next)| one.0.total_cmp(&next.0).then(one.1.total_cmp(&next.1)));
    differing.into_iter().take(many).map(|(case, _)| WorstQuery::of(case)).collect()
}

/// The lower the worse; `None` if nothing is wrong.
fn rank(case: &Case) -> Option<(f64, f64)> {
    match &case.comparison {
        Some(comparison) => Some(comparison.rank()).filter(|_| !comparison.identical_top_20),
        None if case.target.error.is_some() => Some((0.0, 0.0)),
        None => case.target_ndcg.filter(|ndcg| *ndcg < 1.0).map(|ndcg| (ndcg, 0.0)),
    }
}

impl WorstQuery {
    fn of(case: &Case) -> Self {
        let figure = |of: fn(&Comparison) -> f64| case.comparison.as_ref().map(of);
        let relevant = Answer { ids: case.relevant.iter().map(|(id, _)| id.clone()).collect(), ..Answer::default() };
        let source = case.source.as_ref().unwrap_or(&relevant);
        Self {
            query_id: case.query.id.clone(),
            class: case.query.class.clone(),
            q: case.query.text().to_owned(),
            overlap_at_10: figure(|comparison| comparison.overlap_at_10),
            rbo: figure(|comparison| comparison.rbo),
            ndcg_at_10: case.target_ndcg,
            source_ndcg_at_10: case.source_ndcg,
            total: case.target.total,
            source_total: case.source.as_ref().and_then(|source| source.total),
            error: case.target.error.clone(),
            source_error: case.source.as_ref().and_then(|source| source.error.clone()),
            pg: list(case, &case.target, source),
            source: list(case, source, &case.target),
        }
    }

    /// The documents it lists.
    pub(super) fn ids(&self) -> impl Iterator<Item = &DocumentId> {
        self.pg.iter().chain(&self.source).map(|listed| &listed.id)
    }

    pub(super) fn label(&mut self, labels: &HashMap<DocumentId, String>) {
        for listed in self.pg.iter_mut().chain(&mut self.source) {
            listed.label = labels.get(&listed.id).cloned();
        }
    }
}

fn list(case: &Case, answer: &Answer, other: &Answer) -> Vec<Listed> {
    let mut seen = HashSet::new();
    let distinct = answer.ids.iter().enumerate().filter(|(_, id)| seen.insert(*id));
    let listed = distinct.take(SHOWN).map(|(at, id)| Listed {
        id: id.clone(),
        label: None,
        other_place: other.ids.iter().position(|there| there == id).map(|before| before + 1),
        score: answer.scores.get(at).copied(),
        rules: None,
        grade: case.relevant.iter().find(|(relevant, _)| relevant == id).map(|(_, grade)| *grade),
    });
    listed.collect()
}
