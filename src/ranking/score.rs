//! From costs to scores: how well documents match, from 0 to 1.
//!
//! The score of a rule says how many of the ranks it could have given are not above the one it gave. The ranks of all rules together are
//! the digits of one number, the first rule's the highest. What ranks there could have been is worked out from the
//! interpretations that are left in the rung, much as Meilisearch does.

use serde_json::{Map, Value, json};

use super::{
    bucket::{Equal, width},
    cost::NEITHER,
    distance::{FAR, FARTHEST},
    graph::{Node, QueryGraph},
    order::Ranking,
    paths::Assignment,
    rules::Rule,
};
use crate::document::Document;

/// Scores what a ranking gives.
#[derive(Clone, Copy, Debug)]
pub struct Scorer {
    /// The cost of the worst attribute; 0 if all are alike.
    pub worst_attribute: u32,
    /// Whether terms may be dropped: otherwise the rule of words says nothing.
    pub drops: bool,
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
    /// What each rule says about documents that are equal by all rules.
    pub fn score(&self, ranking: &Ranking, equal: &Equal) -> Vec<RuleScore> {
        let rules = ranking.rules();
        let mut costs = equal.costs.as_slice();
        let mut all = Vec::with_capacity(rules.len());
        let mut take = |rule: &Rule| {
            let (own, rest) = costs.split_at(width(rule).min(costs.len()));
            costs = rest;
            (own.first().copied().unwrap_or(0), own.get(1).copied().unwrap_or(0))
        };
        let mut terms = Terms::new(ranking, 0);
        for rule in rules {
            let (cost, more) = take(rule);
            match rule {
                Rule::Words => terms = Terms::new(ranking, cost),
                // Interpretations of other costs are of no account from here on.
                Rule::Typo => terms.left.retain(|left| left.typos == cost),
                _ => {}
            }
            if *rule != Rule::Words || self.drops {
                all.push(self.of_rule(rule, &terms, cost, more));
            }
        }
        all
    }

    fn of_rule(&self, rule: &Rule, terms: &Terms<'_>, cost: u32, more: u32) -> RuleScore {
        let count = terms.kept.count_ones();
        let of = |worst: u32| (worst.max(cost) + 1 - cost, worst.max(cost) + 1);
        match rule {
            Rule::Words => RuleScore::Words(terms.words(terms.kept), terms.words(u32::MAX)),
            Rule::Typo => RuleScore::Typo(cost, terms.most_typos(0).max(cost)),
            Rule::Proximity => {
                let (rank, ranks) = of(terms.farthest());
                RuleScore::Proximity(rank, ranks)
            }
            Rule::AttributeRank => {
                let (rank, ranks) = of(count * self.worst_attribute);
                RuleScore::AttributeRank(rank, ranks)
            }
            Rule::WordPosition => {
                let (rank, ranks) = of(count * FARTHEST);
                RuleScore::WordPosition(rank, ranks)
            }
            Rule::Exactness => RuleScore::Exactness(cost, count.saturating_sub(more), count),
            Rule::Values(criterion) => RuleScore::Values(criterion.to_string()),
        }
    }
}

/// The terms that are kept.
struct Terms<'a> {
    graph: &'a QueryGraph,
    kept: u32,
    /// Joined terms that some document of the rung holds.
    joined: Vec<&'a Node>,
    /// The interpretations that are left.
    left: Vec<&'a Assignment>,
}

impl<'a> Terms<'a> {
    fn new(ranking: &'a Ranking, rung: u32) -> Self {
        let graph = ranking.graph();
        let left: Vec<&Assignment> = ranking.interpretations(rung).collect();
        let mut joined: Vec<usize> = left.iter().flat_map(|left| &left.nodes).map(|(node, _)| *node).collect();
        joined.retain(|node| graph.nodes[*node].len > 1);
        joined.sort_unstable();
        joined.dedup();
        let joined = joined.into_iter().map(|node| &graph.nodes[node]).collect();
        Self { graph, kept: ranking.kept(rung), joined, left }
    }

    /// Words of some terms; each of a phrase counts.
    fn words(&self, of: u32) -> u32 {
        let terms = self.graph.term_words.iter().enumerate();
        terms.filter(|(term, _)| of & (1 << term) != 0).map(|(_, term)| term.words as u32).sum()
    }

    /// What the worst interpretation that is left costs in distance: neighbours far apart, but where something is dropped
    /// between them or a sentence ends, and the joints of joined terms.
    fn farthest(&self) -> u32 {
        let far = |left: &&Assignment| {
            let nodes = || left.nodes.iter().map(|(node, _)| &self.graph.nodes[*node]);
            let joints: usize = nodes().map(|node| node.len - 1).sum();
            let asked = nodes().zip(nodes().skip(1)).filter(|(l, r)| {
                let words: usize = self.graph.term_words[l.start..l.start + l.len].iter().map(|term| term.span).sum();
                l.start + l.len == r.start && l.position + words as u32 == r.position
            });
            asked.count() as u32 * FAR + joints as u32
        };
        self.left.iter().map(far).max().unwrap_or(0)
    }

    /// What the worst interpretation from a term on costs in typos.
    fn most_typos(&self, term: usize) -> u32 {
        let Some(own) = self.graph.term_words.get(term) else { return 0 };
        let single = if self.kept & (1 << term) != 0 { own.typos } else { 0 };
        let joined = self.joined.iter().filter(|node| node.start == term);
        let joined = joined.map(|node| node.len as u32 + node.typos + self.most_typos(term + node.len));
        joined.max().unwrap_or(0).max(single + self.most_typos(term + 1))
    }
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

/// The score by all rules; 1 if there are none.
pub fn global(scores: &[RuleScore]) -> f64 {
    let (mut rank, mut ranks) = (1.0, 1.0);
    for (own, of) in scores.iter().flat_map(|score| score.digits().into_iter().flatten()) {
        let of = f64::from(of.max(1));
        rank = (rank - 1.0) * of + f64::from(own);
        ranks *= of;
    }
    rank / ranks
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
