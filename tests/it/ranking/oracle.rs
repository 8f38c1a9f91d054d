//! Every document, every interpretation: what is found, and in which order.

use std::collections::BTreeMap;

use crossfade::search::MatchingStrategy;

use super::{
    costs::{Bound, Step, attribute_rank, inexact, is_exact, proximity, stage, typo, word_position},
    forms::{Held, Node, Typos, held, nodes},
    model::{Asked, Film},
};

/// A document that is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: usize,
    /// By rule; those of `sort` are none.
    pub(super) costs: Vec<Vec<u32>>,
}

/// A document, as far as rules have been asked.
struct Found<'a> {
    number: usize,
    film: &'a Film,
    rung: u32,
    paths: Vec<Vec<Step<'a>>>,
    costs: Vec<Vec<u32>>,
}

/// Which terms may be dropped: by term the turn it has, and whether it may be at all.
struct Drops {
    turns: Vec<usize>,
    may: Vec<bool>,
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
        let drops = self.drops(&nodes, &all);
        let most = drops.may.iter().filter(|may| **may).count();
        let films = self.films.iter().enumerate().filter_map(|(number, film)| Some((number, film.as_ref()?)));
        let films: Vec<(usize, &Film)> = films.collect();
        let held_by = |film: &Film| -> Vec<[Vec<Held>; 3]> { nodes.iter().map(|node| held(node, film)).collect() };
        let held: Vec<Vec<[Vec<Held>; 3]>> = films.iter().map(|(_, film)| held_by(film)).collect();
        let mut bucket = Vec::new();
        for ((number, film), held) in films.iter().zip(&held) {
            let out = self.asked.without.as_ref().is_some_and(|without| !film.places(without).is_empty());
            let ways = (0..=most).map(|drop| paths(&nodes, held, &drops, 0, drop, 0));
            let found = ways.enumerate().find(|(_, paths)| !paths.is_empty());
            if let (Some((rung, paths)), false) = (found, out) {
                bucket.push(Found { number: *number, film, rung: rung as u32, paths, costs: Vec::new() });
            }
        }
        let sorted = ordered(bucket, self.rules, Bound::default(), false).into_iter();
        sorted.map(|Found { number, costs, .. }| Place { number, costs }).collect()
    }

    fn drops(&self, nodes: &[Node], films: &[Film]) -> Drops {
        let parts = &self.asked.parts;
        let words: Vec<usize> = (0..parts.len()).filter(|term| !parts[*term].phrase).collect();
        let frequency = |term: usize| {
            let around = |node: &&Node| node.start <= term && term < node.start + node.len;
            let matches = |film: &&Film| {
                nodes.iter().filter(around).any(|node| held(node, film).iter().any(|held| !held.is_empty()))
            };
            let count = films.iter().filter(matches).count();
            if count == 0 { usize::MAX } else { count }
        };
        // The greater, the earlier.
        let weights: Vec<usize> = match self.asked.matching {
            MatchingStrategy::All => vec![0; parts.len()],
            MatchingStrategy::Last => (0..parts.len()).collect(),
            MatchingStrategy::Frequency => (0..parts.len()).map(frequency).collect(),
        };
        let earlier = |term: usize| words.iter().filter(|other| weights[**other] > weights[term]).count();
        let turns = (0..parts.len()).map(|term| if parts[term].phrase { usize::MAX } else { earlier(term) }).collect();
        let least = weights.iter().min().copied();
        let drops = self.asked.matching != MatchingStrategy::All;
        let may =
            |term: usize| drops && !parts[term].phrase && (words.len() < parts.len() || Some(weights[term]) != least);
        Drops { turns, may: (0..parts.len()).map(may).collect() }
    }
}

/// Asks one rule after the other; what is equal by all goes by number.
fn ordered<'a>(mut bucket: Vec<Found<'a>>, rules: &[String], bound: Bound, has_words: bool) -> Vec<Found<'a>> {
    let Some((rule, rest)) = rules.split_first() else {
        bucket.sort_by_key(|found| found.number);
        return bucket;
    };
    let mut parts: BTreeMap<Vec<u32>, Vec<Found<'a>>> = BTreeMap::new();
    if rule != "sort" && !has_words {
        for mut found in bucket {
            found.costs.push(vec![found.rung]);
            parts.entry(vec![found.rung]).or_default().push(found);
        }
        return parts.into_values().flat_map(|part| ordered(part, rules, bound, true)).collect();
    }
    let steps = bucket.iter().flat_map(|found| found.paths.iter().flatten());
    let mut exact: Vec<&Node> = steps.filter(|step| is_exact(step, bound)).map(|step| step.node).collect();
    exact.sort_by_key(|node| node.start);
    exact.dedup_by_key(|node| node.start);
    for mut found in bucket {
        let film = found.film;
        let cost = |path: &Vec<Step<'_>>| match rule.as_str() {
            "typo" => vec![typo(path)],
            "proximity" => vec![proximity(path, bound)],
            "attributeRank" => vec![attribute_rank(path, bound)],
            "wordPosition" => vec![word_position(path, bound)],
            "exactness" => vec![stage(&exact, film), inexact(path)],
            _ => Vec::new(),
        };
        let least = found.paths.iter().map(cost).min().unwrap();
        found.paths.retain(|path| cost(path) == least);
        let key = if rule == "sort" { vec![film.year] } else { least.clone() };
        if !least.is_empty() {
            found.costs.push(least);
        }
        parts.entry(key).or_default().push(found);
    }
    let bound = Bound { typo: bound.typo || rule == "typo", own: bound.own || rule == "exactness" };
    parts.into_values().flat_map(|part| ordered(part, rest, bound, has_words)).collect()
}

/// All ways from a term to the end that a document holds and that drop so many terms. What has had its turn before `turn` cannot be kept.
fn paths<'a>(
    nodes: &'a [Node],
    held: &'a [[Vec<Held>; 3]],
    drops: &Drops,
    term: usize,
    drop: usize,
    turn: usize,
) -> Vec<Vec<Step<'a>>> {
    if term == drops.may.len() {
        return if drop == 0 { vec![Vec::new()] } else { Vec::new() };
    }
    let mut found = Vec::new();
    if drop > 0 && drops.may[term] {
        found.extend(paths(nodes, held, drops, term + 1, drop - 1, turn.max(drops.turns[term])));
    }
    for (node, levels) in nodes.iter().zip(held).filter(|(node, _)| node.start == term) {
        let barred = drops.turns[term..term + node.len].iter().all(|own| *own < turn);
        if barred || levels.iter().all(Vec::is_empty) {
            continue;
        }
        for mut rest in paths(nodes, held, drops, term + node.len, drop, turn) {
            rest.insert(0, Step { node, levels });
            found.push(rest);
        }
    }
    found
}
