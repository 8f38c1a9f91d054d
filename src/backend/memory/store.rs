//! Documents by internal number, with the words they hold.
//!
//! New documents take the lowest free number and a replaced one keeps its own, as in Meilisearch: ties are decided by it.
//! A change is made in two steps, so that a server can do the long one (cutting words) while others still read.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;

use super::{tokens::Positions, vocabulary::Vocabulary};
use crate::document::{Document, DocumentId};

/// The documents of one index.
#[derive(Clone, Debug, Default)]
pub struct Store {
    searchable: Option<Arc<[String]>>,
    slots: Vec<Option<Slot>>,
    numbers: HashMap<DocumentId, u32>,
    free: BTreeSet<u32>,
    pub(super) words: Vocabulary,
}

/// One document in its place.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) id: DocumentId,
    pub(super) document: Arc<Document>,
    pub(super) tokens: Box<[Token]>,
}

/// A word in a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) word: u32,
    pub(super) attribute: u16,
    pub(super) position: u16,
}

/// A document cut into words, ready for [`Store::insert`].
#[derive(Debug)]
pub struct Prepared {
    id: DocumentId,
    document: Arc<Document>,
    words: Vec<(String, u16, u16)>,
}

impl Prepared {
    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }
}

impl Store {
    /// An empty store. `searchable` lists the attributes searched, best first; `None` is all of them, all alike.
    pub fn new(searchable: Option<&[String]>) -> Self {
        Self { searchable: searchable.map(Arc::from), ..Self::default() }
    }

    /// The same documents under the same numbers, searched by other attributes.
    pub fn with_searchable(&self, searchable: Option<&[String]>) -> Self {
        let mut changed = Self::new(searchable);
        changed.slots.resize_with(self.slots.len(), || None);
        changed.numbers.clone_from(&self.numbers);
        changed.free.clone_from(&self.free);
        for (_, slot) in self.slots() {
            changed.insert(changed.prepare(slot.id.clone(), Arc::clone(&slot.document)));
        }
        changed
    }

    /// Cuts a document into words. Reads nothing but the settings.
    pub fn prepare(&self, id: DocumentId, document: Arc<Document>) -> Prepared {
        let mut words = Vec::new();
        match self.searchable.as_deref() {
            None => {
                for (attribute, (_, value)) in (0u16..).zip(document.iter()) {
                    cut(value, attribute, &mut words);
                }
            }
            Some(searchable) => {
                for (attribute, path) in (0u16..).zip(searchable) {
                    if let Some(value) = lookup(&document, path) {
                        cut(value, attribute, &mut words);
                    }
                }
            }
        }
        Prepared { id, document, words }
    }

    /// Adds the document or puts it in the place of the one with its id.
    pub fn insert(&mut self, prepared: Prepared) {
        let Prepared { id, document, words } = prepared;
        let tokens = words
            .into_iter()
            .map(|(word, attribute, position)| Token { word: self.words.take(word), attribute, position })
            .collect();
        let number = match self.numbers.get(&id) {
            Some(number) => *number,
            None => {
                let number = self.free.pop_first().unwrap_or(self.slots.len() as u32);
                self.numbers.insert(id.clone(), number);
                number
            }
        };
        let slot = Some(Slot { id, document, tokens });
        let replaced = match self.slots.get_mut(number as usize) {
            Some(place) => std::mem::replace(place, slot),
            None => {
                self.slots.push(slot);
                None
            }
        };
        self.forget_words(replaced);
    }

    /// Removes a document and frees its number; whether there was one.
    pub fn remove(&mut self, id: &DocumentId) -> bool {
        let Some(number) = self.numbers.remove(id) else {
            return false;
        };
        self.free.insert(number);
        let removed = self.slots[number as usize].take();
        self.forget_words(removed);
        true
    }

    fn forget_words(&mut self, slot: Option<Slot>) {
        for token in slot.iter().flat_map(|slot| slot.tokens.iter()) {
            self.words.give_back(token.word);
        }
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The document with this id.
    pub fn get(&self, id: &DocumentId) -> Option<&Arc<Document>> {
        self.slots.get(*self.numbers.get(id)? as usize)?.as_ref().map(|slot| &slot.document)
    }

    /// The document with this internal number.
    pub fn at(&self, number: u32) -> Option<(&DocumentId, &Arc<Document>)> {
        self.slots.get(number as usize)?.as_ref().map(|slot| (&slot.id, &slot.document))
    }

    /// All documents in the order of their internal numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&DocumentId, &Arc<Document>)> {
        self.slots().map(|(_, slot)| (&slot.id, &slot.document))
    }

    /// All documents with their numbers, ascending.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u32, &Slot)> {
        (0u32..).zip(&self.slots).filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
    }

    /// How bad it is to be found in this attribute: its place in the list of searchable ones.
    pub(super) fn weight(&self, attribute: u16) -> u32 {
        if self.searchable.is_some() { u32::from(attribute) } else { 0 }
    }

    /// The weight of the last searchable attribute.
    pub(super) fn greatest_weight(&self) -> u32 {
        self.searchable.as_ref().map_or(0, |searchable| searchable.len().saturating_sub(1) as u32)
    }
}

/// The value at a path of field names joined by dots; a field whose own name holds the dots is found first.
fn lookup<'a>(document: &'a Document, path: &str) -> Option<&'a Value> {
    if let Some(value) = document.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    lookup(document.get(first)?.as_object()?, rest)
}

/// Appends the words of a value: text, numbers and booleans as their JSON text, arrays and objects element by element.
fn cut(value: &Value, attribute: u16, words: &mut Vec<(String, u16, u16)>) {
    let mut positions = Positions::default();
    walk(value, &mut positions, &mut |word, position| words.push((word, attribute, position)));
}

fn walk(value: &Value, positions: &mut Positions, emit: &mut impl FnMut(String, u16)) {
    match value {
        Value::Null => {}
        Value::String(text) => positions.walk(text, emit),
        Value::Bool(_) | Value::Number(_) => positions.walk(&value.to_string(), emit),
        Value::Array(elements) => {
            for element in elements {
                positions.next_element();
                walk(element, positions, emit);
            }
        }
        Value::Object(fields) => {
            for field in fields.values() {
                positions.next_element();
                walk(field, positions, emit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(store: &mut Store, id: &str) {
        let document = json!({ "id": id }).as_object().cloned().unwrap();
        store.insert(store.prepare(id.into(), Arc::new(document)));
    }

    fn order(store: &Store) -> Vec<&str> {
        store.iter().map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn new_documents_take_the_lowest_free_number_and_replaced_ones_keep_theirs() {
        let mut store = Store::new(None);
        for id in ["a", "b", "c", "d"] {
            put(&mut store, id);
        }
        assert!(store.remove(&"c".into()) && store.remove(&"a".into()));
        assert!(!store.remove(&"a".into()));
        for id in ["d", "e", "f", "g"] {
            put(&mut store, id);
        }
        assert_eq!(order(&store), ["e", "b", "f", "d", "g"]);
    }

    #[test]
    fn the_words_of_a_removed_or_replaced_document_are_forgotten() {
        let mut store = Store::new(None);
        for id in ["alpha", "beta"] {
            put(&mut store, id);
        }
        store.remove(&"alpha".into());
        assert!(!store.words.holds("alpha") && store.words.holds("beta"));
        put(&mut store, "beta");
        assert!(store.words.holds("beta"));
    }
}
