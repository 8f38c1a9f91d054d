//! Which documents hold a word, and where.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};

use crate::{
    ranking::{Fetched, LONGEST_FIELD, Postings, QueryGraph, Vocabulary, encode},
    tokens::{DocumentWords, Place},
};

/// Documents by their numbers, with the places of something in each.
type Entries = BTreeMap<u32, Box<[u8]>>;

/// The words of all documents.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    postings: BTreeMap<Arc<str>, Entries>,
    /// By number of words, the documents with a field of so many.
    lengths: BTreeMap<usize, Entries>,
    vocabulary: Vocabulary,
}

/// The words of one document, with their places as bytes.
#[derive(Debug)]
pub(super) struct Cut {
    words: Vec<(String, Box<[u8]>)>,
    lengths: BTreeMap<usize, Box<[u8]>>,
}

/// What a document is found under.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    words: Box<[Arc<str>]>,
    lengths: Box<[usize]>,
}

impl Cut {
    pub(super) fn new(found: DocumentWords) -> Self {
        let mut lengths: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
        for (field, length) in found.lengths {
            let length = length as usize;
            if length <= LONGEST_FIELD {
                lengths.entry(length).or_default().push(Place { field, position: 0 });
            }
        }
        let words = found.words.into_iter().map(|(word, places)| (word, bytes(&places)));
        let lengths = lengths.into_iter().map(|(length, places)| (length, bytes(&places)));
        Self { words: words.collect(), lengths: lengths.collect() }
    }
}

fn bytes(places: &[Place]) -> Box<[u8]> {
    let mut bytes = Vec::new();
    encode(places, &mut bytes);
    bytes.into()
}

impl Words {
    /// The words there are.
    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Adds a document that is not there.
    pub(super) fn add(&mut self, number: u32, cut: Cut) -> Held {
        let mut words = Vec::with_capacity(cut.words.len());
        for (word, places) in cut.words {
            let word = match self.postings.get_key_value(word.as_str()) {
                Some((known, _)) => Arc::clone(known),
                None => {
                    self.vocabulary.change(&word, true);
                    word.into()
                }
            };
            self.postings.entry(Arc::clone(&word)).or_default().insert(number, places);
            words.push(word);
        }
        let lengths = cut.lengths.keys().copied().collect();
        for (length, places) in cut.lengths {
            self.lengths.entry(length).or_default().insert(number, places);
        }
        Held { words: words.into(), lengths }
    }

    /// Takes out a document that was added under this number.
    pub(super) fn remove(&mut self, number: u32, held: &Held) {
        for word in &held.words {
            let Some(entries) = self.postings.get_mut(word) else { continue };
            entries.remove(&number);
            if entries.is_empty() {
                self.postings.remove(word);
                self.vocabulary.change(word, false);
            }
        }
        for length in &held.lengths {
            if let Some(entries) = self.lengths.get_mut(length) {
                entries.remove(&number);
            }
        }
    }

    /// The lists a query asks for.
    pub(super) fn fetch(&self, graph: &QueryGraph) -> Fetched {
        let mut fetched = Fetched::new(graph);
        let postings = &mut fetched.postings;
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (word, place) in graph.words.iter().zip(&mut fetched.words) {
            if let Some(entries) = self.postings.get(word.as_str()) {
                let list = list(postings, entries);
                known.insert(word, list);
                *place = Some(list);
            }
        }
        for (beginning, lists) in graph.beginnings.iter().zip(&mut fetched.beginnings) {
            let beginning = beginning.as_str();
            let behind = self.postings.range::<str, _>((Bound::Excluded(beginning), Bound::Unbounded));
            for (word, entries) in behind.take_while(|(word, _)| word.starts_with(beginning)) {
                lists.push(*known.entry(word).or_insert_with(|| list(postings, entries)));
            }
        }
        for length in 1..=graph.most_words().min(LONGEST_FIELD) {
            fetched.lengths[length] = self.lengths.get(&length).map(|entries| list(postings, entries));
        }
        fetched
    }
}

fn list(postings: &mut Postings, entries: &Entries) -> usize {
    let list = postings.begin_list();
    entries.iter().for_each(|(number, places)| postings.push(u64::from(*number), places));
    list
}
