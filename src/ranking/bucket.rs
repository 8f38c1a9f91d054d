//! Buckets of equal documents, and what is said of them.

use std::sync::Arc;

use super::{rules::Rule, scope::Scope, ways::Ways};
use crate::{search::MatchingStrategy, sort::SortCriterion};

/// Documents that are equal as far as rules have been asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    pub(super) documents: Vec<u32>,
    /// The costs so far, one for each rule that was asked.
    pub(super) costs: Vec<u32>,
    /// The worst that each of those rules could have cost.
    pub(super) worst: Vec<u32>,
    /// The interpretations that are left; nothing if no scores are asked for.
    pub(super) ways: Arc<Ways>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Documents that are equal by all rules, in the order of their numbers, with their cost by each rule.
    Equal(Equal),
    /// The order of these documents by the values of an attribute is needed: see [`supply`](super::Ranking::supply).
    Values(SortCriterion, Vec<u64>),
    /// There is no more.
    End,
}

/// Documents that are equal by all rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Equal {
    /// Their numbers, ascending.
    pub documents: Vec<u64>,
    /// What they cost by each rule; exactness takes two, the stage and the terms that are not matched exactly.
    pub costs: Vec<u32>,
    /// The worst that each rule could have cost them, one for each rule: in typos and steps of distance, for others in terms. Nothing if no
    /// scores are asked for.
    pub(super) worst: Vec<u32>,
}

/// What a request is about.
#[derive(Clone, Debug)]
pub struct Request {
    /// The ranking rules, in their order.
    pub rules: Arc<[Rule]>,
    /// Where words are looked for.
    pub scope: Scope,
    /// What happens when not every term matches.
    pub matching: MatchingStrategy,
    /// Whether it is asked how well documents match.
    pub scored: bool,
}

impl Bucket {
    /// Some of its documents, that the next rule costs the same.
    pub(super) fn part(&self, documents: Vec<u32>, costs: &[u32], worst: u32, ways: Arc<Ways>) -> Self {
        Self {
            documents,
            costs: [&self.costs, costs].concat(),
            worst: [self.worst.as_slice(), &[worst]].concat(),
            ways,
        }
    }
}

/// How many rules have been asked; exactness gives two costs.
pub(super) fn asked(rules: &[Rule], costs: &[u32]) -> usize {
    let mut left = costs.len();
    let mut asked = 0;
    for rule in rules {
        let width = width(rule);
        if left < width {
            break;
        }
        left -= width;
        asked += 1;
    }
    asked
}

pub(super) fn width(rule: &Rule) -> usize {
    if *rule == Rule::Exactness { 2 } else { 1 }
}

pub(super) fn unpack(rule: &Rule, cost: u64) -> Vec<u32> {
    match width(rule) {
        1 => vec![cost as u32],
        _ => vec![(cost >> 32) as u32, cost as u32],
    }
}
