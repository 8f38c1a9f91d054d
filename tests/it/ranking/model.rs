//! Small documents and queries, and what they come to.

use crossfade::{document::Document, search::MatchingStrategy};
use proptest::prelude::*;
use serde_json::json;

/// Words, each with whether a sentence ends behind it.
pub(crate) type Text = Vec<(String, bool)>;

/// A document: two searched fields, one to sort by, one to filter by.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    pub(crate) fields: [Text; 2],
    pub(crate) year: u32,
    pub(crate) kept: bool,
}

/// One thing that is looked for, and whether a sentence ends behind it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) words: Vec<String>,
    pub(crate) phrase: bool,
    pub(crate) hard: bool,
}

/// A query.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) parts: Vec<Part>,
    /// A word that no document may hold.
    pub(crate) without: Option<String>,
    /// Whether a space follows.
    pub(crate) space: bool,
    pub(crate) matching: MatchingStrategy,
}

/// Where a word stands: the field and the position.
pub(crate) type Spot = (usize, u32);

impl Film {
    pub(crate) fn document(&self, id: usize) -> Document {
        let [title, body] = self.fields.each_ref().map(text);
        let document = json!({ "id": id, "title": title, "body": body, "year": self.year, "kept": self.kept });
        document.as_object().cloned().unwrap()
    }

    /// All words with their places.
    pub(crate) fn words(&self) -> Vec<(&str, Spot)> {
        let mut words = Vec::new();
        for (field, text) in self.fields.iter().enumerate() {
            let mut position = 0;
            for (word, hard) in text {
                words.push((word.as_str(), (field, position)));
                position += if *hard { 8 } else { 1 };
            }
        }
        words
    }

    pub(crate) fn places(&self, wanted: &str) -> Vec<Spot> {
        self.words().into_iter().filter(|(word, _)| *word == wanted).map(|(_, place)| place).collect()
    }

    /// Whether words stand side by side.
    pub(crate) fn holds(&self, words: &[String]) -> bool {
        match words {
            [left, right] => {
                let rights = self.places(right);
                self.places(left).into_iter().any(|(field, position)| rights.contains(&(field, position + 1)))
            }
            words => words.iter().all(|word| !self.places(word).is_empty()),
        }
    }
}

impl Asked {
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (nth, Part { words, phrase, hard }) in self.parts.iter().enumerate() {
            let words = words.join(" ");
            text += &if *phrase { format!("\"{words}\"") } else { words };
            if nth + 1 < self.parts.len() {
                text += if *hard { ". " } else { " " };
            }
        }
        if let Some(without) = &self.without {
            text += &format!(" -{without}");
        }
        if self.space { text + " " } else { text }
    }

    /// Where each part begins.
    pub(crate) fn positions(&self) -> Vec<u32> {
        let mut at = 0;
        let mut positions = Vec::new();
        for part in &self.parts {
            positions.push(at);
            at += part.words.len() as u32 + if part.hard { 7 } else { 0 };
        }
        positions
    }

    /// Whether the last word may be the beginning of one.
    pub(crate) fn is_open(&self) -> bool {
        !self.space && self.without.is_none() && !self.parts.last().unwrap().phrase
    }
}

fn text(words: &Text) -> String {
    let last = words.len().saturating_sub(1);
    let parts = words.iter().enumerate().map(|(nth, (word, hard))| match (nth == last, hard) {
        (true, _) => word.clone(),
        (false, true) => format!("{word}. "),
        (false, false) => format!("{word} "),
    });
    parts.collect()
}

pub(crate) fn word() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[ab]", 3 => "[ab]{2}", 3 => "[ab]{3}", 1 => "[abc]{4}"]
}

pub(crate) fn film() -> impl Strategy<Value = Film> {
    let text = || prop::collection::vec((word(), prop::bool::weighted(0.25)), 0..7);
    let fields = (text(), text());
    (fields, 0_u32..3, any::<bool>()).prop_map(|((a, b), year, kept)| Film { fields: [a, b], year, kept })
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let plain = word().prop_map(|word| (vec![word], false));
    let phrase = ["[ab]{1,2}", "[ab]{1,2}"].prop_map(|words| (words.to_vec(), true));
    let part = (prop_oneof![4 => plain, 1 => phrase], prop::bool::weighted(0.1));
    let part = part.prop_map(|((words, phrase), hard)| Part { words, phrase, hard });
    let matching =
        prop_oneof![Just(MatchingStrategy::Last), Just(MatchingStrategy::All), Just(MatchingStrategy::Frequency)];
    let without = prop::option::weighted(0.15, word());
    (prop::collection::vec(part, 1..4), without, any::<bool>(), matching)
        .prop_map(|(parts, without, space, matching)| Asked { parts, without, space, matching })
}
