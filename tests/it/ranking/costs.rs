//! What one interpretation costs in one document.

use super::{
    forms::{Held, Node},
    model::{Film, Spot},
};

/// A node as a document holds it, by level.
#[derive(Clone)]
pub(super) struct Step<'a> {
    pub(super) node: &'a Node,
    pub(super) levels: &'a [Vec<Held>; 3],
}

/// What the rules that were asked have bound interpretations to.
#[derive(Clone, Copy, Default)]
pub(super) struct Bound {
    pub(super) typo: bool,
    pub(super) own: bool,
}

impl<'a> Step<'a> {
    pub(super) fn least(&self) -> usize {
        self.levels.iter().position(|held| !held.is_empty()).unwrap()
    }

    pub(super) fn has_own(&self) -> bool {
        self.levels[0].iter().any(|held| held.own)
    }

    /// What counts of it.
    fn held(&self, bound: Bound) -> Vec<&'a Held> {
        match bound {
            Bound { own: true, .. } if self.has_own() => {
                self.levels[0].iter().filter(|held| held.own || held.forward_only).collect()
            }
            Bound { typo: true, .. } => self.levels[self.least()].iter().collect(),
            Bound { .. } => self.levels.iter().flatten().collect(),
        }
    }
}

pub(super) fn typo(path: &[Step<'_>]) -> u32 {
    path.iter().map(|step| step.least() as u32 + [0, 0, 2, 3][step.node.len]).sum()
}

pub(super) fn proximity(path: &[Step<'_>], bound: Bound) -> u32 {
    let joints: usize = path.iter().map(|step| step.node.len - 1).sum();
    let pairs = path.windows(2).map(|pair| {
        let (l, r) = (&pair[0], &pair[1]);
        let neighbours = l.node.start + l.node.len == r.node.start && l.node.position + l.node.width == r.node.position;
        if !neighbours {
            return 0;
        }
        let mut least = 3;
        let rights = r.held(bound);
        for (a, b) in l.held(bound).into_iter().flat_map(|a| rights.iter().map(move |b| (a, b))) {
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

fn firsts<'a>(step: &Step<'a>, bound: Bound) -> impl Iterator<Item = Spot> + use<'a> {
    step.held(bound).into_iter().flat_map(|held| held.first.iter().copied())
}

pub(super) fn attribute_rank(path: &[Step<'_>], bound: Bound) -> u32 {
    path.iter().map(|step| (step.node.len * firsts(step, bound).map(|(field, _)| field).min().unwrap()) as u32).sum()
}

pub(super) fn word_position(path: &[Step<'_>], bound: Bound) -> u32 {
    let cost = |step: &Step<'_>| {
        let at = |(_, position): Spot| {
            let distance = bucket(position).abs_diff(step.node.position);
            (0..step.node.len as u32).map(|nth| steps(distance + nth)).sum::<u32>()
        };
        firsts(step, bound).map(at).min().unwrap()
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
    path.iter().filter(|step| !step.has_own()).map(|step| step.node.len as u32).sum()
}

/// Whether a node must match exactly: it stands for the very word somewhere in what is left of the graph.
pub(super) fn is_exact(step: &Step<'_>, bound: Bound) -> bool {
    step.node.own.is_some() && (!bound.typo || step.least() == 0)
}

/// 1: an attribute is the query; 2: it begins with it; 3: neither. `exact` are the nodes that must match, from the first term on.
pub(super) fn stage(exact: &[&Node], film: &Film) -> u32 {
    let follow = exact.iter().enumerate().all(|(nth, node)| node.start == nth);
    if exact.is_empty() || !follow {
        return 3;
    }
    let mut words: Vec<(&str, u32)> = Vec::new();
    for node in exact {
        let own = node.own.iter().flatten();
        words.extend((node.position..).zip(own).map(|(position, word)| (word.as_str(), position)));
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
