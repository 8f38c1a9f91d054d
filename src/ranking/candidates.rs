//! The documents a query may find, each with what it satisfies of every interpretation.

use std::collections::HashMap;

use super::{
    fetched::Fetched,
    graph::QueryGraph,
    numbering::Numbering,
    paths::{Drops, Key, Pattern},
    scope::Scope,
    sources::{Hits, Source, deciding, hits, sources, union},
    stage::{Spot, Stage},
};
use crate::search::MatchingStrategy;

/// The documents a query may find.
#[derive(Debug)]
pub(super) struct Candidates {
    numbering: Numbering,
    /// By document: its pattern, or [`NOT_FOUND`].
    pattern_of: Vec<u32>,
    pub(super) patterns: Vec<Pattern>,
    /// By node: what it finds among the documents.
    nodes: Vec<Vec<Finding>>,
    /// Which terms may be dropped: one more each rung.
    pub(super) drops: Drops,
}

/// What a form of a node finds among the candidates.
#[derive(Debug)]
struct Finding {
    level: u8,
    forward_only: bool,
    own: bool,
    hits: Hits,
    /// Those by which documents are found, if not all are.
    inside: Option<Hits>,
}

const NOT_FOUND: u32 = u32::MAX;

impl Candidates {
    /// Finds them. `passes` says which documents the request is about.
    pub(super) fn new(
        graph: &QueryGraph,
        fetched: &Fetched,
        scope: &Scope,
        matching: MatchingStrategy,
        passes: impl Fn(u64) -> bool,
    ) -> Self {
        let sources: Vec<Vec<Source>> =
            (0..graph.nodes.len()).map(|node| sources(graph, node, fetched, scope)).collect();
        let numbering = union(&sources, &deciding(graph, matching, &sources, fetched), fetched);
        let finding = |source: Source| {
            let inside = source.inside.as_ref().map(|inside| hits(inside, &numbering, fetched));
            let hits = hits(&source.entries, &numbering, fetched);
            let Source { level, forward_only, own, .. } = source;
            Finding { level, forward_only, own, hits, inside }
        };
        let nodes: Vec<Vec<Finding>> =
            sources.into_iter().map(|sources| sources.into_iter().map(finding).collect()).collect();
        let documents = numbering.documents();
        let keys = keys(&nodes, documents.len());
        // Frequencies are those of the whole index: before the documents that are not asked for are left out.
        let frequencies = frequencies(graph, matching, &keys);
        let drops = Drops::new(graph, matching, |term| frequencies.get(term).copied().unwrap_or(0));
        let without = fetched.without(graph, scope);
        let mut patterns = Vec::new();
        let mut known: HashMap<Key, u32> = HashMap::new();
        let mut last: Option<(Key, u32)> = None;
        let mut pattern_of = |(document, key): (&u64, Key)| {
            if !passes(*document) || without.binary_search(document).is_ok() {
                return NOT_FOUND;
            }
            // Most documents are like the one before.
            let pattern = match last {
                Some((same, pattern)) if same == key => pattern,
                _ => *known.entry(key).or_insert_with(|| {
                    let pattern = Pattern::new(key, graph, &drops);
                    let number = if pattern.rung.is_some() { patterns.len() as u32 } else { NOT_FOUND };
                    patterns.push(pattern);
                    number
                }),
            };
            last = Some((key, pattern));
            pattern
        };
        let pattern_of = documents.iter().zip(keys).map(&mut pattern_of).collect();
        Self { numbering, pattern_of, patterns, nodes, drops }
    }

    /// Their numbers, ascending.
    pub(super) fn documents(&self) -> &[u64] {
        self.numbering.documents()
    }

    /// The places of the documents that are found, with their patterns.
    pub(super) fn found(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let all = (0u32..).zip(&self.pattern_of);
        all.filter(|(_, pattern)| **pattern != NOT_FOUND).map(|(place, pattern)| (place, *pattern))
    }

    /// The places of the documents found, rung by rung.
    pub(super) fn by_rung(&self) -> Vec<Vec<u32>> {
        let mut by_rung = vec![Vec::new(); self.drops.most() + 1];
        for (place, pattern) in self.found() {
            if let Some(rung) = self.patterns[pattern as usize].rung {
                by_rung[rung].push(place);
            }
        }
        by_rung
    }

    /// Something of each document, by its pattern if it is found.
    pub(super) fn of_each_found<T: Copy>(&self, otherwise: T, of: impl Fn(u32) -> T) -> Vec<T> {
        let of: Vec<T> = (0..self.patterns.len() as u32).map(of).collect();
        self.pattern_of.iter().map(|pattern| of.get(*pattern as usize).copied().unwrap_or(otherwise)).collect()
    }

    /// Visits what a node finds: the place of the document, the level, and the entry of the first word.
    pub(super) fn each_entry(&self, node: usize, mut visit: impl FnMut(u32, u8, u32)) {
        for Finding { level, hits, .. } in self.nodes.get(node).into_iter().flatten() {
            match hits {
                Hits::Every(start) => {
                    (0..self.pattern_of.len() as u32).for_each(|place| visit(place, *level, start + place));
                }
                Hits::Some(hits) => hits.iter().for_each(|(place, first, _)| visit(*place, *level, *first)),
            }
        }
    }

    /// Some of the documents, ascending, with where each holds what.
    pub(super) fn stage(&self, places: &[u32]) -> Stage {
        let mut nth_of = vec![NOT_FOUND; self.pattern_of.len()];
        (0u32..).zip(places).for_each(|(nth, place)| nth_of[*place as usize] = nth);
        let documents = places.iter().map(|place| self.documents()[*place as usize]).collect();
        let patterns = places.iter().map(|place| self.pattern_of[*place as usize]).collect();
        let mut stage = Stage::new(documents, patterns);
        for findings in &self.nodes {
            let mut spots = Vec::new();
            for Finding { level, forward_only, own, hits, inside } in findings {
                let found = |place: u32| match inside {
                    Some(Hits::Some(inside)) => inside.binary_search_by_key(&place, |(place, ..)| *place).is_ok(),
                    None | Some(Hits::Every(_)) => true,
                };
                let spot = |document: u32, first, last| Spot {
                    document,
                    level: *level,
                    forward_only: *forward_only,
                    own: *own && found(places[document as usize]),
                    first,
                    last,
                };
                match hits {
                    Hits::Every(start) => {
                        let all = (0u32..).zip(places);
                        spots.extend(all.map(|(nth, place)| spot(nth, start + place, start + place)));
                    }
                    Hits::Some(hits) => {
                        let nth = hits.iter().map(|(place, first, last)| (nth_of[*place as usize], *first, *last));
                        let inside = nth.filter(|(nth, ..)| *nth != NOT_FOUND);
                        spots.extend(inside.map(|(nth, first, last)| spot(nth, first, last)));
                    }
                }
            }
            stage.add_node(spots, findings.len() > 1);
        }
        stage
    }
}

/// What each document satisfies.
fn keys(nodes: &[Vec<Finding>], documents: usize) -> Vec<Key> {
    let mut keys = vec![Key::default(); documents];
    for (node, findings) in nodes.iter().enumerate() {
        for finding in findings {
            match finding.inside.as_ref().unwrap_or(&finding.hits) {
                Hits::Every(_) => keys.iter_mut().for_each(|key| key.add(node, finding.level)),
                Hits::Some(hits) => hits.iter().for_each(|(place, ..)| keys[*place as usize].add(node, finding.level)),
            }
        }
    }
    keys
}

/// How many documents match a term in any form, alone or joined with others.
fn frequencies(graph: &QueryGraph, matching: MatchingStrategy, keys: &[Key]) -> Vec<usize> {
    if matching != MatchingStrategy::Frequency {
        return Vec::new();
    }
    let of = |term: usize| {
        let covers =
            |node: usize| (graph.nodes[node].start..graph.nodes[node].start + graph.nodes[node].len).contains(&term);
        let nodes: Vec<usize> = (0..graph.nodes.len()).filter(|node| covers(*node)).collect();
        keys.iter().filter(|key| nodes.iter().any(|node| key.levels(*node) != 0)).count()
    };
    (0..graph.terms).map(of).collect()
}
