//! What ranks one document, rule by rule; less is better.

use super::{
    query::{Match, Term},
    store::{Store, Token},
};

/// Where a document holds a word of one term.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrence {
    pub(super) level: u8,
    pub(super) exact: bool,
    pub(super) attribute: u16,
    pub(super) position: u16,
}

/// The rules in their default order. Derived ordering is the ranking, except that sort criteria stand between the
/// attribute and the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    /// `words`: terms dropped.
    pub(super) words: u32,
    /// `typo`: sum of levels.
    pub(super) typo: u32,
    /// `proximity`: 0 to 3 for each pair of neighbours.
    pub(super) proximity: u32,
    /// `attributeRank`: sum of the places of the best attributes.
    pub(super) attribute: u32,
    /// `wordPosition`: how far each word stands from where it stands in the query.
    pub(super) position: u32,
    /// `exactness`: 1 the whole attribute, 2 its start, 3 neither.
    pub(super) stage: u32,
    /// `exactness`: terms whose own word the document does not hold.
    pub(super) inexact: u32,
}

/// Reads the terms' occurrences out of a document; `found` has one list per term.
pub(super) fn collect<'a>(tokens: &[Token], of: impl Fn(u32) -> &'a [Match], found: &mut [Vec<Occurrence>]) {
    found.iter_mut().for_each(Vec::clear);
    for &Token { word, attribute, position } in tokens {
        for &Match { term, level, exact } in of(word) {
            found[usize::from(term)].push(Occurrence { level, exact, attribute, position });
        }
    }
}

/// The cost of a document for the terms in `kept` (ascending), of which it holds every one.
pub(super) fn cost(
    store: &Store,
    terms: &[Term],
    kept: &[usize],
    tokens: &[Token],
    found: &mut [Vec<Occurrence>],
) -> Cost {
    let mut typo = 0;
    for &term in kept {
        // From here on a term is judged by the words of its least level only.
        let least = found[term].iter().map(|occurrence| occurrence.level).min().unwrap_or_default();
        found[term].retain(|occurrence| occurrence.level == least);
        typo += u32::from(least);
    }
    let found = &*found;
    let neighbours = kept.windows(2).filter(|pair| terms[pair[0]].position + 1 == terms[pair[1]].position);
    let sum = |of: &dyn Fn(&Occurrence, u32) -> u32| -> u32 {
        let least = |term: usize| found[term].iter().map(|occurrence| of(occurrence, terms[term].position)).min();
        kept.iter().filter_map(|term| least(*term)).sum()
    };
    Cost {
        words: (terms.len() - kept.len()) as u32,
        typo,
        proximity: neighbours.map(|pair| proximity(&found[pair[0]], &found[pair[1]])).sum(),
        attribute: sum(&|occurrence, _| store.weight(occurrence.attribute)),
        position: sum(&|occurrence, wanted| displacement(occurrence.position, wanted)),
        stage: stage(store, terms, kept, tokens, found),
        inexact: sum(&|occurrence, _| u32::from(!occurrence.exact)),
    }
}

/// 0 directly after, 1 forward 2 or backward 1, 2 forward 3 or backward 2, 3 anything else.
fn proximity(left: &[Occurrence], right: &[Occurrence]) -> u32 {
    let pairs = left.iter().flat_map(|l| right.iter().map(move |r| (l, r)));
    let cost = |(l, r): (&Occurrence, &Occurrence)| match i32::from(r.position) - i32::from(l.position) {
        _ if l.attribute != r.attribute => 3,
        1 => 0,
        2 | -1 => 1,
        3 | -2 => 2,
        _ => 3,
    };
    pairs.map(cost).min().unwrap_or(3)
}

/// Positions far from the start count as the next power of two.
fn bucket(position: u32) -> u32 {
    match position {
        0..16 => position,
        16..24 => 24,
        _ => position.next_power_of_two(),
    }
}

/// The cost of standing at `position` rather than at `wanted`.
fn displacement(position: u16, wanted: u32) -> u32 {
    match bucket(u32::from(position)).abs_diff(wanted) {
        0 => 0,
        1 => 1,
        2..=4 => 2,
        5..=7 => 3,
        8..=11 => 4,
        12..=16 => 5,
        17..=24 => 6,
        25..=64 => 7,
        65..=256 => 8,
        257..=1024 => 9,
        _ => 10,
    }
}

/// Whether an attribute is, or starts with, the words of the query. Missing words at the end are forgiven.
fn stage(store: &Store, terms: &[Term], kept: &[usize], tokens: &[Token], found: &[Vec<Occurrence>]) -> u32 {
    let is_exact = |term: &&usize| {
        found[**term].iter().any(|occurrence| occurrence.level == 0) && store.words.holds(&terms[**term].text)
    };
    let exact: Vec<usize> = kept.iter().take_while(is_exact).copied().collect();
    let (Some(&last), Some(0)) = (exact.last(), exact.first()) else {
        return 3;
    };
    let gap_in_the_middle = last + 1 != exact.len() || kept[exact.len()..].iter().any(|term| is_exact(&term));
    let in_place = |term: &usize| {
        let wanted = bucket(terms[*term].position);
        found[*term].iter().any(|o| o.exact && bucket(u32::from(o.position)) == wanted)
    };
    if gap_in_the_middle || !exact.iter().all(in_place) {
        return 3;
    }
    let whole = terms[last].position as usize + 1;
    let holds = |attribute: u16, term: &usize| found[*term].iter().any(|o| o.exact && o.attribute == attribute);
    let attributes = found[0].iter().map(|occurrence| occurrence.attribute);
    let length = |attribute| tokens.iter().filter(|token| token.attribute == attribute).count();
    attributes
        .filter(|attribute| exact.iter().all(|term| holds(*attribute, term)))
        .map(|attribute| if length(attribute) == whole { 1 } else { 2 })
        .min()
        .unwrap_or(3)
}
