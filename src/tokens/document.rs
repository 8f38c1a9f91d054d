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
        match value {
            Value::Object(_) | Value::Array(_) => walk.inside(name, value),
            leaf => walk.value(name, leaf),
        }
    }
    // Attributes need not stand in the document as they do in the settings.
    walk.found.words.values_mut().filter(|places| !places.is_sorted()).for_each(|places| places.sort_unstable());
    walk.found
}

/// Where a field has got to.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    field: Field,
    /// The position of the last word that was kept, or where the first one stands.
    position: u32,
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
    /// What is nested in objects is a field of its own; elements of arrays go on counting in the field they are in. As Meilisearch has it,
    /// every value counts that a field has, also an empty one, and an array inside of an object.
    fn object(&mut self, base: &str, object: &Document) {
        if object.is_empty() {
            self.value(base, &Value::Null);
        }
        for (key, value) in object {
            let name = format!("{base}.{key}");
            self.value(&name, value);
            self.inside(&name, value);
        }
    }

    fn inside(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(object) => self.object(name, object),
            Value::Array(elements) => {
                if elements.is_empty() {
                    self.value(name, &Value::Null);
                }
                for element in elements {
                    match element {
                        Value::Object(_) | Value::Array(_) => self.inside(name, element),
                        leaf => self.value(name, leaf),
                    }
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, name: &str, value: &Value) {
        let Some(cursor) = self.cursor(name) else { return };
        match value {
            Value::String(text) => self.text(name, cursor, text),
            Value::Bool(_) | Value::Number(_) => self.text(name, cursor, &value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }

    fn text(&mut self, name: &str, mut cursor: Cursor, text: &str) {
        let mut position = cursor.position;
        // How far on the next word stands; nothing before the first one, whatever separators there are.
        let mut gap: Option<u32> = None;
        for token in self.tokenizer.cut(text, Purpose::Document) {
            match token.kind {
                TokenKind::Separator { hard } => {
                    gap = gap.map(|gap| if hard { HARD_STEP } else { gap.max(1) });
                }
                TokenKind::StopWord => {
                    position = position.saturating_add(gap.map_or(0, |gap| gap.max(1)));
                    gap = Some(0);
                }
                TokenKind::Word { step } => {
                    let on = match gap {
                        None => 0,
                        Some(0) => step,
                        Some(gap) => gap,
                    };
                    position = position.saturating_add(on);
                    gap = Some(0);
                    if self.found.add(token.text, cursor.field, position) {
                        cursor.position = position;
                    }
                }
            }
        }
        self.fields.insert(name.to_owned(), cursor);
    }

    /// Where the next value of a field begins: behind a gap, unless it is the first. `None` if the attribute is not searched.
    fn cursor(&mut self, name: &str) -> Option<Cursor> {
        if let Some(cursor) = self.fields.get_mut(name) {
            cursor.position = cursor.position.saturating_add(HARD_STEP);
            return Some(*cursor);
        }
        let rank = self.settings.attribute_rank(name)?;
        let nth = self.ranks.entry(rank).or_insert(0);
        let field = Field(rank as u32 * FIELDS_OF_A_RANK + (*nth).min(FIELDS_OF_A_RANK - 1));
        *nth += 1;
        let cursor = Cursor { field, position: 0 };
        self.fields.insert(name.to_owned(), cursor);
        Some(cursor)
    }
}

impl DocumentWords {
    /// Whether it is kept.
    fn add(&mut self, word: Cow<'_, str>, field: Field, position: u32) -> bool {
        if word.is_empty() || word.len() > LONGEST_WORD || position > LAST_POSITION {
            return false;
        }
        *self.lengths.entry(field).or_insert(0) += 1;
        let place = Place { field, position: position as u16 };
        match self.words.get_mut(&*word) {
            Some(places) => places.push(place),
            None => {
                self.words.insert(word.into_owned(), vec![place]);
            }
        }
        true
    }
}
