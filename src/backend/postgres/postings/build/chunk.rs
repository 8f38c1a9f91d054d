//! Some words that are written together.

use std::{io, ops::Range};

use super::{super::changes::OfWord, runs::Runs, sorter::each};

/// Words, and bytes of entries, of one chunk. An entry may have two bytes here, and takes ten times as many as a change of a fold.
const WORDS: usize = 2_000;
const BYTES: usize = 1 << 18;

/// Words with their entries; the last one may go on in the next chunk.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    words: Vec<Word>,
    bytes: Vec<u8>,
    /// Whether there is more of the last word.
    goes_on: bool,
}

#[derive(Debug)]
struct Word {
    text: Box<str>,
    /// Where its records lie.
    records: Vec<Range<usize>>,
}

impl Chunk {
    /// The next words; `None` at the end.
    pub(super) fn read(runs: &mut Runs) -> io::Result<Option<Self>> {
        let mut chunk = Self::default();
        while chunk.bytes.len() < BYTES && (chunk.goes_on || chunk.words.len() < WORDS) {
            let Some((word, record)) = runs.next()? else { break };
            let begin = chunk.bytes.len();
            chunk.bytes.extend_from_slice(record);
            let record = begin..chunk.bytes.len();
            match chunk.words.last_mut().filter(|last| *last.text == *word) {
                Some(last) => last.records.push(record),
                None => chunk.words.push(Word { text: word.into(), records: vec![record] }),
            }
            chunk.goes_on = runs.has_more_of_the_word()?;
        }
        Ok((!chunk.words.is_empty()).then_some(chunk))
    }

    /// The last word of which nothing is left to come.
    pub(super) fn whole(&self) -> Option<&str> {
        let left = self.words.len().checked_sub(1 + usize::from(self.goes_on))?;
        self.words.get(left).map(|word| &*word.text)
    }

    /// The entries of each word, as the changes of a fold.
    pub(super) fn words(&self) -> Vec<OfWord<'_>> {
        let of_word = |word: &'_ Word| {
            let mut entries = Vec::new();
            for record in &word.records {
                // They are our own.
                each(&self.bytes[record.clone()], |ordinal, places| {
                    entries.push((ordinal.cast_signed(), Some(places)));
                });
            }
            entries
        };
        self.words.iter().map(|word| (&*word.text, of_word(word))).collect()
    }
}
