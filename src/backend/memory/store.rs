//! Documents by internal number, with the words they hold.
//!
//! New documents take the lowest free number and a replaced one keeps its own, as in Meilisearch: ties are decided by
//! it. A change is made in two steps, so that a server can do the long one (cutting words) while others still read.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::words::{Cut, Held, Words};
use crate::{
    document::{Document, DocumentId},
    ranking::Synonyms,
    settings::IndexSettings,
    tokens::{Segmenter, Tokenizer, document_words},
};

/// The documents of one index.
#[derive(Clone, Debug)]
pub struct Store {
    settings: Arc<IndexSettings>,
    segmenter: Option<Arc<dyn Segmenter>>,
    pub(super) tokenizer: Tokenizer,
    pub(super) synonyms: Arc<Synonyms>,
    slots: Vec<Option<Slot>>,
    numbers: HashMap<DocumentId, u32>,
    free: BTreeSet<u32>,
    pub(super) words: Words,
}

/// One document in its place.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) id: DocumentId,
    pub(super) document: Arc<Document>,
    held: Held,
}

/// A document cut into words, ready for [`Store::insert`].
#[derive(Debug)]
pub struct Prepared {
    id: DocumentId,
    document: Arc<Document>,
    cut: Cut,
}

impl Prepared {
    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }
}

impl Store {
    /// An empty store. `segmenter` cuts Chinese and Japanese; without one a run of characters is one word.
    pub fn new(settings: IndexSettings, segmenter: Option<Arc<dyn Segmenter>>) -> Self {
        let tokenizer = Tokenizer::new(&settings, segmenter.clone());
        Self {
            synonyms: Arc::new(Synonyms::new(&settings, &tokenizer)),
            settings: Arc::new(settings),
            segmenter,
            tokenizer,
            slots: Vec::new(),
            numbers: HashMap::new(),
            free: BTreeSet::new(),
            words: Words::default(),
        }
    }

    /// The settings it is searched under.
    pub fn settings(&self) -> &IndexSettings {
        &self.settings
    }

    /// The same documents under the same numbers and other settings. `None` if their words are the same under both:
    /// [`set_settings`](Self::set_settings) will do.
    pub fn rederived(&self, settings: &IndexSettings) -> Option<Self> {
        // Filters and sorts read the documents themselves.
        let mut same = settings.clone();
        same.filterable_attributes.clone_from(&self.settings.filterable_attributes);
        same.sortable_attributes.clone_from(&self.settings.sortable_attributes);
        if self.settings.derives_like(&same) {
            return None;
        }
        let mut changed = Self::new(settings.clone(), self.segmenter.clone());
        changed.slots.resize_with(self.slots.len(), || None);
        changed.numbers.clone_from(&self.numbers);
        changed.free.clone_from(&self.free);
        for (_, slot) in self.slots() {
            changed.insert(changed.prepare(slot.id.clone(), Arc::clone(&slot.document)));
        }
        Some(changed)
    }

    /// Goes on under other settings, which give documents the same words.
    pub fn set_settings(&mut self, settings: IndexSettings) {
        self.tokenizer = Tokenizer::new(&settings, self.segmenter.clone());
        self.synonyms = Arc::new(Synonyms::new(&settings, &self.tokenizer));
        self.settings = Arc::new(settings);
    }

    /// Cuts a document into words. Reads nothing but the settings.
    pub fn prepare(&self, id: DocumentId, document: Arc<Document>) -> Prepared {
        let cut = Cut::new(document_words(&document, &self.settings, &self.tokenizer));
        Prepared { id, document, cut }
    }

    /// Adds the document or puts it in the place of the one with its id.
    pub fn insert(&mut self, prepared: Prepared) {
        let Prepared { id, document, cut } = prepared;
        let number = match self.numbers.get(&id) {
            Some(number) => *number,
            None => {
                let number = self.free.pop_first().unwrap_or(self.slots.len() as u32);
                self.numbers.insert(id.clone(), number);
                number
            }
        };
        if number as usize == self.slots.len() {
            self.slots.push(None);
        }
        let Some(place) = self.slots.get_mut(number as usize) else { return };
        if let Some(replaced) = place.take() {
            self.words.remove(number, &replaced.held);
        }
        let held = self.words.add(number, cut);
        *place = Some(Slot { id, document, held });
    }

    /// Removes a document and frees its number; whether there was one.
    pub fn remove(&mut self, id: &DocumentId) -> bool {
        let Some(number) = self.numbers.remove(id) else {
            return false;
        };
        self.free.insert(number);
        if let Some(removed) = self.slots.get_mut(number as usize).and_then(Option::take) {
            self.words.remove(number, &removed.held);
        }
        true
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
        let mut store = Store::new(IndexSettings::default(), None);
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
        let mut store = Store::new(IndexSettings::default(), None);
        for id in ["alpha", "beta"] {
            put(&mut store, id);
        }
        store.remove(&"alpha".into());
        let holds = |store: &Store, word| store.words.vocabulary().holds(word);
        assert!(!holds(&store, "alpha") && holds(&store, "beta"));
        put(&mut store, "beta");
        assert!(holds(&store, "beta"));
    }

    #[test]
    fn documents_are_derived_anew_when_their_words_change() {
        let mut store = Store::new(IndexSettings::default(), None);
        put(&mut store, "alpha");
        let sortable = IndexSettings { sortable_attributes: vec!["id".into()], ..IndexSettings::default() };
        assert!(store.rederived(&sortable).is_none());
        let other = IndexSettings { searchable_attributes: vec!["title".into()], ..IndexSettings::default() };
        let changed = store.rederived(&other).unwrap();
        assert!(changed.words.vocabulary().is_empty() && changed.get(&"alpha".into()).is_some());
    }
}
