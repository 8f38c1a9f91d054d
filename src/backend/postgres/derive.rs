//! What a row holds beside the document: its facets as JSON and its words as the text of a `tsvector`.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};

use crate::{
    document::Document,
    filter::{Facet, facets},
    settings::IndexSettings,
    text::{LONGEST_WORD, decompose, words},
};

/// A `tsvector` holds a mebibyte; words that would not fit are left out.
const LARGEST_VECTOR: usize = 1_000_000;
/// Bytes of a word in a `tsvector` beside its letters, at most.
const WORD_OVERHEAD: usize = 16;
/// The weights of a `tsvector`, for the places of attributes.
pub(super) const WEIGHTS: [char; 4] = ['A', 'B', 'C', 'D'];

/// Settings made ready to derive rows under.
pub(super) struct Derivation<'a> {
    settings: &'a IndexSettings,
    stop_words: StopWords,
}

/// Which words are not searched for.
pub(super) struct StopWords(Vec<String>);

impl<'a> Derivation<'a> {
    pub(super) fn new(settings: &'a IndexSettings) -> Self {
        Self { settings, stop_words: StopWords::new(settings) }
    }

    /// The column `facets`.
    pub(super) fn facets(&self, document: &Document) -> Value {
        let facets = facets(document, |name| self.settings.has_facet(name));
        Value::Object(facets.into_iter().map(|(name, facet)| (storable(&name), json(facet))).collect())
    }

    /// The column `words`.
    pub(super) fn words(&self, document: &Document) -> String {
        let mut found = Words::default();
        for (key, value) in document {
            self.collect(key, value, &mut found);
        }
        let mut vector = String::new();
        for (word, ranks) in found.ranks {
            if !vector.is_empty() {
                vector.push(' ');
            }
            // Words are letters and digits: nothing to escape.
            vector.push('\'');
            vector.push_str(&word);
            vector.push('\'');
            for (rank, weight) in WEIGHTS.into_iter().enumerate().filter(|(rank, _)| ranks & (1 << rank) != 0) {
                let sign = if ranks & ((1 << rank) - 1) == 0 { ':' } else { ',' };
                vector.extend([sign, char::from(b'1' + rank as u8), weight]);
            }
        }
        vector
    }

    fn collect(&self, name: &str, value: &Value, found: &mut Words) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    self.collect(&format!("{name}.{key}"), value, found);
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| self.collect(name, element, found)),
            Value::Null => {}
            value => {
                let Some(rank) = self.settings.attribute_rank(name) else { return };
                let text = match value {
                    Value::String(text) => Cow::Borrowed(text),
                    other => Cow::Owned(other.to_string()),
                };
                let words = words(&text, |word| self.stop_words.has(word));
                words.into_iter().filter(|word| word.len() <= LONGEST_WORD).for_each(|word| found.add(word, rank));
            }
        }
    }
}

/// Words with the set of weights they have, one bit each.
#[derive(Default)]
struct Words {
    ranks: BTreeMap<String, u8>,
    bytes: usize,
}

impl Words {
    fn add(&mut self, word: String, rank: usize) {
        let bit = 1 << rank.min(WEIGHTS.len() - 1);
        if let Some(ranks) = self.ranks.get_mut(&word) {
            *ranks |= bit;
        } else if self.bytes + word.len() + WORD_OVERHEAD <= LARGEST_VECTOR {
            self.bytes += word.len() + WORD_OVERHEAD;
            self.ranks.insert(word, bit);
        }
    }
}

impl StopWords {
    pub(super) fn new(settings: &IndexSettings) -> Self {
        let mut all: Vec<String> = settings.stop_words.iter().map(|word| decompose(word)).collect();
        all.sort_unstable();
        Self(all)
    }

    /// Whether a decomposed word is one.
    pub(super) fn has(&self, word: &str) -> bool {
        self.0.binary_search_by(|stop| (**stop).cmp(word)).is_ok()
    }
}

/// Text that PostgreSQL can hold: it has no NUL.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn json(facet: Facet) -> Value {
    let mut members = Map::new();
    members.insert("exists".to_owned(), Value::Bool(true));
    if !facet.numbers.is_empty() {
        members.insert("numbers".to_owned(), facet.numbers.into());
    }
    if !facet.texts.is_empty() {
        members.insert("texts".to_owned(), facet.texts.into());
    }
    for (name, is_so) in [("null", facet.null), ("empty", facet.empty)] {
        if is_so {
            members.insert(name.to_owned(), Value::Bool(true));
        }
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: Value) -> IndexSettings {
        serde_json::from_value(value).unwrap()
    }

    fn document(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn words_carry_the_weights_of_their_attributes() {
        let settings = settings(json!({"searchableAttributes": ["t", "o.n", "x", "y", "z"], "stopWords": ["the"]}));
        let words = Derivation::new(&settings)
            .words(&document(json!({"z": "far", "t": "the Big", "o": {"n": ["big", 7], "m": "no"}, "y": true})));
        assert_eq!(words, "'7':2B 'big':1A,2B 'far':4D 'true':4D");
    }

    #[test]
    fn a_vector_stays_within_what_postgresql_takes() {
        let text: String = (0..200_000).map(|n| format!("{n} ")).collect();
        let settings = IndexSettings::default();
        let words = Derivation::new(&settings).words(&document(json!({"t": text, "u": "x".repeat(300)})));
        assert!(words.len() < 1_000_000 && !words.contains("xxx"));
    }

    #[test]
    fn facets_are_stored_without_nul() {
        let settings = settings(json!({"filterableAttributes": ["*"]}));
        let facets = Derivation::new(&settings).facets(&document(json!({"a\0": "B\0", "n": null, "l": [2, 1]})));
        let expected = json!({"a\u{fffd}": {"exists": true, "texts": ["b\u{fffd}"]},
            "n": {"exists": true, "null": true}, "l": {"exists": true, "numbers": [1.0, 2.0]}});
        assert_eq!(facets, expected);
    }
}
