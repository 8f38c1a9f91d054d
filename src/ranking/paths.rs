//! Which interpretations of a query a document satisfies.

use std::cmp::Reverse;

use super::graph::{LEVELS, QueryGraph};
use crate::search::MatchingStrategy;

/// Interpretations of one document that are looked at.
pub(super) const MOST_ASSIGNMENTS: usize = 64;
/// Bits of a [`Key`] per node.
const BITS: usize = LEVELS;

/// Which levels of which nodes a document satisfies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Key(u128);

/// An interpretation: nodes from left to right, each with the levels it is satisfied at, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) nodes: Vec<(usize, u8)>,
    /// What it costs in typos, each node at its least level.
    pub(super) typos: u32,
}

/// What documents of one key share.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern {
    /// The key.
    pub(super) key: Key,
    /// The rung, from 0; `None`: it is not found.
    pub(super) rung: Option<usize>,
    pub(super) assignments: Vec<Assignment>,
}

/// Which terms may be dropped, and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Drops {
    /// By term: whether it may be dropped.
    may: Vec<bool>,
    /// By term: its turn, from 0. Once a term has been dropped, those behind it whose turn came before are dropped too.
    turns: Vec<u32>,
}

impl Key {
    pub(super) fn add(&mut self, node: usize, level: u8) {
        self.0 |= 1 << (node * BITS + usize::from(level));
    }

    /// The levels of a node, as bits.
    pub(super) fn levels(self, node: usize) -> u8 {
        (self.0 >> (node * BITS)) as u8 & ((1 << BITS) - 1)
    }
}

impl Drops {
    /// `frequencies` says for each term how many documents match it.
    pub(super) fn new(graph: &QueryGraph, matching: MatchingStrategy, frequencies: impl Fn(usize) -> usize) -> Self {
        let words: Vec<usize> = (0..graph.terms).filter(|term| !graph.term_words[*term].phrase).collect();
        let mut drops = Self { may: vec![false; graph.terms], turns: vec![u32::MAX; graph.terms] };
        let mut groups: Vec<Vec<usize>> = match matching {
            MatchingStrategy::All => return drops,
            MatchingStrategy::Last => words.iter().rev().map(|term| vec![*term]).collect(),
            MatchingStrategy::Frequency => {
                let mut order: Vec<(usize, usize)> = words.iter().map(|term| (frequencies(*term), *term)).collect();
                // What no document matches goes first, then from the most frequent on.
                order.sort_by_key(|(frequency, _)| Reverse(if *frequency == 0 { usize::MAX } else { *frequency }));
                order.chunk_by(|a, b| a.0 == b.0).map(|group| group.iter().map(|(_, term)| *term).collect()).collect()
            }
        };
        for (turn, group) in (0..).zip(&groups) {
            group.iter().for_each(|term| drops.turns[*term] = turn);
        }
        // Phrases are never dropped; without one, the last group is not.
        if words.len() == graph.terms {
            groups.pop();
        }
        groups.iter().flatten().for_each(|term| drops.may[*term] = true);
        drops
    }

    /// The most terms that may be dropped.
    pub(super) fn most(&self) -> usize {
        self.may.iter().filter(|may| **may).count()
    }
}

impl Pattern {
    pub(super) fn new(key: Key, graph: &QueryGraph, drops: &Drops) -> Self {
        for rung in 0..=drops.most() {
            let mut paths = Paths { key, graph, drops, path: Vec::new(), found: Vec::new() };
            paths.walk(0, rung, 0);
            if !paths.found.is_empty() {
                return Self { key, rung: Some(rung), assignments: paths.found };
            }
        }
        Self { key, ..Self::default() }
    }

    /// The terms up to which interpretations from the first term on are satisfied without a gap, as bits: those behind the last that matches
    /// included.
    pub(super) fn reached(&self, graph: &QueryGraph) -> u32 {
        // Nodes stand in the order of their terms.
        graph.nodes.iter().enumerate().fold(1, |reached, (number, node)| {
            let satisfied = reached & (1 << node.start) != 0 && self.key.levels(number) != 0;
            reached | u32::from(satisfied) << (node.start + node.len)
        })
    }
}

struct Paths<'a> {
    key: Key,
    graph: &'a QueryGraph,
    drops: &'a Drops,
    path: Vec<(usize, u8)>,
    found: Vec<Assignment>,
}

impl Paths<'_> {
    /// Goes on from a term. So many are still to be dropped, and what had its turn before `turn` cannot be kept any more: a term that is
    /// dropped binds those behind it only, as in Meilisearch.
    fn walk(&mut self, term: usize, drop: usize, turn: u32) {
        if self.found.len() >= MOST_ASSIGNMENTS {
            return;
        }
        if term >= self.graph.terms {
            if drop == 0 {
                let typos =
                    |(node, levels): &(usize, u8)| levels.trailing_zeros() + ngram_typos(self.graph.nodes[*node].len);
                let typos = self.path.iter().map(typos).sum();
                self.found.push(Assignment { nodes: self.path.clone(), typos });
            }
            return;
        }
        if drop > 0 && self.drops.may[term] {
            self.walk(term + 1, drop - 1, turn.max(self.drops.turns[term]));
        }
        for (number, node) in self.graph.nodes.iter().enumerate().filter(|(_, node)| node.start == term) {
            let levels = self.key.levels(number);
            let latest = self.drops.turns[term..term + node.len].iter().max();
            if levels == 0 || latest.is_some_and(|latest| *latest < turn) {
                continue;
            }
            self.path.push((number, levels));
            self.walk(term + node.len, drop, turn);
            self.path.pop();
        }
    }
}

/// What joining so many terms counts as.
fn ngram_typos(terms: usize) -> u32 {
    match terms {
        1 => 0,
        terms => terms as u32,
    }
}

#[cfg(test)]
mod tests;
