//! Ranks the documents of a store for one query.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use super::store::Store;
use crate::{
    document::Document,
    filter::{Facets, facets},
    ranking::{
        Deriver, Fetched, Next, ParsedQuery, QueryGraph, Ranking, Request, Rule, RuleScore, Scope, Scorer, global,
        rules,
    },
    search::{MatchingStrategy, Page},
    settings::PrefixSearch,
    sort::SortCriterion,
};

/// What to rank by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    /// The words of the query.
    pub text: &'a str,
    /// What happens when not every word matches.
    pub matching: MatchingStrategy,
    /// Sort criteria, the first decides first. They stand where the settings have `sort`; without it they mean nothing.
    pub sort: &'a [SortCriterion],
    /// Which slice is wanted.
    pub page: Page,
    /// Whether only the order is asked for: then nothing says how well documents match, and less has to be looked at.
    pub order_only: bool,
}

/// The slice that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The documents of the slice, best first.
    pub ranked: Vec<Ranked>,
    /// How many are found in all.
    pub total: usize,
}

/// A ranked document.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Its internal number.
    pub number: u32,
    /// Falls along the ranking, 1 at best, unless a sort stands before other rules.
    pub score: f64,
    /// What each rule says; nothing if there are no words.
    pub scores: Arc<[RuleScore]>,
    /// What it costs by each rule, as [`Equal`](crate::ranking::Equal) has it; nothing if there are no words.
    pub costs: Vec<u32>,
}

impl Store {
    /// The documents that pass `filter` and match, best first. No page reaches beyond the most hits of the settings.
    pub fn search(&self, query: &Query<'_>, filter: impl Fn(&Document) -> bool) -> Found {
        let settings = self.settings();
        let prefix = settings.prefix_search == PrefixSearch::IndexingTime;
        let parsed = ParsedQuery::read(query.text, &self.tokenizer, prefix);
        let graph = QueryGraph::new(&parsed, &Deriver::new(self.words.vocabulary(), settings, &self.synonyms));
        let fetched = self.words.fetch(&graph);
        let rules = rules(settings, query.sort);
        let offset = query.page.offset();
        let end = offset.saturating_add(query.page.limit()).min(settings.pagination.max_total_hits);
        if !parsed.terms.is_empty() {
            return self.ranked(query, (graph, fetched, rules), (offset, end), filter);
        }
        let criteria: Vec<&SortCriterion> = rules.iter().filter_map(by_values).collect();
        let without = fetched.without(&graph, &Scope::new(settings));
        let listed = self.in_order(&criteria, |number, document| {
            without.binary_search(&u64::from(number)).is_err() && filter(document)
        });
        let slice = listed.iter().take(end).skip(offset);
        let ranked = slice
            .map(|number| Ranked { number: *number, score: 1.0, scores: Arc::default(), costs: Vec::new() })
            .collect();
        Found { ranked, total: listed.len() }
    }

    /// The numbers of all documents that pass `filter`, by sort criteria.
    pub fn list(&self, sort: &[SortCriterion], filter: impl Fn(&Document) -> bool) -> Vec<u32> {
        self.in_order(&sort.iter().collect::<Vec<_>>(), |_, document| filter(document))
    }

    fn ranked(
        &self,
        query: &Query<'_>,
        (graph, fetched, rules): (QueryGraph, Fetched, Vec<Rule>),
        (offset, end): (usize, usize),
        filter: impl Fn(&Document) -> bool,
    ) -> Found {
        let scope = Scope::new(self.settings());
        let worst = self.settings().searchable_attributes.len().saturating_sub(1) as u32;
        let worst_attribute = if scope.alike { 0 } else { worst };
        let scored = !query.order_only;
        let request = Request { rules: rules.into(), scope, matching: query.matching, scored };
        let document = |number: u64| self.at(number as u32).map(|(_, document)| &**document);
        let mut ranking =
            Ranking::new(Arc::new(graph), Arc::new(fetched), request, |number| document(number).is_some_and(&filter));
        let mut found = Found { ranked: Vec::new(), total: ranking.found() };
        let scorer = Scorer { worst_attribute };
        let mut before = 0;
        while before < end {
            // What comes before the page is not refined.
            let next = ranking.next_len();
            if next > 0 && before + next <= offset {
                ranking.skip();
                before += next;
                continue;
            }
            match ranking.next_bucket() {
                Next::End => break,
                Next::Values(criterion, numbers) => {
                    let values = numbers.iter().map(|number| (*number, document(*number)));
                    ranking.supply(&ranks(&criterion, values));
                }
                Next::Equal(equal) => {
                    let scores: Arc<[RuleScore]> =
                        if scored { scorer.score(&ranking, &equal).into() } else { Arc::default() };
                    let score = if scored { global(&scores) } else { 1.0 };
                    let wanted = equal.documents.iter().skip(offset.saturating_sub(before));
                    let wanted = wanted.take(end - before.max(offset));
                    let ranked = |number: &u64| {
                        let (scores, costs) = (Arc::clone(&scores), equal.costs.clone());
                        Ranked { number: *number as u32, score, scores, costs }
                    };
                    found.ranked.extend(wanted.map(ranked));
                    before += equal.documents.len();
                }
            }
        }
        found
    }

    /// Documents by sort criteria, and by their numbers.
    fn in_order(&self, sort: &[&SortCriterion], filter: impl Fn(u32, &Document) -> bool) -> Vec<u32> {
        let passing = self.slots().filter(|(number, slot)| filter(*number, &slot.document));
        if sort.is_empty() {
            return passing.map(|(number, _)| number).collect();
        }
        let keep = |name: &str| sort.iter().any(|criterion| criterion.attribute == name);
        let mut listed: Vec<(u32, Facets)> =
            passing.map(|(number, slot)| (number, facets(&slot.document, keep))).collect();
        listed.sort_by(|(_, a), (_, b)| {
            let mut orders = sort.iter().map(|criterion| compare(criterion, a, b));
            orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        listed.into_iter().map(|(number, _)| number).collect()
    }
}

fn by_values(rule: &Rule) -> Option<&SortCriterion> {
    match rule {
        Rule::Values(criterion) => Some(criterion),
        _ => None,
    }
}

fn compare(criterion: &SortCriterion, a: &Facets, b: &Facets) -> Ordering {
    criterion.compare(a.get(&criterion.attribute), b.get(&criterion.attribute))
}

/// The rank of each document by the values of an attribute, from 0; equal values have equal ranks.
fn ranks<'a>(
    criterion: &SortCriterion,
    documents: impl Iterator<Item = (u64, Option<&'a Document>)>,
) -> HashMap<u64, u32> {
    let facets = |document: Option<&Document>| {
        document.map(|document| facets(document, |name| name == criterion.attribute)).unwrap_or_default()
    };
    let mut values: Vec<(u64, Facets)> = documents.map(|(number, document)| (number, facets(document))).collect();
    values.sort_by(|(_, a), (_, b)| compare(criterion, a, b));
    let equal = values.chunk_by(|(_, a), (_, b)| compare(criterion, a, b).is_eq());
    (0u32..).zip(equal).flat_map(|(rank, equal)| equal.iter().map(move |(number, _)| (*number, rank))).collect()
}

#[cfg(test)]
mod tests;
