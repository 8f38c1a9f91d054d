//! The words of a document: which, in which field, at which positions.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::{
    LONGEST_WORD,
    segment::Purpose,
    tokenizer::{TokenKind, Tokenizer},
};
use crate::{document::Document, settings::IndexSettings};

/// Words beyond this position are not indexed.
const LAST_POSITION: u32 = u16::MAX as u32;
/// How far apart the words on both sides of a hard separator, or of two array elements, stand.
const HARD_STEP: u32 = 8;
/// Fields that share a place among the searchable attributes: those nested in one.
const FIELDS_OF_A_RANK: u32 = 256;

/// A field of one document: its place among the searchable attributes, and which of those at that place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(pub u32);

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// In which field.
    pub field: Field,
    /// The position there, from 0.
    pub position: u16,
}

/// The words of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentWords {
    /// Each word with its places, ascending.
    pub words: BTreeMap<String, Vec<Place>>,
    /// How many words each field has.
    pub lengths: BTreeMap<Field, u32>,
}

impl Field {
    /// The place of its attribute among the searchable ones, from 0. If all are searched alike it means nothing.
    pub fn rank(self) -> u32 {
        self.0 / FIELDS_OF_A_RANK
    }
}

/// Cuts a document.
pub fn document_words(document: &Document, settings: &IndexSettings, tokenizer: &Tokenizer) -> DocumentWords {
    let mut walk =
        Walk { settings, tokenizer, fields: BTreeMap::new(), ranks: BTreeMap::new(), found: DocumentWords::default() };
    for (name, value) in document {
        walk.value(name, value, false);
    }
    walk.found
}

/// Where a field has got to.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    field: Field,
    last: Option<u32>,
    step: u32,
    /// Where its first word stands.
    begin: u32,
}

struct Walk<'a> {
    settings: &'a IndexSettings,
    tokenizer: &'a Tokenizer,
    fields: BTreeMap<String, Cursor>,
    /// Fields seen by the place of their attribute.
    ranks: BTreeMap<usize, u32>,
    found: DocumentWords,
}

impl Walk<'_> {
    /// Arrays go on counting in the field they are in; what is nested in objects is a field of its own.
    fn value(&mut self, name: &str, value: &Value, nested: bool) {
        match value {
            Value::Null => {}
            Value::Object(object) => {
                for (key, value) in object {
                    self.value(&format!("{name}.{key}"), value, true);
                }
            }
            Value::Array(elements) => {
                if nested {
                    // As Meilisearch has it: an array inside of an object begins behind a gap.
                    self.begin_behind_gap(name);
                }
                for element in elements {
                    self.value(name, element, nested);
                    self.next_element(name);
                }
            }
            Value::String(text) => self.text(name, text),
            Value::Bool(_) | Value::Number(_) => self.text(name, &value.to_string()),
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        let Some(mut cursor) = self.cursor(name) else { return };
        let tokens = self.tokenizer.cut(text, Purpose::Document);
        // As Meilisearch has it: what is separators only takes the place of a word.
        let separators = |kind| matches!(kind, TokenKind::Separator { .. });
        if !tokens.is_empty() && tokens.iter().all(|token| separators(token.kind)) {
            cursor.advance(1);
        }
        for token in tokens {
            match token.kind {
                TokenKind::Separator { hard: true } => cursor.step = HARD_STEP,
                TokenKind::Separator { hard: false } => cursor.step = cursor.step.max(1),
                TokenKind::StopWord => {
                    cursor.advance(1);
                }
                TokenKind::Word { step } => {
                    let position = cursor.advance(step);
                    self.found.add(token.text, cursor.field, position);
                }
            }
        }
        self.fields.insert(name.to_owned(), cursor);
    }

    fn next_element(&mut self, name: &str) {
        if let Some(cursor) = self.fields.get_mut(name).filter(|cursor| cursor.last.is_some()) {
            cursor.step = HARD_STEP;
        }
    }

    fn begin_behind_gap(&mut self, name: &str) {
        if let Some(mut cursor) = self.cursor(name).filter(|cursor| cursor.last.is_none()) {
            cursor.begin = HARD_STEP;
            self.fields.insert(name.to_owned(), cursor);
        }
    }

    /// `None` if the attribute is not searched.
    fn cursor(&mut self, name: &str) -> Option<Cursor> {
        if let Some(cursor) = self.fields.get(name) {
            return Some(*cursor);
        }
        let rank = self.settings.attribute_rank(name)?;
        let nth = self.ranks.entry(rank).or_insert(0);
        let field = Field(rank as u32 * FIELDS_OF_A_RANK + (*nth).min(FIELDS_OF_A_RANK - 1));
        *nth += 1;
        Some(Cursor { field, last: None, step: 0, begin: 0 })
    }
}

impl Cursor {
    /// The position of the next word.
    fn advance(&mut self, step: u32) -> u32 {
        let position = match self.last {
            // Leading separators cost nothing.
            None => self.begin,
            Some(last) => last.saturating_add(if self.step == 0 { step } else { self.step }),
        };
        self.last = Some(position);
        self.step = 0;
        position
    }
}

impl DocumentWords {
    fn add(&mut self, word: Cow<'_, str>, field: Field, position: u32) {
        if word.is_empty() || word.len() > LONGEST_WORD || position > LAST_POSITION {
            return;
        }
        *self.lengths.entry(field).or_insert(0) += 1;
        let place = Place { field, position: position as u16 };
        match self.words.get_mut(&*word) {
            Some(places) => places.push(place),
            None => {
                self.words.insert(word.into_owned(), vec![place]);
            }
        }
    }
}
