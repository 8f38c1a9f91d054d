//! The order of what is found: buckets of equal documents, refined rule by rule, and only as far as hits are wanted.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use super::{
    bucket::{Bucket, Equal, Next, Request, asked, unpack},
    candidates::Candidates,
    cost::{Bound, Costs},
    fetched::Fetched,
    graph::QueryGraph,
    paths::Pattern,
    rules::Rule,
    scope::Scope,
    stage::Stage,
    ways::Ways,
};
use crate::search::MatchingStrategy;

/// A query, its words' lists, and the order of what they find. Made by [`Ranking::new`]; then [`next_bucket`](Self::next_bucket) is asked until enough has come.
#[derive(Debug)]
pub struct Ranking {
    graph: Arc<QueryGraph>,
    fetched: Arc<Fetched>,
    scope: Scope,
    rules: Arc<[Rule]>,
    candidates: Candidates,
    /// The places of the documents to come, rung by rung: each is made ready when its turn comes.
    rungs: VecDeque<(u32, Vec<u32>)>,
    stage: Stage,
    /// The patterns of its documents, each once.
    used: Vec<u32>,
    /// What is left of the stage, the best last.
    buckets: Vec<Bucket>,
    /// By document of the stage: the interpretations that are left, as bits.
    alive: Vec<u64>,
    found: usize,
    /// Whether it is asked how well documents match, and not only in what order.
    scored: bool,
    matching: MatchingStrategy,
}

impl Ranking {
    /// Finds the documents. `passes` says which ones the request is about.
    pub fn new(graph: Arc<QueryGraph>, fetched: Arc<Fetched>, request: Request, passes: impl Fn(u64) -> bool) -> Self {
        let Request { rules, scope, matching, scored } = request;
        let candidates = Candidates::new(&graph, &fetched, &scope, matching, passes);
        let found = candidates.found().count();
        let by_rung = candidates.by_rung();
        let rungs = match rules.first() {
            Some(Rule::Words) => (0..).zip(by_rung).filter(|(_, places)| !places.is_empty()).collect(),
            // Something else decides first: all together.
            _ => VecDeque::from([(0, candidates.found().map(|(place, _)| place).collect())]),
        };
        let (stage, used, buckets, alive) = Default::default();
        Self { graph, fetched, scope, rules, candidates, rungs, stage, used, buckets, alive, found, scored, matching }
    }

    /// How many documents are found in all.
    pub fn found(&self) -> usize {
        self.found
    }

    /// The numbers of all documents found, ascending.
    pub fn documents(&self) -> impl Iterator<Item = u64> + '_ {
        self.candidates.found().map(|(place, _)| self.candidates.documents[place as usize])
    }

    /// The most terms that may be dropped; `None` if no rule asks for it.
    pub(super) fn most_dropped(&self) -> Option<usize> {
        (self.matching != MatchingStrategy::All).then(|| self.candidates.drops.most())
    }

    /// The terms of which words with typos have been looked for, as bits. As Meilisearch has it, where terms are dropped from the end
    /// nothing is looked for behind a term that no document holds together with those before it, nor behind the first if no rule asks.
    pub fn looked_for(&self) -> u32 {
        let asks = |rule: &Rule| !matches!(rule, Rule::Values(_));
        let phrases = self.graph.term_words.iter().any(|term| term.phrase);
        let found = || self.candidates.patterns.iter().filter(|pattern| pattern.rung.is_some());
        match self.matching {
            MatchingStrategy::All | MatchingStrategy::Frequency => u32::MAX,
            MatchingStrategy::Last if self.rules.iter().any(asks) => {
                found().fold(0, |reached, pattern| reached | pattern.reached(&self.graph))
            }
            MatchingStrategy::Last => u32::from(!phrases),
        }
    }

    pub(super) fn graph(&self) -> &QueryGraph {
        &self.graph
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How many documents the next bucket has: to skip it without refining it.
    pub fn next_len(&self) -> usize {
        match (self.buckets.last(), self.rungs.front()) {
            (Some(bucket), _) => bucket.documents.len(),
            (None, Some((_, places))) => places.len(),
            (None, None) => 0,
        }
    }

    /// Passes over the next bucket.
    pub fn skip(&mut self) {
        if self.buckets.pop().is_none() {
            self.rungs.pop_front();
        }
    }

    /// What comes next.
    pub fn next_bucket(&mut self) -> Next {
        loop {
            let Some(bucket) = self.buckets.last_mut() else {
                if self.begin_stage() {
                    continue;
                }
                return Next::End;
            };
            let asked = asked(&self.rules, &bucket.costs);
            match self.rules.get(asked) {
                _ if bucket.documents.is_empty() => {
                    self.buckets.pop();
                }
                None => {
                    let Bucket { documents, costs, worst, .. } = self.buckets.pop().unwrap_or_default();
                    let documents = documents.into_iter().map(|place| self.stage.documents[place as usize]).collect();
                    return Next::Equal(Equal { documents, costs, worst });
                }
                Some(Rule::Values(criterion)) => {
                    if let [_] = bucket.documents.as_slice() {
                        bucket.costs.push(0);
                        bucket.worst.push(0);
                        continue;
                    }
                    let documents = bucket.documents.iter().map(|place| self.stage.documents[*place as usize]);
                    return Next::Values(criterion.clone(), documents.collect());
                }
                Some(rule) => {
                    let rule = rule.clone();
                    match self.constant(&rule) {
                        Some(cost) => self.pay(&rule, cost),
                        None => self.refine(&rule),
                    }
                }
            }
        }
    }

    /// Answers [`Next::Values`]: for each document its rank by the attribute, from 0; equal values have equal ranks.
    pub fn supply(&mut self, ranks: &HashMap<u64, u32>) {
        let Some(bucket) = self.buckets.pop() else { return };
        let last = ranks.values().max().map_or(0, |last| last + 1);
        let documents = &self.stage.documents;
        let rank = |place: &u32| ranks.get(&documents[*place as usize]).copied().unwrap_or(last);
        let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for place in &bucket.documents {
            parts.entry(rank(place)).or_default().push(*place);
        }
        let part = |(cost, documents)| bucket.part(documents, &[cost], 0, Arc::clone(&bucket.ways));
        self.buckets.extend(parts.into_iter().rev().map(part));
    }

    /// Makes the next rung ready; whether there is one.
    fn begin_stage(&mut self) -> bool {
        let Some((rung, places)) = self.rungs.pop_front() else { return false };
        self.stage = self.candidates.stage(&places);
        self.used = self.stage.patterns.clone();
        self.used.dedup();
        self.used.sort_unstable();
        self.used.dedup();
        let assignments = |pattern: &u32| self.candidates.patterns[*pattern as usize].assignments.len();
        let all = |assignments: usize| if assignments >= 64 { u64::MAX } else { (1 << assignments) - 1 };
        self.alive = self.stage.patterns.iter().map(|pattern| all(assignments(pattern))).collect();
        let documents: Vec<u32> = (0..places.len() as u32).collect();
        let all = Bucket {
            ways: Arc::new(if self.scored { Ways::all(&self.graph) } else { Ways::default() }),
            ..Bucket::default()
        };
        self.buckets.push(match self.rules.first() {
            Some(Rule::Words) => {
                let ways = self.ways(&all, &Rule::Words, &documents);
                all.part(documents, &[rung], 0, ways)
            }
            _ => Bucket { documents, ..all },
        });
        true
    }

    /// What a rule costs every document of the stage, if that can be told without looking at them.
    fn constant(&self, rule: &Rule) -> Option<u32> {
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
    fn pay(&mut self, rule: &Rule, cost: u32) {
        let Some(mut bucket) = self.buckets.pop() else { return };
        let documents = std::mem::take(&mut bucket.documents);
        let ways = self.ways(&bucket, rule, &documents);
        self.buckets.push(bucket.part(documents, &[cost], bucket.ways.worst(rule, &self.graph), ways));
    }

    /// The interpretations that a rule leaves to documents of a bucket; nothing if no scores are asked for.
    fn ways(&self, bucket: &Bucket, rule: &Rule, documents: &[u32]) -> Arc<Ways> {
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

    fn refine(&mut self, rule: &Rule) {
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
