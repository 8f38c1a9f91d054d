//! A pair of answers, and how two pairs of one query compare.

use std::collections::HashSet;

use serde::Serialize;

use super::diff::{Difference, differences};
use crate::{
    document::DocumentId,
    error::Side,
    relevance::{agreement_ndcg_at_k, overlap_at_k},
};

/// What both sides answered at one time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Meilisearch.
    pub meili: Shown,
    /// PostgreSQL.
    pub pg: Shown,
    /// overlap@10; `None` if a side did not answer.
    pub overlap_at_10: Option<f64>,
    /// Agreement NDCG@10, with the side that was to answer the read as reference.
    pub agreement_ndcg_at_10: Option<f64>,
    /// What differs between Meilisearch, first, and PostgreSQL, second, on the whole page.
    pub differences: Vec<Difference>,
}

/// What a side answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The ids of the page, best first; `None` if it did not answer.
    pub ids: Option<Vec<DocumentId>>,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of the differences between the sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Documents that differed and no longer do.
    pub gone: Vec<DocumentId>,
    /// Documents that differ still.
    pub remaining: Vec<DocumentId>,
    /// Documents that did not differ.
    pub new: Vec<DocumentId>,
}

/// How a pair stands now against then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The sides differed, or the compared one failed, and nothing differs any more.
    Fixed,
    /// Nearer to each other than they were.
    Better,
    /// As near to each other as they were.
    Same,
    /// Further apart.
    Worse,
    /// A side failed now, or the side that was to answer failed then.
    NotComparable,
}

/// Differences of rounding.
const ALIKE: f64 = 1e-9;

impl Shown {
    /// An answer.
    pub fn answered(ids: Vec<DocumentId>) -> Self {
        Self { ids: Some(ids), error: None }
    }

    /// None, and why.
    pub fn failed(error: impl Into<String>) -> Self {
        Self { ids: None, error: Some(error.into()) }
    }
}

impl Pair {
    /// Two answers, compared; `primary` is the reference of the agreement.
    pub fn new(meili: Shown, pg: Shown, primary: Side) -> Self {
        let mut pair = Self { meili, pg, overlap_at_10: None, agreement_ndcg_at_10: None, differences: Vec::new() };
        if let (Some(meili), Some(pg)) = (&pair.meili.ids, &pair.pg.ids) {
            let (reference, other) = if primary == Side::Meili { (meili, pg) } else { (pg, meili) };
            pair.overlap_at_10 = Some(overlap_at_k(meili, pg, 10));
            pair.agreement_ndcg_at_10 = Some(agreement_ndcg_at_k(reference, other, 10));
            pair.differences = differences(meili, pg);
        }
        pair
    }

    /// What a side answered.
    pub fn shown(&self, side: Side) -> &Shown {
        match side {
            Side::Meili => &self.meili,
            Side::Pg => &self.pg,
        }
    }

    /// The sides whose answer is missing.
    pub fn failed(&self) -> impl Iterator<Item = Side> {
        [Side::Meili, Side::Pg].into_iter().filter(|side| self.shown(*side).ids.is_none())
    }

    /// overlap@10, then agreement, then how little differs on the whole page: the greater the nearer.
    fn nearness(&self) -> Option<[f64; 3]> {
        Some([self.overlap_at_10?, self.agreement_ndcg_at_10?, -(self.differences.len() as f64)])
    }
}

impl Differences {
    /// Those of two pairs.
    pub fn of(then: &Pair, now: &Pair) -> Self {
        let ids = |pair: &Pair| pair.differences.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
        let (before, after) = (ids(then), ids(now));
        let (was, is): (HashSet<_>, HashSet<_>) = (before.iter().cloned().collect(), after.iter().cloned().collect());
        Self {
            gone: before.into_iter().filter(|id| !is.contains(id)).collect(),
            remaining: after.iter().filter(|id| was.contains(id)).cloned().collect(),
            new: after.into_iter().filter(|id| !was.contains(id)).collect(),
        }
    }
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fixed, Self::Better, Self::Same, Self::Worse, Self::NotComparable];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Better => "better",
            Self::Same => "same",
            Self::Worse => "worse",
            Self::NotComparable => "not_comparable",
        }
    }

    /// How `now` stands against `then`, of which `primary` was to answer.
    ///
    /// A compared side that failed then counts as one that had nothing in common.
    pub fn of(then: &Pair, now: &Pair, primary: Side) -> Self {
        let Some(is) = now.nearness() else { return Self::NotComparable };
        if then.shown(primary).ids.is_none() {
            return Self::NotComparable;
        }
        let Some(was) = then.nearness() else {
            return if now.differences.is_empty() { Self::Fixed } else { Self::Better };
        };
        match (then.differences.is_empty(), now.differences.is_empty()) {
            (true, true) => return Self::Same,
            (false, true) => return Self::Fixed,
            _ => {}
        }
        let changed = was.into_iter().zip(is).find(|(was, is)| (was - is).abs() > ALIKE);
        match changed {
            None => Self::Same,
            Some((was, is)) if is > was => Self::Better,
            Some(_) => Self::Worse,
        }
    }
}

#[cfg(test)]
mod tests;
