//! From costs to scores: how well documents match, from 0 to 1.
//!
//! The score of a rule says how many of the ranks it could have given are not above the one it gave. The ranks of all rules together are
//! the digits of one number, the first rule's the highest. What ranks there could have been depends on the interpretations that the rules
//! before have left in the bucket, [`Ways`](super::ways::Ways): not on what documents hold. Where all terms must match, the rule of words says
//! nothing.

use serde_json::{Map, Value, json};

use super::{
    bucket::{Equal, width},
    cost::NEITHER,
    distance::FARTHEST,
    graph::QueryGraph,
    order::Ranking,
    rules::Rule,
};
use crate::document::Document;

/// Scores what a ranking gives.
#[derive(Clone, Copy, Debug)]
pub struct Scorer {
    /// The cost of the worst attribute; 0 if all are alike.
    pub worst_attribute: u32,
}

/// What one rule says: a rank of so many, the highest the best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleScore {
    /// Words of the query that are kept, of all.
    Words(u32, u32),
    /// Typos, and how many there could have been.
    Typo(u32, u32),
    /// A rank of so many.
    Proximity(u32, u32),
    /// A rank of so many.
    AttributeRank(u32, u32),
    /// A rank of so many.
    WordPosition(u32, u32),
    /// The stage from 1, the terms matched exactly, and how many there are.
    Exactness(u32, u32, u32),
    /// The values of an attribute: they have an order and no score. By its criterion, as text.
    Values(String),
}

impl Scorer {
    /// What each rule says about documents that are equal by all rules, of a ranking that has been asked for scores.
    pub fn score(&self, ranking: &Ranking, equal: &Equal) -> Vec<RuleScore> {
        let mut costs = equal.costs.as_slice();
        let mut all = Vec::with_capacity(ranking.rules().len());
        for (rule, worst) in ranking.rules().iter().zip(&equal.worst) {
            let (own, rest) = costs.split_at(width(rule).min(costs.len()));
            costs = rest;
            all.extend(self.of_rule(rule, ranking, own, *worst));
        }
        all
    }

    fn of_rule(&self, rule: &Rule, ranking: &Ranking, costs: &[u32], worst: u32) -> Option<RuleScore> {
        let cost = costs.first().copied().unwrap_or(0);
        let of = |worst: u32| (worst.max(cost) + 1 - cost, worst.max(cost) + 1);
        Some(match rule {
            Rule::Words => {
                let words = words(ranking.graph(), ranking.most_dropped()?);
                RuleScore::Words(words.saturating_sub(cost), words)
            }
            Rule::Typo => RuleScore::Typo(cost, worst.max(cost)),
            Rule::Proximity => {
                let (rank, ranks) = of(worst);
                RuleScore::Proximity(rank, ranks)
            }
            Rule::AttributeRank => {
                let (rank, ranks) = of(worst * self.worst_attribute);
                RuleScore::AttributeRank(rank, ranks)
            }
            Rule::WordPosition => {
                let (rank, ranks) = of(worst * FARTHEST);
                RuleScore::WordPosition(rank, ranks)
            }
            Rule::Exactness => {
                let inexact = costs.get(1).copied().unwrap_or(0);
                RuleScore::Exactness(cost, worst.saturating_sub(inexact), worst)
            }
            Rule::Values(criterion) => RuleScore::Values(criterion.to_string()),
        })
    }
}

/// Words that a document may match: those of phrases, and the terms that may be dropped. Without a phrase one term is never dropped; under
/// `frequency` it may be several, which count as one then.
fn words(graph: &QueryGraph, most_dropped: usize) -> u32 {
    let in_phrases: usize = graph.term_words.iter().filter(|term| term.phrase).map(|term| term.words).sum();
    (in_phrases.max(1) + most_dropped) as u32
}

impl RuleScore {
    /// The digits: ranks from 1, and how many there are.
    fn digits(&self) -> [Option<(u32, u32)>; 2] {
        match self {
            Self::Words(rank, ranks) => [Some((*rank, *ranks)), None],
            Self::Typo(typos, most) => [Some((most + 1 - typos, most + 1)), None],
            Self::Proximity(rank, ranks) | Self::AttributeRank(rank, ranks) | Self::WordPosition(rank, ranks) => {
                [Some((*rank, *ranks)), None]
            }
            Self::Exactness(stage, matched, terms) => {
                [Some(((NEITHER + 1).saturating_sub(*stage), NEITHER)), Some((matched + 1, terms + 1))]
            }
            Self::Values(_) => [None, None],
        }
    }
}

/// The score by all rules; 1 if there are none. As Meilisearch has it, numbers of more than 32 bits lose their highest digits: scores of many
/// words under many attributes may be anything, also more than 1.
pub fn global(scores: &[RuleScore]) -> f64 {
    let (mut rank, mut ranks) = (1u32, 1u32);
    for (own, of) in scores.iter().flat_map(|score| score.digits().into_iter().flatten()) {
        rank = rank.saturating_sub(1).wrapping_mul(of).wrapping_add(own);
        ranks = ranks.wrapping_mul(of);
    }
    f64::from(rank) / f64::from(ranks)
}

/// What each rule says, as Meilisearch shows it. `unified` is for settings that have the one rule `attribute`. `value` gives the value a document was sorted by, by the criterion.
pub fn details(scores: &[RuleScore], unified: bool, mut value: impl FnMut(&str) -> Value) -> Document {
    let mut shown = Map::new();
    let mut order = 0;
    let share = |rank: u32, ranks: u32| f64::from(rank) / f64::from(ranks.max(1));
    for (nth, score) in scores.iter().enumerate() {
        let (name, detail) = match score {
            RuleScore::Words(kept, all) => (
                "words",
                json!({"order": order, "matchingWords": kept, "maxMatchingWords": all, "score": share(*kept, *all)}),
            ),
            RuleScore::Typo(typos, most) => {
                let score = share(most + 1 - typos, most + 1);
                ("typo", json!({"order": order, "typoCount": typos, "maxTypoCount": most, "score": score}))
            }
            RuleScore::Proximity(rank, ranks) => ("proximity", json!({"order": order, "score": share(*rank, *ranks)})),
            RuleScore::AttributeRank(rank, ranks) if unified => {
                ("attribute", json!({"order": order, "attributeRankingOrderScore": share(*rank, *ranks)}))
            }
            RuleScore::AttributeRank(rank, ranks) => {
                ("attributeRank", json!({"order": order, "score": share(*rank, *ranks)}))
            }
            RuleScore::WordPosition(rank, ranks) if unified => {
                // One rule of the settings: it stands in the entry that is there already.
                let both = &scores[nth.saturating_sub(1)..=nth];
                if let Some(Value::Object(entry)) = shown.get_mut("attribute") {
                    entry.insert("queryWordDistanceScore".to_owned(), json!(share(*rank, *ranks)));
                    entry.insert("score".to_owned(), json!(global(both)));
                }
                continue;
            }
            RuleScore::WordPosition(rank, ranks) => {
                ("wordPosition", json!({"order": order, "score": share(*rank, *ranks)}))
            }
            RuleScore::Exactness(stage, matched, terms) => ("exactness", exactness(order, *stage, *matched, *terms)),
            RuleScore::Values(criterion) => (criterion.as_str(), json!({"order": order, "value": value(criterion)})),
        };
        shown.insert(name.to_owned(), detail);
        order += 1;
    }
    shown
}

fn exactness(order: usize, stage: u32, matched: u32, terms: u32) -> Value {
    match stage {
        1 => json!({"order": order, "matchType": "exactMatch", "score": 1.0}),
        2 => json!({"order": order, "matchType": "matchesStart", "score": 2.0 / 3.0}),
        _ => {
            let score = global(&[RuleScore::Exactness(stage, matched, terms)]);
            json!({"order": order, "matchType": "noExactMatch", "matchingWords": matched, "maxMatchingWords": terms,
                "score": score})
        }
    }
}

#[cfg(test)]
mod tests;
