//! From the text of a query to the words of the index that satisfy it.

use super::{
    distance::{allowance, level},
    tokens::{Piece, pieces},
    vocabulary::Vocabulary,
};

/// At most this many terms are read.
const MOST_TERMS: usize = 10;

/// One word of a query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) text: String,
    pub(super) position: u32,
    pub(super) prefix: bool,
}

/// That a word of the index satisfies a term.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) term: u8,
    /// 0 exact or prefix, 1 and 2 typos.
    pub(super) level: u8,
    /// Whether it is the very word of the query.
    pub(super) exact: bool,
}

/// Which words of the index satisfy which terms.
pub(super) struct Matches {
    /// By word number: where in `lists` its matches are, 0 for none.
    places: Vec<u32>,
    lists: Vec<Vec<Match>>,
}

/// Reads the terms of a query. The last is a prefix if nothing follows it.
pub(super) fn terms(text: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    let mut position = 0;
    let pieces = pieces(text);
    let last = pieces.len().saturating_sub(1);
    for (at, piece) in pieces.into_iter().enumerate() {
        match piece {
            Piece::Gap { hard } => position += 7 * hard,
            Piece::Word(_) if terms.len() == MOST_TERMS => break,
            Piece::Word(text) => {
                terms.push(Term { text, position, prefix: at == last });
                position += 1;
            }
        }
    }
    terms
}

impl Matches {
    /// Looks through the vocabulary once.
    pub(super) fn derive(terms: &[Term], words: &Vocabulary) -> Self {
        let needles: Vec<Vec<char>> = terms.iter().map(|term| term.text.chars().collect()).collect();
        let mut matches = Self { places: vec![0; words.len()], lists: vec![Vec::new()] };
        for (number, word) in words.live() {
            let list: Vec<Match> = (0u8..)
                .zip(terms)
                .zip(&needles)
                .filter_map(|((term, Term { prefix, .. }), needle)| {
                    let level = level(needle, word, *prefix, allowance(needle.len()))?;
                    Some(Match { term, level, exact: needle == word })
                })
                .collect();
            if !list.is_empty() {
                matches.places[number as usize] = matches.lists.len() as u32;
                matches.lists.push(list);
            }
        }
        matches
    }

    /// What a word of the index satisfies.
    pub(super) fn of(&self, word: u32) -> &[Match] {
        &self.lists[self.places[word as usize] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, u32, bool)> {
        terms(text).into_iter().map(|term| (term.text, term.position, term.prefix)).collect()
    }

    #[test]
    fn only_a_last_word_with_nothing_after_it_is_a_prefix() {
        assert_eq!(read(" Star wa"), [("star".into(), 0, false), ("wa".into(), 1, true)]);
        assert_eq!(read("star "), [("star".into(), 0, false)]);
    }

    #[test]
    fn every_hard_separator_moves_the_position_by_seven() {
        assert_eq!(read("?? hello")[0].1, 14);
        assert_eq!(read("alpha. beta")[1].1, 8);
    }

    #[test]
    fn ten_terms_are_read_and_the_tenth_is_no_prefix_when_more_follow() {
        let terms = terms("a b c d e f g h i j k");
        assert_eq!(terms.len(), 10);
        assert!(terms.iter().all(|term| !term.prefix));
    }
}
