//! What holds of every ranking.

use std::sync::Arc;

use crossfade::{
    backend::memory::{Found, Query, Store},
    ranking::{Rule, rules as rules_of},
    search::{MatchingStrategy, Page},
    settings::IndexSettings,
};
use proptest::prelude::*;
use serde_json::json;

use super::{
    forms::Typos,
    model::{Asked, Film, asked, film},
    oracle::Oracle,
};

const RULES: [&str; 7] = ["words", "typo", "proximity", "attributeRank", "sort", "wordPosition", "exactness"];
const ALL: Page = Page::Window { offset: 0, limit: usize::MAX };

/// Documents that come, are replaced and go, by their ids.
type History = Vec<(usize, Option<Film>)>;

fn history() -> impl Strategy<Value = History> {
    prop::collection::vec((0_usize..9, prop::option::weighted(0.85, film())), 1..14)
}

fn rules() -> impl Strategy<Value = Vec<String>> {
    let usual = RULES.map(str::to_owned).to_vec();
    prop_oneof![3 => Just(usual.clone()), 1 => Just(usual).prop_shuffle()]
}

fn typos() -> impl Strategy<Value = Typos> {
    prop_oneof![Just(Typos(5, 9)), Just(Typos(2, 4)), Just(Typos(2, 3))]
}

fn store(history: &History, rules: &[String], Typos(one, two): Typos) -> Store {
    let settings = json!({
        "searchableAttributes": ["title", "body"],
        "rankingRules": rules,
        "typoTolerance": { "minWordSizeForTypos": { "oneTypo": one, "twoTypos": two } },
        "pagination": { "maxTotalHits": 10_000 },
    });
    let mut store = Store::new(serde_json::from_value::<IndexSettings>(settings).unwrap(), None);
    for (id, film) in history {
        let name = id.to_string().into();
        match film {
            Some(film) => store.insert(store.prepare(name, Arc::new(film.document(*id)))),
            None => {
                store.remove(&name);
            }
        }
    }
    store
}

/// The documents by number: new ones take the lowest that is free.
fn numbered(history: &History) -> Vec<Option<Film>> {
    let mut slots: Vec<Option<(usize, Film)>> = Vec::new();
    for (id, film) in history {
        let there = slots.iter().position(|slot| slot.as_ref().is_some_and(|(other, _)| other == id));
        match (film, there) {
            (None, Some(there)) => slots[there] = None,
            (None, None) => {}
            (Some(film), there) => {
                let place = there.or_else(|| slots.iter().position(Option::is_none)).unwrap_or(slots.len());
                if place == slots.len() {
                    slots.push(None);
                }
                slots[place] = Some((*id, film.clone()));
            }
        }
    }
    slots.into_iter().map(|slot| slot.map(|(_, film)| film)).collect()
}

fn search(store: &Store, asked: &Asked, page: Page, only_kept: bool) -> Found {
    let (text, sort) = (asked.text(), ["year:asc".parse().unwrap()]);
    let query = Query { text: &text, matching: asked.matching, sort: &sort, page, ..Query::default() };
    store.search(&query, |document| !only_kept || document["kept"] == true)
}

fn numbers(found: &Found) -> Vec<usize> {
    found.ranked.iter().map(|ranked| ranked.number as usize).collect()
}

/// Where among the costs those of the sort stand.
fn values_column(settings: &IndexSettings) -> usize {
    let rules = rules_of(settings, &["year:asc".parse().unwrap()]);
    let before = rules.iter().take_while(|rule| !matches!(rule, Rule::Values(_)));
    before.map(|rule| if *rule == Rule::Exactness { 2 } else { 1 }).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn it_is_that_of_the_oracle(history in history(), asked in asked(), rules in rules(), typos in typos()) {
        let films = numbered(&history);
        let expected = Oracle { films: &films, asked: &asked, rules: &rules, typos }.ranked();
        let store = store(&history, &rules, typos);
        let found = search(&store, &asked, ALL, false);
        let ordered: Vec<usize> = expected.iter().map(|place| place.number).collect();
        prop_assert_eq!(numbers(&found), ordered, "{} by {:?}: {:#?}", asked.text(), &rules, (&expected, &found));
        prop_assert_eq!(found.total, expected.len());
        // What the values cost hangs on which documents they are compared in.
        let of_values = values_column(store.settings());
        for (ranked, place) in found.ranked.iter().zip(&expected) {
            let mut costs = ranked.costs.clone();
            costs.remove(of_values);
            prop_assert_eq!(costs, place.costs.concat(), "{} by {:?}", asked.text(), &rules);
        }
    }
}

/// Of so many that what comes first is told from the lists before the rest is made ready.
fn many() -> impl Strategy<Value = History> {
    let films = prop::collection::vec(film(), 5..60);
    films.prop_map(|films| (0..6_000).map(|id| (id, Some(films[id * 7_919 % films.len()].clone()))).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn one_word_in_many_documents_is_ranked_as_in_few(
        history in many(), asked in asked(), rules in rules(), sorted: bool, typos in typos(), offset in 0_usize..6_000,
    ) {
        let asked = Asked { parts: asked.parts.into_iter().take(1).collect(), ..asked };
        let rules: Vec<String> = rules.into_iter().filter(|rule| sorted || rule != "sort").collect();
        let films: Vec<Option<Film>> = history.iter().map(|(_, film)| film.clone()).collect();
        let expected = Oracle { films: &films, asked: &asked, rules: &rules, typos }.ranked();
        let store = store(&history, &rules, typos);
        let (text, sort) = (asked.text(), ["year:asc".parse().unwrap()]);
        for page in [ALL, Page::Window { offset, limit: 50 }] {
            let query = Query { text: &text, matching: asked.matching, sort: &sort, page, order_only: true };
            let found = store.search(&query, |_| true);
            prop_assert_eq!(found.total, expected.len());
            let slice: Vec<usize> = expected.iter().skip(page.offset()).take(page.limit()).map(|p| p.number).collect();
            let found = numbers(&found);
            let other = found.iter().zip(&slice).position(|(found, place)| found != place);
            prop_assert_eq!((other, found.len()), (None, slice.len()), "{} by {:?} at {:?}", asked.text(), &rules, page);
        }
    }
}

proptest! {
    #[test]
    fn pages_are_slices_and_totals_do_not_depend_on_them(
        history in history(), asked in asked(), typos in typos(), offset in 0_usize..6, limit in 0_usize..6,
    ) {
        let store = store(&history, &RULES.map(str::to_owned), typos);
        let all = search(&store, &asked, ALL, false);
        let page = search(&store, &asked, Page::Window { offset, limit }, false);
        let slice: Vec<usize> = numbers(&all).into_iter().skip(offset).take(limit).collect();
        prop_assert_eq!((numbers(&page), page.total), (slice, all.total));
    }

    #[test]
    fn a_filter_commutes_with_the_ranking(history in history(), asked in asked(), rules in rules(), typos in typos()) {
        let store = store(&history, &rules, typos);
        let mut all = numbers(&search(&store, &asked, ALL, false));
        all.retain(|number| store.at(*number as u32).unwrap().1["kept"] == true);
        let filtered = search(&store, &asked, ALL, true);
        prop_assert_eq!((numbers(&filtered), filtered.total), (all.clone(), all.len()));
    }

    #[test]
    fn a_history_leaves_nothing_behind(history in history(), asked in asked(), typos in typos()) {
        let rules = RULES.map(str::to_owned);
        let films = numbered(&history).into_iter().enumerate();
        let films: Vec<(usize, Film)> = films.filter_map(|(number, film)| Some((number, film?))).collect();
        let found = numbers(&search(&store(&history, &rules, typos), &asked, ALL, false));
        let afresh: History = films.iter().map(|(number, film)| (*number, Some(film.clone()))).collect();
        let again = numbers(&search(&store(&afresh, &rules, typos), &asked, ALL, false));
        let again: Vec<usize> = again.into_iter().map(|nth| films[nth].0).collect();
        prop_assert_eq!(again, found);
    }

    #[test]
    fn what_all_finds_comes_first_and_last_finds_it_too(history in history(), asked in asked(), typos in typos()) {
        let store = store(&history, &RULES.map(str::to_owned), typos);
        let of = |matching| search(&store, &Asked { matching, ..asked.clone() }, ALL, false);
        let all = numbers(&of(MatchingStrategy::All));
        for other in [MatchingStrategy::Last, MatchingStrategy::Frequency] {
            let other = numbers(&of(other));
            prop_assert_eq!(&other[..all.len()], &all);
        }
    }
}
