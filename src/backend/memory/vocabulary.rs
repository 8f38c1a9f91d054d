//! The words of an index, each with a small number and how many documents hold it.

use std::{collections::HashMap, sync::Arc};

/// Words by number. Numbers are never given back: a word no document holds any more keeps its number with count 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Vocabulary {
    numbers: HashMap<Arc<str>, u32>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    chars: Box<[char]>,
    occurrences: u32,
}

impl Vocabulary {
    /// Counts one more occurrence of `word`.
    pub(super) fn take(&mut self, word: String) -> u32 {
        let number = match self.numbers.get(word.as_str()) {
            Some(number) => *number,
            None => {
                let number = self.entries.len() as u32;
                self.entries.push(Entry { chars: word.chars().collect(), occurrences: 0 });
                self.numbers.insert(word.into(), number);
                number
            }
        };
        self.entries[number as usize].occurrences += 1;
        number
    }

    /// Counts one occurrence less.
    pub(super) fn give_back(&mut self, number: u32) {
        self.entries[number as usize].occurrences -= 1;
    }

    /// How many numbers have been given.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether some document holds `word`.
    pub(super) fn holds(&self, word: &str) -> bool {
        self.numbers.get(word).is_some_and(|number| self.entries[*number as usize].occurrences > 0)
    }

    /// The words that some document holds.
    pub(super) fn live(&self) -> impl Iterator<Item = (u32, &[char])> {
        (0u32..).zip(&self.entries).filter(|(_, entry)| entry.occurrences > 0).map(|(n, entry)| (n, &*entry.chars))
    }
}
