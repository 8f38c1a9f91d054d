//! The first twenty, and how many there are in all.

use crossfade::backend::memory::Query;
use serde::Deserialize;

use super::{
    corpus::{FILMS, lines},
    step,
};

#[derive(Deserialize)]
struct Recorded {
    q: String,
    ids: Vec<String>,
    estimated_total_hits: usize,
}

#[test]
fn the_first_twenty_and_the_totals_are_those_of_meilisearch() {
    let recorded: Vec<Recorded> = lines("rankings.jsonl.gz");
    assert_eq!(recorded.len(), 2_020);
    let mut wrong = Vec::new();
    for Recorded { q, ids, estimated_total_hits } in recorded.iter().step_by(step(8)) {
        let found = FILMS.search(&Query { text: q, ..Query::default() }, |_| true);
        let numbers = found.ranked.iter().map(|ranked| ranked.number);
        let ours: Vec<&str> = numbers.map(|number| FILMS.at(number).unwrap().0.as_str()).collect();
        if ours != *ids || found.total != *estimated_total_hits {
            wrong.push((q, found.total, ours));
        }
    }
    assert!(wrong.is_empty(), "{} of the queries are answered otherwise: {wrong:?}", wrong.len());
}
