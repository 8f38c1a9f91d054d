//! What becomes of the entries of words when documents change.

use std::collections::HashMap;

use super::fold::Noted;
use crate::{
    backend::postgres::{error::internal, words},
    error::BackendError,
};

/// Changes of entries, in the order of their words and ordinals.
#[derive(Debug, Default)]
pub(super) struct Changes {
    words: Vec<String>,
    changes: Vec<Change>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    word: u32,
    ordinal: i64,
    /// Whether the entry goes.
    gone: bool,
    /// Where its places lie.
    places: (u32, u32),
}

/// The changes of one word: the ordinal of each entry, and its places unless it goes.
pub(super) type OfWord<'a> = (&'a str, Vec<(i64, Option<&'a [u8]>)>);

impl Changes {
    pub(super) fn new(noted: &[Noted]) -> Result<Self, BackendError> {
        let mut changes = Self::default();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        // First what goes: a number may have passed from one document to another.
        for (ordinal, old, ..) in noted {
            changes.add(*ordinal, old.as_deref(), true, &mut numbers)?;
        }
        for (_, _, ordinal, new, _) in noted {
            changes.add(*ordinal, new.as_deref(), false, &mut numbers)?;
        }
        changes.put_in_order();
        Ok(changes)
    }

    fn add(
        &mut self,
        ordinal: Option<i64>,
        packed: Option<&[u8]>,
        gone: bool,
        numbers: &mut HashMap<String, u32>,
    ) -> Result<(), BackendError> {
        let (Some(ordinal), Some(packed)) = (ordinal, packed) else { return Ok(()) };
        words::each(packed, |word, places| {
            let number = match numbers.get(word) {
                Some(number) => *number,
                None => {
                    self.words.push(word.to_owned());
                    numbers.insert(word.to_owned(), self.words.len() as u32 - 1);
                    self.words.len() as u32 - 1
                }
            };
            let start = self.bytes.len() as u32;
            self.bytes.extend_from_slice(places);
            self.changes.push(Change { word: number, ordinal, gone, places: (start, self.bytes.len() as u32) });
        })
        .ok_or_else(|| {
            internal("folding changes into the postings: the words of a document are damaged; derive them again")
        })
    }

    /// Of an entry that goes and comes, only the coming is left; nothing if it comes as it was.
    fn put_in_order(&mut self) {
        let mut order: Vec<u32> = (0..self.words.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.words[*a as usize].cmp(&self.words[*b as usize]));
        let mut ranks = vec![0; order.len()];
        (0u32..).zip(&order).for_each(|(rank, number)| ranks[*number as usize] = rank);
        self.words = order.iter().map(|number| std::mem::take(&mut self.words[*number as usize])).collect();
        self.changes.iter_mut().for_each(|change| change.word = ranks[change.word as usize]);
        // What goes comes before what comes.
        self.changes.sort_unstable_by_key(|change| (change.word, change.ordinal, !change.gone));
        let same = |a: &Change, b: &Change| (a.word, a.ordinal) == (b.word, b.ordinal);
        let bytes = &self.bytes;
        let places = |change: &Change| &bytes[change.places.0 as usize..change.places.1 as usize];
        let left = self.changes.chunk_by(same).filter_map(|entry| match entry {
            [first, .., last] if first.gone && !last.gone && places(first) == places(last) => None,
            entry => entry.last().copied(),
        });
        self.changes = left.collect();
    }

    /// The changes word by word, those of `most` words at a time.
    pub(super) fn chunks(&self, most: usize) -> impl Iterator<Item = Vec<OfWord<'_>>> {
        let of_word = |changes: &[Change]| -> OfWord<'_> {
            let entry = |change: &Change| {
                let places = &self.bytes[change.places.0 as usize..change.places.1 as usize];
                (change.ordinal, (!change.gone).then_some(places))
            };
            (self.words[changes[0].word as usize].as_str(), changes.iter().map(entry).collect())
        };
        let mut words = self.changes.chunk_by(|a, b| a.word == b.word);
        std::iter::from_fn(move || {
            let some: Vec<OfWord<'_>> = words.by_ref().take(most).map(of_word).collect();
            (!some.is_empty()).then_some(some)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backend::postgres::words::pack,
        filter::Facets,
        tokens::{DocumentWords, Field, Place},
    };

    fn packed(words: &[(&str, u16)]) -> Option<Vec<u8>> {
        let mut all = DocumentWords::default();
        for (word, position) in words {
            all.words.entry((*word).to_owned()).or_default().push(Place { field: Field(0), position: *position });
        }
        Some(pack(&all, &Facets::new()))
    }

    #[test]
    fn what_stays_as_it_was_is_no_change_and_numbers_may_pass_on() {
        let noted: Vec<Noted> = vec![
            (Some(1), packed(&[("a", 0), ("b", 1)]), Some(1), packed(&[("a", 0), ("c", 1)]), vec![1]),
            (Some(2), packed(&[("a", 5)]), None, None, vec![2]),
            (None, None, Some(2), packed(&[("a", 7)]), vec![3]),
        ];
        let changes = Changes::new(&noted).unwrap();
        let found: Vec<(String, Vec<(i64, bool)>)> = changes
            .chunks(10)
            .flatten()
            .map(|(word, of_word)| {
                (word.to_owned(), of_word.iter().map(|(at, places)| (*at, places.is_some())).collect())
            })
            .collect();
        // The word of all documents has changed as little.
        let expected = [("a", vec![(2, true)]), ("b", vec![(1, false)]), ("c", vec![(1, true)])];
        assert_eq!(found, expected.map(|(word, changes)| (word.to_owned(), changes)));
    }
}
