//! Documents to come, and what they are known to cost: each part is made ready when its turn comes.

use super::Ranking;
use crate::{
    ranking::{
        distance::{FARTHEST, bucket, displacement},
        rules::Rule,
    },
    tokens::Place,
};

/// Documents that cost the same by the first rules.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) costs: Vec<u32>,
    /// By their places among the candidates.
    pub(super) places: Vec<u32>,
}

/// Fewer documents are made ready together.
const WORTH_PARTING: usize = 1_000;
/// So many documents are told apart at a time, if their parts have no more.
const AT_A_TIME: usize = 4_000;

/// What a document costs a query of one word, by the rules that ask where it stands. Their order is that of `Ranking::rules`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    typos: u8,
    position: u8,
    rank: u16,
}

impl Ranking {
    /// Parts a rung by the rules behind `words`, as far as their costs can be told from the lists in one pass: where there is one word. It may
    /// stand in a good part of all documents, and those that come first are few of them. What is left is the last part, and is parted
    /// when its turn comes.
    pub(super) fn parted(&self, rung: Part) -> Vec<Part> {
        let first: Vec<&Rule> = self.rules.iter().skip(1).take_while(|rule| told_from_lists(rule)).collect();
        let [node] = self.graph.nodes.as_slice() else { return vec![rung] };
        let whole = self.scored || self.scope.restricts() || node.len != 1 || first.first() != Some(&&Rule::Typo);
        if whole || rung.places.len() < WORTH_PARTING || self.rules.first() != Some(&Rule::Words) {
            return vec![rung];
        }
        let costs = self.costs_of_one_word(node.position, &first);
        let cost = |place: &u32| costs[*place as usize];
        let mut counts = Counts::default();
        rung.places.iter().for_each(|place| counts.add(cost(place)));
        let mut known: Vec<(Vec<u32>, Cost, usize)> = counts
            .each()
            .map(|(cost, count)| {
                let of = |rule: &&Rule| match rule {
                    Rule::Typo => u32::from(cost.typos),
                    Rule::AttributeRank => u32::from(cost.rank),
                    Rule::WordPosition => u32::from(cost.position),
                    _ => 0,
                };
                (rung.costs.iter().copied().chain(first.iter().map(of)).collect(), cost, count)
            })
            .collect();
        known.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut left = AT_A_TIME;
        let these = |(_, _, count): &&(Vec<u32>, Cost, usize)| {
            let some = left > 0;
            left = left.saturating_sub(*count);
            some
        };
        let mut parts: Vec<(Cost, Part)> = known
            .iter()
            .take_while(these)
            .map(|(costs, cost, count)| (*cost, Part { costs: costs.clone(), places: Vec::with_capacity(*count) }))
            .collect();
        let mut rest = Vec::new();
        for place in rung.places {
            let cost = cost(&place);
            match parts.iter_mut().find(|(of, _)| *of == cost) {
                Some((_, part)) => part.places.push(place),
                None => rest.push(place),
            }
        }
        let rest = (!rest.is_empty()).then_some(Part { costs: rung.costs, places: rest });
        parts.into_iter().map(|(_, part)| part).chain(rest).collect()
    }

    /// By candidate. As the rules have it, each counts by the words of its least level, wherever they stand.
    fn costs_of_one_word(&self, wanted: u32, rules: &[&Rule]) -> Vec<Cost> {
        let least = |pattern: u32| self.candidates.patterns[pattern as usize].key.levels(0).trailing_zeros() as u8;
        // What no rule asks for sets nothing apart.
        let ranked = rules.contains(&&Rule::AttributeRank) && !self.scope.alike;
        let placed = rules.contains(&&Rule::WordPosition);
        let unknown = Cost {
            typos: u8::MAX,
            position: if placed { FARTHEST as u8 } else { 0 },
            rank: if ranked { u16::MAX } else { 0 },
        };
        let mut costs = self.candidates.of_each_found(unknown, |pattern| Cost { typos: least(pattern), ..unknown });
        let far = |position: u32| displacement(bucket(position).abs_diff(wanted)) as u8;
        let near: [u8; 128] = std::array::from_fn(|position| far(position as u32));
        let postings = &self.fetched.postings;
        self.candidates.each_entry(0, |place, level, entry| {
            let cost = &mut costs[place as usize];
            if cost.typos != level {
                return;
            }
            let mut add = |at: Place| {
                let position = u32::from(at.position);
                let position = near.get(position as usize).copied().unwrap_or_else(|| far(position));
                cost.position = cost.position.min(position);
                if ranked {
                    cost.rank = cost.rank.min(self.scope.rank(at.field).min(u32::from(u16::MAX)) as u16);
                }
            };
            match postings.only_place(entry) {
                Some(at) => add(at),
                None => postings.places(entry).for_each(add),
            }
        });
        costs
    }
}

fn told_from_lists(rule: &Rule) -> bool {
    matches!(rule, Rule::Typo | Rule::Proximity | Rule::AttributeRank | Rule::WordPosition)
}

/// How many documents have each cost: nearly all costs are small.
struct Counts {
    small: [usize; 1 << 10],
    others: Vec<(Cost, usize)>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { small: [0; 1 << 10], others: Vec::new() }
    }
}

impl Counts {
    fn add(&mut self, cost: Cost) {
        if cost.typos < 4 && cost.rank < 16 && cost.position < 16 {
            let at = usize::from(cost.typos) << 8 | usize::from(cost.rank) << 4 | usize::from(cost.position);
            self.small[at] += 1;
            return;
        }
        match self.others.iter_mut().find(|(known, _)| *known == cost) {
            Some((_, count)) => *count += 1,
            None => self.others.push((cost, 1)),
        }
    }

    fn each(&self) -> impl Iterator<Item = (Cost, usize)> + '_ {
        let small = self.small.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, count)| {
            let cost = Cost { typos: (at >> 8) as u8, rank: (at >> 4 & 15) as u16, position: (at & 15) as u8 };
            (cost, *count)
        });
        small.chain(self.others.iter().copied())
    }
}
