//! The interpretations that are left in a bucket: they say what the next rule could cost at worst.
//!
//! As Meilisearch has it, each document stands for the first of its interpretations that are equally good, and what stands for no document
//! of a bucket is of no account to the rules behind. Where no term may be dropped, no rule has looked at documents before the first, and all
//! interpretations are left, also those that no document satisfies.

use std::collections::BTreeSet;

use super::{distance::FAR, graph::QueryGraph, paths::Assignment, rules::Rule};

/// The interpretations that are left.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways(BTreeSet<Way>);

/// One of them: nodes from left to right, each with whether exactness has bound it to the very word that was typed.
type Way = Vec<(usize, bool)>;

impl Ways {
    /// Every interpretation of a query.
    pub(super) fn all(graph: &QueryGraph) -> Self {
        let (mut ways, mut open) = (Self::default(), vec![(0, Way::new())]);
        while let Some((term, way)) = open.pop() {
            if term >= graph.terms {
                ways.0.insert(way);
                continue;
            }
            for (number, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.start == term) {
                open.push((term + node.len, [way.as_slice(), &[(number, false)]].concat()));
            }
        }
        ways
    }

    /// Adds one that stands for a document; `own` says which nodes it holds as they were typed.
    pub(super) fn add(&mut self, assignment: &Assignment, own: impl Fn(usize) -> bool) {
        self.0.insert(assignment.nodes.iter().map(|(node, _)| (*node, own(*node))).collect());
    }

    /// What a rule could cost at worst: for typos and proximity as its costs are, for other rules in terms.
    pub(super) fn worst(&self, rule: &Rule, graph: &QueryGraph) -> u32 {
        let of = |way: &Way| match rule {
            Rule::Typo => typos(way, graph),
            Rule::Proximity => farthest(way, graph),
            _ => way.iter().map(|(node, _)| graph.nodes[*node].len as u32).sum(),
        };
        self.0.iter().map(of).max().unwrap_or(0)
    }
}

/// As many as the words are allowed. What may have none may still be cut in two, which counts as one; it counts even where exactness has bound
/// the word.
fn typos(way: &Way, graph: &QueryGraph) -> u32 {
    let of = |(node, own): &(usize, bool)| {
        let node = &graph.nodes[*node];
        let joined = if node.len == 1 { 0 } else { node.len as u32 };
        joined
            + match node.allowance {
                _ if node.phrase => 0,
                0 => 1,
                _ if *own => 0,
                allowance => u32::from(allowance),
            }
    };
    way.iter().map(of).sum()
}

/// Neighbours far apart, but where something is dropped between them or a sentence ends, and the joints of joined terms.
fn farthest(way: &Way, graph: &QueryGraph) -> u32 {
    let nodes = || way.iter().map(|(node, _)| &graph.nodes[*node]);
    let joints: usize = nodes().map(|node| node.len - 1).sum();
    let asked = nodes().zip(nodes().skip(1)).filter(|(l, r)| {
        let words: usize = graph.term_words[l.start..l.start + l.len].iter().map(|term| term.span).sum();
        l.start + l.len == r.start && l.position + words as u32 == r.position
    });
    asked.count() as u32 * FAR + joints as u32
}
