//! The order of what is found: buckets of equal documents, refined rule by rule, and only as far as hits are wanted.

mod parts;
mod refine;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use self::parts::Part;
use super::{
    bucket::{Bucket, Equal, Next, Request, asked},
    candidates::Candidates,
    fetched::Fetched,
    graph::QueryGraph,
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
    /// What is to come behind the stage.
    parts: VecDeque<Part>,
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
        let parts = match rules.first() {
            Some(Rule::Words) => {
                let rungs = (0..).zip(by_rung).filter(|(_, places)| !places.is_empty());
                rungs.map(|(rung, places)| Part { costs: vec![rung], places }).collect()
            }
            // Something else decides first: all together.
            _ => {
                let places = candidates.found().map(|(place, _)| place).collect();
                VecDeque::from([Part { costs: Vec::new(), places }])
            }
        };
        let (stage, used, buckets, alive) = Default::default();
        Self { graph, fetched, scope, rules, candidates, parts, stage, used, buckets, alive, found, scored, matching }
    }

    /// How many documents are found in all.
    pub fn found(&self) -> usize {
        self.found
    }

    /// The numbers of all documents found, ascending.
    pub fn documents(&self) -> impl Iterator<Item = u64> + '_ {
        self.candidates.found().map(|(place, _)| self.candidates.documents()[place as usize])
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
        match (self.buckets.last(), self.parts.front()) {
            (Some(bucket), _) => bucket.documents.len(),
            (None, Some(part)) => part.places.len(),
            (None, None) => 0,
        }
    }

    /// Passes over the next bucket.
    pub fn skip(&mut self) {
        if self.buckets.pop().is_none() {
            self.parts.pop_front();
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

    /// Makes the next part ready; whether there is one.
    fn begin_stage(&mut self) -> bool {
        let Some(mut part) = self.parts.pop_front() else { return false };
        if asked(&self.rules, &part.costs) < 2 {
            let mut parts = self.parted(part).into_iter();
            let Some(first) = parts.next() else { return false };
            part = first;
            parts.rev().for_each(|part| self.parts.push_front(part));
        }
        let Part { costs, places } = part;
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
        let ways = match self.rules.first() {
            Some(Rule::Words) => self.ways(&all, &Rule::Words, &documents),
            _ => Arc::clone(&all.ways),
        };
        let worst = vec![0; costs.len()];
        self.buckets.push(Bucket { documents, costs, worst, ways });
        true
    }
}
