//! The score of each rule for each hit, of every tenth query.

use std::cmp::Ordering;

use crossfade::{
    backend::memory::{Query, Ranked},
    ranking::{ParsedQuery, details},
    tokens::Tokenizer,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    corpus::{FILMS, lines},
    step,
};

#[derive(Deserialize)]
struct Recorded {
    q: String,
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    id: String,
    details: Value,
}

/// The rules, with the place of their costs.
const RULES: [(&str, usize); 5] =
    [("words", 0), ("typo", 1), ("proximity", 2), ("attributeRank", 3), ("wordPosition", 4)];

#[test]
fn every_rule_says_of_every_hit_what_it_said_in_meilisearch() {
    let recorded: Vec<Recorded> = lines("details.jsonl.gz");
    assert_eq!(recorded.len(), 202);
    for Recorded { q, hits } in recorded.iter().step_by(step(3)) {
        let found = FILMS.search(&Query { text: q, ..Query::default() }, |_| true);
        let parsed = ParsedQuery::read(q, &Tokenizer::new(FILMS.settings(), None), true);
        for (ours, theirs) in found.ranked.iter().zip(hits) {
            assert_eq!(FILMS.at(ours.number).unwrap().0.as_str(), theirs.id, "{q}");
            counts_are_equal(q, parsed.terms.len(), ours, &theirs.details);
            let shown = Value::Object(details(&ours.scores, false, |_| Value::Null));
            assert!(is_alike(&shown, &theirs.details), "{q}: {shown} and not {}", theirs.details);
        }
        for (ours, theirs) in found.ranked.windows(2).zip(hits.windows(2)) {
            scores_part_alike(q, (&ours[0], &ours[1]), (&theirs[0], &theirs[1]));
        }
    }
}

/// The same members; numbers that were read from text may be off in the last digit.
fn is_alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| a.0 == b.0 && is_alike(a.1, b.1))
        }
        (Value::Number(ours), Value::Number(theirs)) => {
            ours.as_f64().zip(theirs.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
        }
        (ours, theirs) => ours == theirs,
    }
}

/// What is counted, and not only compared.
fn counts_are_equal(q: &str, terms: usize, ours: &Ranked, theirs: &Value) {
    let count = |rule: &str, name: &str| theirs[rule][name].as_u64();
    let [words, typos, .., stage, inexact] = ours.costs.iter().copied().map(u64::from).collect::<Vec<_>>()[..] else {
        panic!("{q}: {ours:?}");
    };
    assert_eq!(count("words", "maxMatchingWords"), Some(terms as u64), "{q}: {theirs}");
    assert_eq!(count("words", "matchingWords"), Some(terms as u64 - words), "{q}: {theirs}");
    assert_eq!(count("typo", "typoCount"), Some(typos), "{q}: {theirs}");
    let stages = ["exactMatch", "matchesStart", "noExactMatch"];
    assert_eq!(theirs["exactness"]["matchType"], stages[stage as usize - 1], "{q}: {theirs}");
    if let Some(matching) = count("exactness", "matchingWords") {
        let most = count("exactness", "maxMatchingWords").unwrap();
        assert_eq!(most - matching, inexact, "{q}: {theirs}");
    }
}

/// Scores are not comparable, but of two hits that are equal so far both sides say that the same one is the better.
fn scores_part_alike(q: &str, ours: (&Ranked, &Ranked), theirs: (&Hit, &Hit)) {
    for (rule, place) in RULES {
        let score = |hit: &Hit| hit.details[rule]["score"].as_f64().unwrap();
        let recorded = score(theirs.1).total_cmp(&score(theirs.0));
        let (a, b) = (ours.0.costs[place], ours.1.costs[place]);
        assert_eq!(a.cmp(&b), recorded, "{q}: {rule} of {} and {}", theirs.0.id, theirs.1.id);
        if recorded != Ordering::Equal {
            return;
        }
    }
}
