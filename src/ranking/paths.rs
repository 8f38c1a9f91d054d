//! Which interpretations of a query a document satisfies.

use super::graph::{LEVELS, QueryGraph};
use crate::search::MatchingStrategy;

/// Interpretations of one document that are looked at.
pub(super) const MOST_ASSIGNMENTS: usize = 64;
/// Bits of a [`Key`] per node.
const BITS: usize = LEVELS;

/// Which levels of which nodes a document satisfies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Key(u128);

/// An interpretation: nodes from left to right, each at one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) nodes: Vec<(usize, u8)>,
    /// What it costs in typos.
    pub(super) typos: u32,
}

/// What documents of one key share.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern {
    /// The rung, from 0; `None`: it is not found.
    pub(super) rung: Option<usize>,
    pub(super) assignments: Vec<Assignment>,
}

/// The terms that are kept, rung by rung, as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rungs(pub(super) Vec<u32>);

impl Key {
    pub(super) fn add(&mut self, node: usize, level: u8) {
        self.0 |= 1 << (node * BITS + usize::from(level));
    }

    /// The levels of a node, as bits.
    pub(super) fn levels(self, node: usize) -> u8 {
        (self.0 >> (node * BITS)) as u8 & ((1 << BITS) - 1)
    }
}

impl Rungs {
    /// `frequencies` says for each term how many documents match it.
    pub(super) fn new(graph: &QueryGraph, matching: MatchingStrategy, frequencies: impl Fn(usize) -> usize) -> Self {
        let all = (1u32 << graph.terms) - 1;
        let mut rungs = vec![all];
        let words: Vec<usize> = (0..graph.terms).filter(|term| !graph.term_words[*term].phrase).collect();
        let has_phrase = words.len() < graph.terms;
        let mut kept = all;
        match matching {
            MatchingStrategy::All => {}
            MatchingStrategy::Last => {
                // Phrases are never dropped; without one, the first word is not.
                for term in words.iter().skip(usize::from(!has_phrase)).rev() {
                    kept &= !(1 << term);
                    rungs.push(kept);
                }
            }
            MatchingStrategy::Frequency => {
                let mut order: Vec<(usize, usize)> = words.iter().map(|term| (frequencies(*term), *term)).collect();
                // What no document matches goes first, then from the most frequent on.
                order.sort_by_key(|(frequency, _)| {
                    std::cmp::Reverse(if *frequency == 0 { usize::MAX } else { *frequency })
                });
                let groups: Vec<&[(usize, usize)]> = order.chunk_by(|a, b| a.0 == b.0).collect();
                let droppable = groups.len().saturating_sub(usize::from(!has_phrase));
                for group in groups.into_iter().take(droppable) {
                    group.iter().for_each(|(_, term)| kept &= !(1 << term));
                    rungs.push(kept);
                }
            }
        }
        rungs.dedup();
        Self(rungs)
    }
}

impl Pattern {
    /// `bound` binds each node to its least level; otherwise every level it has is an interpretation of its own.
    pub(super) fn new(key: Key, graph: &QueryGraph, rungs: &Rungs, bound: bool) -> Self {
        for (rung, kept) in rungs.0.iter().enumerate() {
            let mut paths = Paths { key, graph, kept: *kept, bound, path: Vec::new(), found: Vec::new() };
            paths.walk(0);
            if !paths.found.is_empty() {
                return Self { rung: Some(rung), assignments: paths.found };
            }
        }
        Self::default()
    }
}

struct Paths<'a> {
    key: Key,
    graph: &'a QueryGraph,
    kept: u32,
    bound: bool,
    path: Vec<(usize, u8)>,
    found: Vec<Assignment>,
}

impl Paths<'_> {
    fn walk(&mut self, term: usize) {
        if self.found.len() >= MOST_ASSIGNMENTS {
            return;
        }
        if term >= self.graph.terms {
            let typos = self
                .path
                .iter()
                .map(|(node, level)| u32::from(*level) + ngram_typos(self.graph.nodes[*node].len))
                .sum();
            self.found.push(Assignment { nodes: self.path.clone(), typos });
            return;
        }
        if self.kept & (1 << term) == 0 {
            self.walk(term + 1);
        }
        for (number, node) in self.graph.nodes.iter().enumerate().filter(|(_, node)| node.start == term) {
            let covers = ((1u32 << node.len) - 1) << term;
            let levels = self.key.levels(number);
            if levels == 0 || covers & self.kept == 0 {
                continue;
            }
            for level in (0..LEVELS as u8).filter(|level| levels & (1 << level) != 0) {
                self.path.push((number, level));
                self.walk(term + node.len);
                self.path.pop();
                if self.bound {
                    break;
                }
            }
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
