//! Which words of the index stand for a word of the query.

use std::{collections::HashMap, sync::LazyLock};

use levenshtein_automata::LevenshteinAutomatonBuilder;

use super::vocabulary::Vocabulary;
use crate::{
    settings::{IndexSettings, TypoTolerance},
    tokens::{LONGEST_WORD, Purpose, TokenKind, Tokenizer},
};

/// Words with one typo that are taken, in the order of their bytes.
const MOST_WITH_ONE_TYPO: usize = 150;
/// Words with two.
const MOST_WITH_TWO_TYPOS: usize = 50;
/// Words with a prefix.
const MOST_WITH_PREFIX: usize = 1_000;
/// A prefix of so many bytes at most, of so many words at least, stands for all of them.
const SHORT_PREFIX: (usize, usize) = (4, 100);
/// Synonyms of a word.
const MOST_SYNONYM_PHRASES: usize = 50;
/// Words of all synonyms of one word.
const MOST_SYNONYM_WORDS: usize = 100;

/// Automata for one typo and for two; a swap of neighbours is one.
static TYPOS: LazyLock<[LevenshteinAutomatonBuilder; 2]> =
    LazyLock::new(|| [1, 2].map(|typos| LevenshteinAutomatonBuilder::new(typos, true)));

/// Settings and words of an index, made ready to derive under.
#[derive(Debug)]
pub struct Deriver<'a> {
    vocabulary: &'a Vocabulary,
    typos: &'a TypoTolerance,
    synonyms: &'a Synonyms,
}

/// The synonyms of an index, cut into words.
#[derive(Clone, Debug, Default)]
pub struct Synonyms(HashMap<Vec<String>, Vec<Vec<String>>>);

/// What stands for a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Itself, if the index has it.
    pub(super) own: Option<String>,
    /// What begins with it.
    pub(super) prefixed: Vec<String>,
    /// It, as a beginning of so many words that they are not counted.
    pub(super) beginning: Option<String>,
    pub(super) one_typo: Vec<String>,
    pub(super) two_typos: Vec<String>,
    pub(super) synonyms: Vec<Vec<String>>,
    /// Two words of the index it may be cut into.
    pub(super) splits: Vec<(String, String)>,
}

impl Synonyms {
    /// Cuts the synonyms of the settings.
    pub fn new(settings: &IndexSettings, tokenizer: &Tokenizer) -> Self {
        let words = |text: &str| -> Vec<String> {
            let tokens = tokenizer.cut(text, Purpose::Query).into_iter();
            tokens
                .filter(|token| matches!(token.kind, TokenKind::Word { .. }))
                .map(|token| token.text.into_owned())
                .collect()
        };
        let mut synonyms: HashMap<Vec<String>, Vec<Vec<String>>> = HashMap::new();
        for (key, values) in &settings.synonyms {
            let known = synonyms.entry(words(key)).or_default();
            for value in values.iter().map(|value| words(value)).filter(|value| !value.is_empty()) {
                if !known.contains(&value) {
                    known.push(value);
                }
            }
        }
        synonyms.remove(&Vec::new());
        Self(synonyms)
    }

    /// Those of a word; of joined words those of each way to write them, of which only the one as a word is limited.
    fn of(&self, parts: &[&str], word: &str) -> Vec<Vec<String>> {
        // Most indexes have none.
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut words = 0;
        let few = |synonym: &&Vec<String>| {
            let fits = words + synonym.len() <= MOST_SYNONYM_WORDS;
            words += if fits { synonym.len() } else { 0 };
            fits
        };
        let of_word = self.0.get([word.to_owned()].as_slice()).into_iter().flatten();
        let mut taken: Vec<Vec<String>> = of_word.take(MOST_SYNONYM_PHRASES).filter(few).cloned().collect();
        if parts.len() > 1 {
            let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            let more = self.0.get(&parts).into_iter().flatten();
            taken.extend(more.filter(|synonym| !taken.contains(synonym)).cloned().collect::<Vec<_>>());
        }
        taken
    }
}

impl<'a> Deriver<'a> {
    /// Settings and words.
    pub fn new(vocabulary: &'a Vocabulary, settings: &'a IndexSettings, synonyms: &'a Synonyms) -> Self {
        Self { vocabulary, typos: &settings.typo_tolerance, synonyms }
    }

    /// What stands for words that are joined to one, which is the beginning of a word if it is `open`.
    pub(super) fn derive(&self, parts: &[&str], open: bool) -> Found {
        let word = parts.concat();
        if word.len() > LONGEST_WORD {
            return Found::default();
        }
        let mut found = Found { synonyms: self.synonyms.of(parts, &word), ..Found::default() };
        found.own = self.vocabulary.holds(&word).then(|| word.clone());
        if open {
            self.beginnings(&word, &mut found);
        }
        if parts.len() > 1 {
            found.own = found.own.filter(|own| self.is_a_target(own));
            found.prefixed.retain(|longer| self.is_a_target(longer));
        }
        match self.allowance(&word, parts.len()) {
            0 => {}
            1 => self.one_typo(&word, open, &mut found),
            _ => self.two_typos(&word, open, &mut found),
        }
        found.splits = self.splits(&word);
        found
    }

    /// How many typos it may have. As Meilisearch has it, also a number, which is then no typo of another word only.
    pub(super) fn allowance(&self, word: &str, parts: usize) -> u8 {
        if !self.typos.enabled || self.typos.disable_on_words.iter().any(|exact| exact == word) {
            return 0;
        }
        let letters = word.chars().count();
        let size = self.typos.min_word_size_for_typos;
        let allowance = match letters {
            letters if letters < usize::from(size.one_typo) => 0u8,
            letters if letters < usize::from(size.two_typos) => 1,
            _ => 2,
        };
        allowance.saturating_sub(parts as u8 - 1)
    }

    fn beginnings(&self, word: &str, found: &mut Found) {
        let short = word.len() <= SHORT_PREFIX.0;
        self.vocabulary.beginning_with(word, |longer| {
            if longer != word {
                found.prefixed.push(longer.to_owned());
            }
            !(short && found.prefixed.len() >= SHORT_PREFIX.1) && found.prefixed.len() < MOST_WITH_PREFIX
        });
        if short && found.prefixed.len() + usize::from(found.own.is_some()) >= SHORT_PREFIX.1 {
            found.prefixed.clear();
            found.beginning = Some(word.to_owned());
        }
    }

    /// The first letter must be right.
    fn one_typo(&self, word: &str, open: bool, found: &mut Found) {
        let dfa = if open { TYPOS[0].build_prefix_dfa(word) } else { TYPOS[0].build_dfa(word) };
        self.vocabulary.like(&dfa, word.chars().next(), |other, typos| {
            if typos == 1 && self.is_a_target(other) {
                found.one_typo.push(other.to_owned());
            }
            found.one_typo.len() < MOST_WITH_ONE_TYPO
        });
    }

    /// A wrong first letter counts as two, and is then the only one.
    fn two_typos(&self, word: &str, open: bool, found: &mut Found) {
        let dfa = if open { TYPOS[1].build_prefix_dfa(word) } else { TYPOS[1].build_dfa(word) };
        let first = word.chars().next();
        self.vocabulary.like(&dfa, None, |other, typos| {
            let (one, two) = (found.one_typo.len(), found.two_typos.len());
            if one >= MOST_WITH_ONE_TYPO && two >= MOST_WITH_TWO_TYPOS {
                return false;
            }
            if !self.is_a_target(other) {
                return true;
            }
            let right = other.chars().next() == first;
            match (typos, right) {
                // As Meilisearch has it: when there is no room for another word with a wrong first letter, it counts as one typo.
                (1, false) if two < MOST_WITH_TWO_TYPOS => found.two_typos.push(other.to_owned()),
                (1, _) if one < MOST_WITH_ONE_TYPO => found.one_typo.push(other.to_owned()),
                (2, true) if two < MOST_WITH_TWO_TYPOS => found.two_typos.push(other.to_owned()),
                _ => {}
            }
            true
        });
    }

    /// Whether it is found by other words than itself and its beginnings. A number in the query may still have typos.
    fn is_a_target(&self, word: &str) -> bool {
        !(self.typos.disable_on_numbers
            && word.chars().all(|letter| letter.is_numeric() || letter.is_ascii_punctuation()))
    }

    fn splits(&self, word: &str) -> Vec<(String, String)> {
        let cuts = word.char_indices().skip(1).map(|(at, _)| word.split_at(at));
        cuts.filter(|(left, right)| self.vocabulary.holds(left) && self.vocabulary.holds(right))
            .map(|(left, right)| (left.to_owned(), right.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn derive(words: &[&str], settings: serde_json::Value, parts: &[&str], open: bool) -> Found {
        let vocabulary = Vocabulary::new(words.iter().map(|word| (*word).to_owned()).collect());
        let settings: IndexSettings = serde_json::from_value(settings).unwrap();
        let synonyms = Synonyms::new(&settings, &Tokenizer::new(&settings, None));
        Deriver::new(&vocabulary, &settings, &synonyms).derive(parts, open)
    }

    #[test]
    fn short_words_have_no_typos_and_longer_ones_one_or_two() {
        let words = [
            "fast",
            "fasts",
            "tower",
            "towel",
            "power",
            "twoer",
            "wonderful",
            "wonderfull",
            "xonderful",
            "wnderfl",
            "yonderfull",
        ];
        let found = |word: &str| derive(&words, json!({}), &[word], false);
        assert_eq!(found("fask"), Found::default());
        assert_eq!(found("tower").one_typo, ["towel", "twoer"]);
        let wonderful = found("wonderful");
        assert_eq!(
            (wonderful.one_typo, wonderful.two_typos),
            (vec!["wonderfull".into()], vec!["wnderfl".to_owned(), "xonderful".into()])
        );
    }

    /// As a Meilisearch 1.50 server answered.
    #[test]
    fn a_number_that_is_no_typo_may_still_have_one() {
        let settings = json!({"typoTolerance": {"disableOnNumbers": true}});
        let found = derive(&["1234x5", "12346"], settings, &["12345"], false);
        assert_eq!(found.one_typo, ["1234x5"]);
    }

    #[test]
    fn the_last_word_finds_what_begins_with_it_or_nearly() {
        let words = ["alp", "alpha", "alphabet", "alphas", "alhpabet", "beta"];
        let found = derive(&words, json!({}), &["alpha"], true);
        assert_eq!((found.own.as_deref(), found.prefixed.len()), (Some("alpha"), 2));
        assert_eq!(found.one_typo, ["alhpabet"]);
        let many: Vec<String> = (0..150).map(|n| format!("ab{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let found = derive(&many, json!({}), &["ab"], true);
        assert_eq!((found.beginning.as_deref(), found.prefixed.len()), (Some("ab"), 0));
    }

    #[test]
    fn joined_words_may_have_fewer_typos() {
        let words = ["sunflower", "sunflowers", "sun", "flower", "sunf", "lower"];
        let found = derive(&words, json!({}), &["sun", "flower"], false);
        assert_eq!(
            (found.own.as_deref(), found.one_typo.as_slice()),
            (Some("sunflower"), &["sunflowers".to_owned()][..])
        );
    }

    #[test]
    fn synonyms_are_of_the_exact_words() {
        let settings = json!({"synonyms": {"New York": ["nyc", "big apple"], "nyc": ["new york"]}});
        assert_eq!(
            derive(&[], settings.clone(), &["new", "york"], false).synonyms,
            [vec!["nyc".to_owned()], vec!["big".into(), "apple".into()]]
        );
        assert_eq!(derive(&[], settings.clone(), &["nyc"], false).synonyms, [["new", "york"]]);
        assert!(derive(&[], settings, &["ny"], true).synonyms.is_empty());
    }
}
