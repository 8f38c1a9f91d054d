//! The words of an index, in the order of their bytes.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use fst::{Automaton, IntoStreamer, Set, Streamer, automaton::Str};
use levenshtein_automata::DFA;

use crate::tokens::LONGEST_WORD;

/// Changes beyond which the words are packed anew.
const MOST_CHANGES: usize = 4_096;

/// All words that are found in an index. Made once and kept up with [`change`](Self::change); cloning shares what was packed.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    packed: Arc<Set<Vec<u8>>>,
    added: BTreeSet<Box<str>>,
    removed: HashSet<Box<str>>,
}

impl Vocabulary {
    /// Packs words, in any order.
    pub fn new(mut words: Vec<String>) -> Self {
        words.sort_unstable();
        words.dedup();
        Self { packed: Arc::new(Set::from_iter(words).unwrap_or_default()), ..Self::default() }
    }

    /// A word has come, or has gone with the last document that held it.
    pub fn change(&mut self, word: &str, there: bool) {
        let packed = self.packed.contains(word);
        match (there, packed) {
            (true, true) => {
                self.removed.remove(word);
            }
            (true, false) => {
                self.added.insert(word.into());
            }
            (false, true) => {
                self.removed.insert(word.into());
            }
            (false, false) => {
                self.added.remove(word);
            }
        }
        if self.added.len() + self.removed.len() > MOST_CHANGES {
            let mut words = Vec::with_capacity(self.len());
            self.each(Any, |word| {
                words.push(word.to_owned());
                true
            });
            *self = Self::new(words);
        }
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.packed.len() + self.added.len() - self.removed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a word is there.
    pub fn holds(&self, word: &str) -> bool {
        (self.packed.contains(word) && !self.removed.contains(word)) || self.added.contains(word)
    }

    /// The words that begin with a prefix, in order, until `found` says false.
    pub fn beginning_with(&self, prefix: &str, found: impl FnMut(&str) -> bool) {
        self.each(Beginning { packed: Str::new(prefix), prefix }, found);
    }

    /// The words an automaton takes, in order, with what it says of them, until `found` says false. Words are looked at only
    /// if they begin with `first`, if that is given.
    pub(super) fn like(&self, dfa: &DFA, first: Option<char>, mut found: impl FnMut(&str, u8) -> bool) {
        let found = |word: &str| match dfa.eval(word) {
            levenshtein_automata::Distance::Exact(distance) => found(word, distance),
            levenshtein_automata::Distance::AtLeast(_) => true,
        };
        match first {
            None => self.each(Like(dfa), found),
            Some(first) => {
                let mut letter = [0; 4];
                let first: &str = first.encode_utf8(&mut letter);
                self.each(Both(Like(dfa), Beginning { packed: Str::new(first), prefix: first }), found);
            }
        }
    }

    fn each<'a>(&'a self, wanted: impl Wanted + 'a, mut found: impl FnMut(&str) -> bool) {
        let mut added = self.added.iter().map(|word| &**word).filter(|word| wanted.takes(word)).peekable();
        let mut packed = self.packed.search(wanted.automaton()).into_stream();
        while let Some(word) = packed.next() {
            // Words are text; what is not would be a fault of the packing.
            let Ok(word) = std::str::from_utf8(word) else { continue };
            while let Some(before) = added.next_if(|added| *added < word) {
                if !found(before) {
                    return;
                }
            }
            if !self.removed.contains(word) && !found(word) {
                return;
            }
        }
        for word in added {
            if !found(word) {
                return;
            }
        }
    }
}

/// Which words are wanted: as an automaton over packed ones, and word by word.
trait Wanted {
    fn automaton(&self) -> impl Automaton + '_;
    fn takes(&self, word: &str) -> bool;
}

struct Any;

struct Beginning<'a> {
    packed: Str<'a>,
    prefix: &'a str,
}

struct Like<'a>(&'a DFA);

struct Both<A, B>(A, B);

impl Wanted for Any {
    fn automaton(&self) -> impl Automaton + '_ {
        fst::automaton::AlwaysMatch
    }

    fn takes(&self, _: &str) -> bool {
        true
    }
}

impl Wanted for Beginning<'_> {
    fn automaton(&self) -> impl Automaton + '_ {
        self.packed.clone().starts_with()
    }

    fn takes(&self, word: &str) -> bool {
        word.starts_with(self.prefix)
    }
}

impl Wanted for Like<'_> {
    fn automaton(&self) -> impl Automaton + '_ {
        self.0
    }

    fn takes(&self, word: &str) -> bool {
        word.len() <= LONGEST_WORD && matches!(self.0.eval(word), levenshtein_automata::Distance::Exact(_))
    }
}

impl<A: Wanted, B: Wanted> Wanted for Both<A, B> {
    fn automaton(&self) -> impl Automaton + '_ {
        self.0.automaton().intersection(self.1.automaton())
    }

    fn takes(&self, word: &str) -> bool {
        self.1.takes(word) && self.0.takes(word)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_set_would(
            first in prop::collection::vec("[ab]{1,3}", 0..10),
            changes in prop::collection::vec(("[ab]{1,3}", any::<bool>()), 0..20),
            prefix in "[ab]{0,2}",
        ) {
            let mut vocabulary = Vocabulary::new(first.clone());
            let mut set: BTreeSet<String> = first.into_iter().collect();
            for (word, there) in changes {
                vocabulary.change(&word, there);
                if there { set.insert(word); } else { set.remove(&word); }
            }
            prop_assert_eq!(vocabulary.len(), set.len());
            let mut found = Vec::new();
            vocabulary.beginning_with(&prefix, |word| { found.push(word.to_owned()); true });
            let expected: Vec<String> = set.into_iter().filter(|word| word.starts_with(&prefix)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
