//! What one interpretation costs in one document.

use super::{
    forms::{Held, Node},
    model::{Film, Spot},
};

/// A node at one level, as a document holds it.
pub(super) struct Step<'a> {
    pub(super) node: &'a Node,
    pub(super) level: usize,
    pub(super) held: &'a [Held],
}

pub(super) fn typo(path: &[Step<'_>]) -> u32 {
    path.iter().map(|step| step.level as u32 + [0, 0, 2, 3][step.node.len]).sum()
}

pub(super) fn proximity(path: &[Step<'_>]) -> u32 {
    let joints: usize = path.iter().map(|step| step.node.len - 1).sum();
    let pairs = path.windows(2).map(|pair| {
        let (l, r) = (&pair[0], &pair[1]);
        let neighbours = l.node.start + l.node.len == r.node.start && l.node.position + l.node.width == r.node.position;
        if !neighbours {
            return 0;
        }
        let mut least = 3;
        for (a, b) in l.held.iter().flat_map(|a| r.held.iter().map(move |b| (a, b))) {
            for (left, right) in a.last.iter().flat_map(|left| b.first.iter().map(move |right| (left, right))) {
                least = least.min(pair_cost(*left, *right, a.forward_only || b.forward_only));
            }
        }
        least
    });
    joints as u32 + pairs.sum::<u32>()
}

fn pair_cost(left: Spot, right: Spot, forward_only: bool) -> u32 {
    match i64::from(right.1) - i64::from(left.1) {
        _ if left.0 != right.0 => 3,
        1 => 0,
        2 => 1,
        3 => 2,
        -1 if !forward_only => 1,
        -2 if !forward_only => 2,
        _ => 3,
    }
}

fn firsts<'a>(step: &'a Step<'_>) -> impl Iterator<Item = Spot> + 'a {
    step.held.iter().flat_map(|held| held.first.iter().copied())
}

pub(super) fn attribute_rank(path: &[Step<'_>]) -> u32 {
    path.iter().map(|step| (step.node.len * firsts(step).map(|(field, _)| field).min().unwrap()) as u32).sum()
}

pub(super) fn word_position(path: &[Step<'_>]) -> u32 {
    let cost = |step: &Step<'_>| {
        let at = |(_, position): Spot| {
            let distance = bucket(position).abs_diff(step.node.position);
            (0..step.node.len as u32).map(|nth| steps(distance + nth)).sum::<u32>()
        };
        firsts(step).map(at).min().unwrap()
    };
    path.iter().map(cost).sum()
}

fn steps(distance: u32) -> u32 {
    let ends = [0, 1, 4, 7, 11, 16, 24, 64, 256, 1024];
    ends.iter().position(|end| distance <= *end).map_or(10, |cost| cost as u32)
}

fn bucket(position: u32) -> u32 {
    if position < 16 {
        position
    } else if position < 24 {
        24
    } else {
        position.next_power_of_two()
    }
}

pub(super) fn inexact(path: &[Step<'_>]) -> u32 {
    let missing = |step: &&Step<'_>| !step.held.iter().any(|held| held.own);
    path.iter().filter(missing).map(|step| step.node.len as u32).sum()
}

/// 1: an attribute is the query; 2: it begins with it; 3: neither.
pub(super) fn stage(path: &[Step<'_>], film: &Film) -> u32 {
    let is_exact = |step: &&Step<'_>| step.level == 0 && step.node.own.is_some();
    let exact: Vec<&Step<'_>> = path.iter().take_while(is_exact).collect();
    let begins = exact.first().is_some_and(|first| first.node.start == 0);
    let follow = exact.windows(2).all(|pair| pair[0].node.start + 1 == pair[1].node.start);
    if !begins || !follow || path[exact.len()..].iter().any(|step| is_exact(&step)) {
        return 3;
    }
    let mut words: Vec<(&str, u32)> = Vec::new();
    for step in exact {
        let own = step.node.own.iter().flatten();
        words.extend((step.node.position..).zip(own).map(|(position, word)| (word.as_str(), position)));
    }
    let in_place =
        |(word, position): &(&str, u32)| film.places(word).iter().any(|(_, there)| bucket(*there) == bucket(*position));
    if !words.iter().all(in_place) {
        return 3;
    }
    let stage_of = |field: usize| {
        let all = words.iter().all(|(word, _)| film.places(word).iter().any(|(there, _)| *there == field));
        match all {
            false => 3,
            true if film.fields[field].len() == words.len() => 1,
            true => 2,
        }
    };
    stage_of(0).min(stage_of(1))
}
