//! Which documents hold a word, and where: in memory, and as bytes.
//!
//! The places of a word in one document are bytes: for each field a number (twice its occurrences less one, and one more if another field
//! follows), the field, and the positions, each less the one before it. All numbers are of variable length, seven bits a byte.

use std::ops::Range;

use crate::tokens::{Field, Place};

/// Lists of documents with the places of a word in each, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Postings {
    documents: Vec<u64>,
    /// Where the places of each entry lie among the bytes.
    places: Vec<(u32, u32)>,
    bytes: Vec<u8>,
    lists: Vec<Range<u32>>,
}

impl Postings {
    /// Begins a list; documents are given to it in ascending order.
    pub fn begin_list(&mut self) -> usize {
        let end = self.documents.len() as u32;
        self.lists.push(end..end);
        self.lists.len() - 1
    }

    /// Adds a document to the list that was begun last, with its places as bytes.
    pub fn push(&mut self, document: u64, places: &[u8]) {
        let at = self.keep(places);
        self.push_kept(document, at..at + places.len());
    }

    /// Keeps bytes of which parts are places, and says where they begin.
    pub fn keep(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() - bytes.len()
    }

    /// Adds a document with places among the bytes that are kept.
    pub fn push_kept(&mut self, document: u64, places: Range<usize>) {
        self.documents.push(document);
        self.places.push((places.start as u32, places.end as u32));
        if let Some(list) = self.lists.last_mut() {
            list.end += 1;
        }
    }

    /// How many entries there are in all.
    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }

    /// The entries of a list.
    pub(super) fn entries(&self, list: usize) -> Range<u32> {
        self.lists.get(list).cloned().unwrap_or_default()
    }

    /// The document of an entry.
    pub(super) fn document(&self, entry: u32) -> u64 {
        self.documents[entry as usize]
    }

    /// The documents of a list, ascending.
    pub(super) fn documents(&self, list: usize) -> &[u64] {
        let entries = self.entries(list);
        &self.documents[entries.start as usize..entries.end as usize]
    }

    /// The entry of a document in a list.
    pub(super) fn entry_of(&self, list: usize, document: u64) -> Option<u32> {
        let entries = self.entries(list);
        let place = self.documents(list).binary_search(&document).ok()?;
        Some(entries.start + place as u32)
    }

    /// The documents of all lists, if there are not more entries than so many.
    pub(super) fn few(&self, most: usize) -> Option<Vec<u64>> {
        (self.documents.len() <= most).then(|| self.documents.clone())
    }

    /// The places of an entry as one number, if they are few bytes: equal numbers are equal places.
    pub(super) fn fingerprint(&self, entry: u32) -> Option<u64> {
        let (start, end) = self.places[entry as usize];
        let bytes = self.bytes.get(start as usize..end as usize)?;
        let number = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        (bytes.len() < 8).then(|| bytes.iter().fold(1, number))
    }

    /// The place of an entry that has only one, if its numbers are small, as most are; else it has to be read.
    pub(super) fn only_place(&self, entry: u32) -> Option<Place> {
        let (start, end) = self.places[entry as usize];
        match self.bytes.get(start as usize..end as usize)? {
            [0, field @ ..0x80, position @ ..0x80] => {
                Some(Place { field: Field(u32::from(*field)), position: u16::from(*position) })
            }
            _ => None,
        }
    }

    /// The places of an entry, ascending.
    pub(super) fn places(&self, entry: u32) -> Places<'_> {
        let (start, end) = self.places[entry as usize];
        Places::new(self.bytes.get(start as usize..end as usize).unwrap_or_default())
    }
}

/// Reads places. What is no such bytes ends it.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    bytes: &'a [u8],
    field: u32,
    position: u32,
    left: u32,
    more: bool,
}

impl<'a> Places<'a> {
    /// The places in bytes that [`encode`] has made.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, field: 0, position: 0, left: 0, more: true }
    }
}

impl Iterator for Places<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        if self.left == 0 {
            if !self.more {
                return None;
            }
            let header = read(&mut self.bytes)?;
            self.field = read(&mut self.bytes)? as u32;
            (self.left, self.more, self.position) = ((header >> 1) as u32 + 1, header & 1 == 1, 0);
        }
        self.left -= 1;
        self.position = self.position.saturating_add(read(&mut self.bytes)? as u32);
        Some(Place { field: Field(self.field), position: self.position.min(u32::from(u16::MAX)) as u16 })
    }
}

/// Places, ascending, as bytes.
pub fn encode(places: &[Place], bytes: &mut Vec<u8>) {
    let mut groups = places.chunk_by(|a, b| a.field == b.field).peekable();
    while let Some(group) = groups.next() {
        let more = u64::from(groups.peek().is_some());
        write(((group.len() as u64 - 1) << 1) | more, bytes);
        write(u64::from(group[0].field.0), bytes);
        let mut before = 0;
        for place in group {
            write(u64::from(place.position - before), bytes);
            before = place.position;
        }
    }
}

/// Appends a number.
pub fn write(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number off the front; `None` if there is none.
#[inline]
pub fn read(bytes: &mut &[u8]) -> Option<u64> {
    // Nearly all numbers are small.
    if let Some((byte, rest)) = bytes.split_first().filter(|(byte, _)| **byte < 0x80) {
        *bytes = rest;
        return Some(u64::from(*byte));
    }
    let mut number = 0;
    for (nth, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * nth);
        if byte & 0x80 == 0 {
            *bytes = &bytes[nth + 1..];
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_read_as_they_were_written(places in prop::collection::btree_set((0_u32..600, any::<u16>()), 1..40)) {
            let places: Vec<Place> = places.into_iter().map(|(field, position)| Place { field: Field(field), position }).collect();
            let mut bytes = Vec::new();
            encode(&places, &mut bytes);
            prop_assert_eq!(Places::new(&bytes).collect::<Vec<_>>(), places);
        }

        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(Places::new(&bytes).count() <= 40 * 2);
        }

        #[test]
        fn numbers_are_read_as_they_were_written(numbers in prop::collection::vec(any::<u64>(), 0..10)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| write(*number, &mut bytes));
            let mut rest = bytes.as_slice();
            let read: Vec<u64> = std::iter::from_fn(|| read(&mut rest)).collect();
            prop_assert_eq!(read, numbers);
        }
    }
}
