//! One rule asked of the next bucket: what it costs each document, and which interpretations it leaves.

use std::sync::Arc;

use super::Ranking;
use crate::{
    ranking::{
        bucket::{Bucket, asked, unpack},
        cost::{Bound, Costs},
        paths::Pattern,
        rules::Rule,
        ways::Ways,
    },
    search::MatchingStrategy,
};

impl Ranking {
    /// What a rule costs every document of the stage, if that can be told without looking at them.
    pub(super) fn constant(&self, rule: &Rule) -> Option<u32> {
        let mut assignments =
            self.used.iter().flat_map(|pattern| &self.candidates.patterns[*pattern as usize].assignments);
        match rule {
            Rule::Typo => {
                let typos = assignments.next()?.typos;
                assignments.all(|assignment| assignment.typos == typos).then_some(typos)
            }
            Rule::Proximity => {
                let alone = |(node, _): &(usize, u8)| self.graph.nodes[*node].len == 1;
                assignments
                    .all(|assignment| assignment.nodes.len() == 1 && assignment.nodes.iter().all(alone))
                    .then_some(0)
            }
            Rule::AttributeRank => self.scope.alike.then_some(0),
            Rule::Words | Rule::WordPosition | Rule::Exactness | Rule::Values(_) => None,
        }
    }

    /// All documents of the next bucket cost the same.
    pub(super) fn pay(&mut self, rule: &Rule, cost: u32) {
        let Some(mut bucket) = self.buckets.pop() else { return };
        let documents = std::mem::take(&mut bucket.documents);
        let ways = self.ways(&bucket, rule, &documents);
        self.buckets.push(bucket.part(documents, &[cost], bucket.ways.worst(rule, &self.graph), ways));
    }

    pub(super) fn refine(&mut self, rule: &Rule) {
        let Some(bucket) = self.buckets.pop() else { return };
        let before = &self.rules[..asked(&self.rules, &bucket.costs)];
        let bound = Bound { typo: before.contains(&Rule::Typo), own: before.contains(&Rule::Exactness) };
        let mut costs = Costs::new(&self.graph, &self.fetched, &self.scope, &self.stage, bound);
        let exact = if *rule == Rule::Exactness { self.exact(&bucket, bound) } else { Vec::new() };
        // There are few costs: a list is faster than a map.
        let mut parts: Vec<(u64, Vec<u32>)> = Vec::new();
        let mut last = 0;
        costs.forget();
        for place in &bucket.documents {
            let pattern = &self.candidates.patterns[self.stage.patterns[*place as usize] as usize];
            let cost = cost(rule, &mut costs, *place, pattern, &mut self.alive[*place as usize], &exact);
            if parts.get(last).is_none_or(|(known, _)| *known != cost) {
                last = parts.iter().position(|(known, _)| *known == cost).unwrap_or_else(|| {
                    parts.push((cost, Vec::new()));
                    parts.len() - 1
                });
            }
            parts[last].1.push(*place);
        }
        parts.sort_unstable_by_key(|(cost, _)| *cost);
        let worst = bucket.ways.worst(rule, &self.graph);
        let part = |(cost, documents): (u64, Vec<u32>)| {
            let ways = self.ways(&bucket, rule, &documents);
            bucket.part(documents, &unpack(rule, cost), worst, ways)
        };
        let parts: Vec<Bucket> = parts.into_iter().rev().map(part).collect();
        self.buckets.extend(parts);
    }

    /// The interpretations that a rule leaves to documents of a bucket; nothing if no scores are asked for.
    pub(super) fn ways(&self, bucket: &Bucket, rule: &Rule, documents: &[u32]) -> Arc<Ways> {
        if !self.scored || (*rule == Rule::Words && self.matching == MatchingStrategy::All) {
            return Arc::clone(&bucket.ways);
        }
        let before = &self.rules[..asked(&self.rules, &bucket.costs)];
        let bound = (before.contains(&Rule::Exactness) || *rule == Rule::Exactness) && !before.contains(&Rule::Typo);
        let (mut ways, mut last) = (Ways::default(), None);
        for place in documents {
            let same = (self.stage.patterns[*place as usize], self.alive[*place as usize]);
            if last.replace(same) == Some(same) && !bound {
                continue;
            }
            let (pattern, alive) = same;
            let assignments = &self.candidates.patterns[pattern as usize].assignments;
            if let Some(first) = assignments.get(alive.trailing_zeros() as usize) {
                ways.add(first, |node| bound && self.stage.spots(node, *place).iter().any(|spot| spot.own));
            }
        }
        Arc::new(ways)
    }

    /// The terms that must match exactly where the stage of exactness is asked: those of which the very word stands in an interpretation of some
    /// document of the bucket.
    fn exact(&self, bucket: &Bucket, bound: Bound) -> Vec<usize> {
        let mut seen = vec![false; self.graph.nodes.len()];
        let mut last = None;
        for place in &bucket.documents {
            let same = (self.stage.patterns[*place as usize], self.alive[*place as usize]);
            if last.replace(same) == Some(same) {
                continue;
            }
            let (pattern, alive) = same;
            let assignments = self.candidates.patterns[pattern as usize].assignments.iter().enumerate();
            for (node, levels) in
                assignments.filter(|(nth, _)| alive & (1 << nth) != 0).flat_map(|(_, left)| &left.nodes)
            {
                seen[*node] |= self.graph.nodes[*node].exact.is_some() && (!bound.typo || levels & 1 != 0);
            }
        }
        // Nodes stand in the order of their terms, and only single ones can match exactly.
        (0..seen.len()).filter(|node| seen[*node]).collect()
    }
}

/// The least cost of the interpretations that are left; those that cost more are left no longer.
fn cost(rule: &Rule, costs: &mut Costs<'_>, place: u32, pattern: &Pattern, alive: &mut u64, exact: &[usize]) -> u64 {
    if *rule == Rule::Words {
        return pattern.rung.unwrap_or(0) as u64;
    }
    let stage = if *rule == Rule::Exactness { u64::from(costs.stage(place, exact)) } else { 0 };
    let mut best = u64::MAX;
    let mut left = 0;
    for (nth, assignment) in pattern.assignments.iter().enumerate() {
        if *alive & (1 << nth) == 0 {
            continue;
        }
        let cost = match rule {
            Rule::Typo => u64::from(assignment.typos),
            Rule::Proximity => u64::from(costs.proximity(place, assignment)),
            Rule::AttributeRank => u64::from(costs.attribute_rank(place, assignment)),
            Rule::WordPosition => u64::from(costs.word_position(place, assignment)),
            Rule::Exactness => (stage << 32) | u64::from(costs.inexact(place, assignment)),
            Rule::Words | Rule::Values(_) => 0,
        };
        match cost.cmp(&best) {
            std::cmp::Ordering::Less => (best, left) = (cost, 1 << nth),
            std::cmp::Ordering::Equal => left |= 1 << nth,
            std::cmp::Ordering::Greater => {}
        }
    }
    *alive = left;
    if best == u64::MAX { 0 } else { best }
}
