//! Ranks the documents of a store for one query.

use std::cmp::Ordering;

use super::{
    cost::{Cost, Occurrence, collect, cost},
    query::{Matches, Term, terms},
    store::{Slot, Store},
};
use crate::{
    document::Document,
    filter::{Facets, facets},
    search::MatchingStrategy,
    sort::SortCriterion,
};

/// What to rank by.
#[derive(Debug, Default)]
pub struct Ranking<'a> {
    /// The words of the query.
    pub text: &'a str,
    /// What happens when not every word matches.
    pub matching: MatchingStrategy,
    /// Sort criteria, the first decides first.
    pub sort: &'a [SortCriterion],
}

/// A document's place in a ranking.
#[derive(Debug)]
struct Candidate {
    number: u32,
    cost: Option<Cost>,
    keys: Facets,
}

/// A ranked document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its internal number.
    pub number: u32,
    /// Falls along the ranking, 1 at best. Not Meilisearch's value.
    pub score: f64,
}

impl Store {
    /// The numbers of all documents that pass `filter` and match, best first.
    pub fn rank(&self, ranking: &Ranking<'_>, filter: impl Fn(&Document) -> bool) -> Vec<Ranked> {
        let terms = terms(ranking.text);
        let passing = self.slots().filter(|(_, slot)| filter(&slot.document));
        let sorted_by = |name: &str| ranking.sort.iter().any(|criterion| criterion.attribute == name);
        let keys = |slot: &Slot| match ranking.sort {
            [] => Facets::new(),
            _ => facets(&slot.document, sorted_by),
        };
        let mut candidates: Vec<Candidate> = if terms.is_empty() {
            passing.map(|(number, slot)| Candidate { number, cost: None, keys: keys(slot) }).collect()
        } else {
            let matches = Matches::derive(&terms, &self.words);
            let order = self.order(&terms, &matches, ranking.matching);
            let mut found = vec![Vec::new(); terms.len()];
            passing
                .filter_map(|(number, slot)| {
                    collect(&slot.tokens, |word| matches.of(word), &mut found);
                    let kept = kept(&order, ranking.matching, &found)?;
                    let cost = Some(cost(self, &terms, &kept, &slot.tokens, &mut found));
                    Some(Candidate { number, cost, keys: keys(slot) })
                })
                .collect()
        };
        candidates.sort_unstable_by(|a, b| compare(a, b, ranking.sort));
        let worst = self.worst(&terms);
        candidates
            .into_iter()
            .map(|Candidate { number, cost, .. }| Ranked { number, score: cost.map_or(1.0, |cost| score(cost, worst)) })
            .collect()
    }

    /// The terms in the order in which they are kept, the first one longest.
    fn order(&self, terms: &[Term], matches: &Matches, matching: MatchingStrategy) -> Vec<usize> {
        let mut order: Vec<usize> = (0..terms.len()).collect();
        if matching == MatchingStrategy::Frequency {
            let mut frequency = vec![0usize; terms.len()];
            let mut found: Vec<Vec<Occurrence>> = vec![Vec::new(); terms.len()];
            for (_, slot) in self.slots() {
                collect(&slot.tokens, |word| matches.of(word), &mut found);
                for (count, found) in frequency.iter_mut().zip(&found) {
                    *count += usize::from(!found.is_empty());
                }
            }
            // A word that nothing matches is the first to go.
            order.sort_by_key(|term| if frequency[*term] == 0 { usize::MAX } else { frequency[*term] });
        }
        order
    }

    /// The greatest costs there can be.
    fn worst(&self, terms: &[Term]) -> Cost {
        let n = terms.len() as u32;
        Cost {
            words: n,
            typo: 2 * n,
            proximity: 3 * n,
            attribute: n * self.greatest_weight(),
            position: 10 * n,
            stage: 3,
            inexact: n,
        }
    }
}

/// Which terms a document is ranked by: as many of `order`, from its start, as the document holds. `None` if that is too
/// few to be found at all.
fn kept(order: &[usize], matching: MatchingStrategy, found: &[Vec<Occurrence>]) -> Option<Vec<usize>> {
    let mut kept: Vec<usize> = order.iter().copied().take_while(|term| !found[*term].is_empty()).collect();
    let least = if matching == MatchingStrategy::All { order.len() } else { 1 };
    kept.sort_unstable();
    (kept.len() >= least).then_some(kept)
}

/// Best first; ties by the internal number.
fn compare(a: &Candidate, b: &Candidate, sort: &[SortCriterion]) -> Ordering {
    let before_sort = |cost: Cost| (cost.words, cost.typo, cost.proximity, cost.attribute);
    let by_keys = || {
        let by = |criterion: &SortCriterion| {
            criterion.compare(a.keys.get(&criterion.attribute), b.keys.get(&criterion.attribute))
        };
        sort.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    a.cost
        .map(before_sort)
        .cmp(&b.cost.map(before_sort))
        .then_with(by_keys)
        .then_with(|| a.cost.cmp(&b.cost))
        .then_with(|| a.number.cmp(&b.number))
}

/// A number from 0 to 1 that falls with the cost, rule by rule.
fn score(cost: Cost, worst: Cost) -> f64 {
    let rules = [
        (cost.words, worst.words),
        (cost.typo, worst.typo),
        (cost.proximity, worst.proximity),
        (cost.attribute, worst.attribute),
        (cost.position, worst.position),
        (cost.stage - 1, worst.stage - 1),
        (cost.inexact, worst.inexact),
    ];
    let (rank, most) = rules.into_iter().fold((1.0, 1.0), |(rank, most), (cost, worst)| {
        let steps = f64::from(worst) + 1.0;
        ((rank - 1.0) * steps + steps - f64::from(cost.min(worst)), most * steps)
    });
    rank / most
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn store(titles: &[&str]) -> Store {
        let searchable = ["title".to_owned(), "body".to_owned()];
        let mut store = Store::new(Some(&searchable));
        for (number, title) in titles.iter().enumerate() {
            let (title, body) = title.split_once('|').unwrap_or((title, ""));
            let document = json!({ "title": title, "body": body, "n": number }).as_object().cloned().unwrap();
            store.insert(store.prepare(number.to_string().into(), Arc::new(document)));
        }
        store
    }

    fn numbers(store: &Store, ranking: &Ranking<'_>) -> Vec<u32> {
        store.rank(ranking, |_| true).into_iter().map(|ranked| ranked.number).collect()
    }

    fn ask(titles: &[&str], text: &str) -> Vec<u32> {
        numbers(&store(titles), &Ranking { text, ..Ranking::default() })
    }

    #[test]
    fn more_words_beat_everything_and_words_are_dropped_from_the_end() {
        let titles = ["red", "red blue", "blue", "blue x x red green"];
        assert_eq!(ask(&titles, "red blue green "), [3, 1, 0]);
    }

    #[test]
    fn all_keeps_only_documents_with_every_word_and_frequency_drops_the_commonest() {
        let store = store(&["the cat", "the dog", "cat", "the"]);
        let with = |matching| numbers(&store, &Ranking { text: "the cat ", matching, ..Ranking::default() });
        assert_eq!(with(MatchingStrategy::All), [0]);
        // 3 before 1: `the` is the whole attribute.
        assert_eq!(with(MatchingStrategy::Last), [0, 3, 1]);
        assert_eq!(with(MatchingStrategy::Frequency), [0, 2]);
    }

    #[test]
    fn the_rules_decide_in_their_order() {
        // words, typo, proximity, attribute, position, whole attribute, exact word
        assert_eq!(ask(&["|tower one", "towel one", "x|tower one"], "tower one "), [0, 2, 1]);
        assert_eq!(ask(&["one x two", "|one two"], "one two "), [1, 0]);
        assert_eq!(ask(&["|one", "x one"], "one "), [1, 0]);
        assert_eq!(ask(&["x x one", "x one"], "one "), [1, 0]);
        assert_eq!(ask(&["one x", "one"], "one "), [1, 0]);
        assert_eq!(ask(&["x ones", "x one"], "one"), [1, 0]);
    }

    #[test]
    fn ties_go_to_the_lower_internal_number() {
        assert_eq!(ask(&["one a", "one b", "one c"], "one "), [0, 1, 2]);
    }

    #[test]
    fn sort_stands_between_attribute_and_position() {
        let store = store(&["one", "x one", "|one"]);
        let sort = ["n:desc".parse().unwrap()];
        assert_eq!(numbers(&store, &Ranking { text: "one ", sort: &sort, ..Ranking::default() }), [1, 0, 2]);
        assert_eq!(numbers(&store, &Ranking { sort: &sort, ..Ranking::default() }), [2, 1, 0]);
    }

    proptest! {
        #[test]
        fn rungs_never_rise_and_scores_never_rise(
            titles in prop::collection::vec("[abc]{1,2}( [abc]{1,2}){0,3}", 1..8),
            text in "[abc]{1,2}( [abc]{1,2}){0,3} ?",
        ) {
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            let store = store(&titles);
            let ranked = store.rank(&Ranking { text: &text, ..Ranking::default() }, |_| true);
            prop_assert!(ranked.is_sorted_by(|a, b| a.score >= b.score));
            let query = terms(&text);
            let rung = |number: u32| {
                let words: Vec<&str> = titles[number as usize].split(' ').collect();
                let holds = |term: &&Term| {
                    words.iter().any(|word| *word == term.text || term.prefix && word.starts_with(&term.text))
                };
                query.iter().take_while(holds).count()
            };
            let rungs: Vec<usize> = ranked.iter().map(|ranked| rung(ranked.number)).collect();
            prop_assert!(rungs.is_sorted_by(|a, b| a >= b));
            let matching = (0..titles.len() as u32).filter(|number| rung(*number) > 0).count();
            prop_assert_eq!(matching, ranked.len());
        }
    }
}
