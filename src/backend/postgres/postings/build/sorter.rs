//! Entries put in the order of their words, on the disk: any number of documents, in memory of a fixed size.
//!
//! Documents come in the order of their ordinals, so the entries of a word need no sorting. Once there are many they are written out, word by
//! word, as a *run*; [`Runs`] then reads all runs side by side. A run is records, one after the other: how many bytes the word has, the
//! word, how many bytes its entries have, and the entries (see [`each`]). A word with many has several records.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
};

use super::runs::Runs;
use crate::ranking::{read, write};

/// Bytes that are held in memory, about.
const MOST: usize = 8 << 20;
/// What a word takes beside its entries: its text, its place in the map, the room that its entries have to grow into.
const WORD: usize = 150;
/// Bytes of entries of a record, about: so much is read again of each run at a time.
const RECORD: usize = 16 << 10;

/// Takes entries in the order of their ordinals.
#[derive(Debug)]
pub(super) struct Sorter {
    words: HashMap<Box<str>, Entries>,
    bytes: usize,
    most: usize,
    /// Has no name: whatever ends the process, nothing is left of it.
    file: File,
    /// Where each run ends.
    ends: Vec<u64>,
}

/// The entries of a word.
#[derive(Debug, Default)]
struct Entries {
    /// The last ordinal.
    last: u64,
    bytes: Vec<u8>,
    /// Where the last record begins; and where those before it do.
    record: usize,
    records: Vec<usize>,
}

impl Sorter {
    pub(super) fn new() -> io::Result<Self> {
        Self::of(MOST)
    }

    /// One that holds so many bytes.
    pub(super) fn of(most: usize) -> io::Result<Self> {
        Ok(Self { words: HashMap::new(), bytes: 0, most, file: tempfile::tempfile()?, ends: Vec::new() })
    }

    /// Takes an entry. No ordinal is below one that was given before.
    pub(super) fn add(&mut self, word: &str, ordinal: u64, places: &[u8]) {
        let entries = match self.words.get_mut(word) {
            Some(entries) => entries,
            None => {
                self.bytes += WORD;
                self.words.entry(word.into()).or_default()
            }
        };
        let before = entries.bytes.len();
        entries.add(ordinal, places);
        self.bytes += entries.bytes.len() - before;
    }

    /// Writes out what is in memory, if that is much.
    pub(super) fn spill_if_full(&mut self) -> io::Result<()> {
        if self.bytes < self.most { Ok(()) } else { self.spill() }
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut words: Vec<(Box<str>, Entries)> = std::mem::take(&mut self.words).into_iter().collect();
        words.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut end = self.ends.last().copied().unwrap_or(0);
        let mut file = BufWriter::new(&self.file);
        let mut head = Vec::new();
        for (word, entries) in words {
            for record in entries.records() {
                head.clear();
                write(word.len() as u64, &mut head);
                head.extend_from_slice(word.as_bytes());
                write(record.len() as u64, &mut head);
                file.write_all(&head)?;
                file.write_all(record)?;
                end += (head.len() + record.len()) as u64;
            }
        }
        file.flush()?;
        drop(file);
        self.ends.push(end);
        self.bytes = 0;
        Ok(())
    }

    /// Everything, word by word.
    pub(super) fn sorted(mut self) -> io::Result<Runs> {
        self.spill()?;
        Runs::new(self.file, &self.ends)
    }
}

impl Entries {
    fn add(&mut self, ordinal: u64, places: &[u8]) {
        if self.bytes.len() - self.record >= RECORD {
            self.records.push(self.record);
            (self.record, self.last) = (self.bytes.len(), 0);
        }
        write(ordinal.saturating_sub(self.last), &mut self.bytes);
        write(places.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(places);
        self.last = ordinal;
    }

    /// The bytes of each record.
    fn records(&self) -> impl Iterator<Item = &[u8]> {
        let begins = self.records.iter().copied().chain([self.record]);
        let ends = self.records.iter().copied().skip(1).chain([self.record, self.bytes.len()]);
        // Without records before the last one there is one end too many at the front.
        let ends = ends.skip(usize::from(self.records.is_empty()));
        begins.zip(ends).map(|(begin, end)| &self.bytes[begin..end])
    }
}

/// Visits the entries of a record: for each how far its ordinal is from the one before, how many bytes its places have, and the places.
/// `None` if these are none.
pub(super) fn each<'a>(mut record: &'a [u8], mut visit: impl FnMut(u64, &'a [u8])) -> Option<()> {
    let mut ordinal = 0_u64;
    while !record.is_empty() {
        ordinal = ordinal.checked_add(read(&mut record)?)?;
        let length = usize::try_from(read(&mut record)?).ok()?;
        let (places, rest) = record.split_at_checked(length)?;
        visit(ordinal, places);
        record = rest;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Documents = Vec<BTreeMap<String, Vec<u8>>>;

    fn documents() -> impl Strategy<Value = Documents> {
        let words = prop::collection::btree_map("[abc]{1,2}", prop::collection::vec(any::<u8>(), 0..400), 0..6);
        prop::collection::vec(words, 0..150)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn entries_come_by_word_and_then_by_document(documents in documents(), most in 1_usize..60_000) {
            let (mut sorter, mut expected) = (Sorter::of(most).unwrap(), BTreeMap::new());
            for (ordinal, words) in (1..).map(|nth: u64| nth * 1_000).zip(&documents) {
                for (word, places) in words {
                    sorter.add(word, ordinal, places);
                    expected.insert((word.clone(), ordinal), places.clone());
                }
                sorter.spill_if_full().unwrap();
            }
            let mut runs = sorter.sorted().unwrap();
            let mut found = Vec::new();
            while let Some((word, record)) = runs.next().unwrap() {
                each(record, |ordinal, places| found.push(((word.to_owned(), ordinal), places.to_vec()))).unwrap();
            }
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
