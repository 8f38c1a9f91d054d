//! Every document, every interpretation: what is found, and in which order.

use crossfade::search::MatchingStrategy;

use super::{
    costs::{Step, attribute_rank, inexact, proximity, stage, typo, word_position},
    forms::{Held, Node, Typos, held, nodes},
    model::{Asked, Film},
};

/// A document that is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: usize,
    /// By rule; those of `sort` are none.
    pub(super) costs: Vec<Vec<u32>>,
    key: Vec<Vec<u32>>,
}

/// Documents by number, and how they are asked.
pub(super) struct Oracle<'a> {
    pub(super) films: &'a [Option<Film>],
    pub(super) asked: &'a Asked,
    pub(super) rules: &'a [String],
    pub(super) typos: Typos,
}

impl Oracle<'_> {
    /// All that is found, in order.
    pub(super) fn ranked(&self) -> Vec<Place> {
        let all: Vec<Film> = self.films.iter().flatten().cloned().collect();
        let nodes = nodes(self.asked, &all, self.typos);
        let rungs = self.rungs(&nodes, &all);
        let mut places = Vec::new();
        for (number, film) in self.films.iter().enumerate() {
            let Some(film) = film else { continue };
            let out = self.asked.without.as_ref().is_some_and(|without| !film.places(without).is_empty());
            let held: Vec<[Vec<Held>; 3]> = nodes.iter().map(|node| held(node, film)).collect();
            let paths = |kept: &Vec<bool>| paths(&nodes, &held, kept, 0);
            let found = rungs.iter().map(paths).enumerate().find(|(_, paths)| !paths.is_empty());
            if let (Some((rung, paths)), false) = (found, out) {
                places.push(self.place(number, film, rung as u32, paths));
            }
        }
        places.sort_by(|a, b| a.key.cmp(&b.key).then(a.number.cmp(&b.number)));
        places
    }

    fn place(&self, number: usize, film: &Film, rung: u32, mut paths: Vec<Vec<Step<'_>>>) -> Place {
        let (mut costs, mut key, mut has_words) = (Vec::new(), Vec::new(), false);
        for rule in self.rules {
            if rule != "sort" && !has_words {
                costs.push(vec![rung]);
                key.push(vec![rung]);
                has_words = true;
            }
            let cost = |path: &Vec<Step<'_>>| match rule.as_str() {
                "typo" => vec![typo(path)],
                "proximity" => vec![proximity(path)],
                "attributeRank" => vec![attribute_rank(path)],
                "wordPosition" => vec![word_position(path)],
                "exactness" => vec![stage(path, film), inexact(path)],
                _ => Vec::new(),
            };
            let least = paths.iter().map(cost).min().unwrap();
            paths.retain(|path| cost(path) == least);
            key.push(if rule == "sort" { vec![film.year] } else { least.clone() });
            costs.push(least);
        }
        costs.retain(|costs| !costs.is_empty());
        Place { number, costs, key }
    }

    /// Which terms are kept, rung by rung.
    fn rungs(&self, nodes: &[Node], films: &[Film]) -> Vec<Vec<bool>> {
        let parts = &self.asked.parts;
        let words: Vec<usize> = (0..parts.len()).filter(|term| !parts[*term].phrase).collect();
        let only_words = words.len() == parts.len();
        let groups: Vec<Vec<usize>> = match self.asked.matching {
            MatchingStrategy::All => Vec::new(),
            MatchingStrategy::Last => words.iter().rev().map(|term| vec![*term]).collect(),
            MatchingStrategy::Frequency => {
                let frequency = |term: usize| {
                    let around = |node: &&Node| node.start <= term && term < node.start + node.len;
                    let matches = |film: &&Film| {
                        nodes.iter().filter(around).any(|node| held(node, film).iter().any(|held| !held.is_empty()))
                    };
                    let count = films.iter().filter(matches).count();
                    if count == 0 { usize::MAX } else { count }
                };
                let mut counts: Vec<usize> = words.iter().map(|term| frequency(*term)).collect();
                counts.sort_unstable_by(|a, b| b.cmp(a));
                counts.dedup();
                let members = |count: &usize| words.iter().copied().filter(|term| frequency(*term) == *count).collect();
                counts.iter().map(members).collect()
            }
        };
        let mut kept = vec![true; parts.len()];
        let mut rungs = vec![kept.clone()];
        for group in groups.iter().take(groups.len().saturating_sub(usize::from(only_words))) {
            group.iter().for_each(|term| kept[*term] = false);
            rungs.push(kept.clone());
        }
        rungs
    }
}

/// All ways from a term to the end that a document holds.
fn paths<'a>(nodes: &'a [Node], held: &'a [[Vec<Held>; 3]], kept: &[bool], term: usize) -> Vec<Vec<Step<'a>>> {
    if term == kept.len() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    if !kept[term] {
        found.extend(paths(nodes, held, kept, term + 1));
    }
    for (node, levels) in nodes.iter().zip(held).filter(|(node, _)| node.start == term) {
        if !kept[term..term + node.len].contains(&true) {
            continue;
        }
        for (level, held_so) in levels.iter().enumerate().filter(|(_, held)| !held.is_empty()) {
            for mut rest in paths(nodes, held, kept, term + node.len) {
                rest.insert(0, Step { node, level, held: held_so });
                found.push(rest);
            }
        }
    }
    found
}
