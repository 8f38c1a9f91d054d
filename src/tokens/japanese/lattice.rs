//! The cheapest way through all words that a sentence can be made of (Viterbi).

use std::ops::Range;

use super::characters::Characters;
use super::lexicon::{Lexicon, Word};
use super::matrix::Matrix;

/// No word: the end of a list, or the start of the sentence.
const NONE: u32 = u32::MAX;
/// Kanji words longer than this cost [`KANJI_PENALTY`] more for each further character, so that compounds come apart.
const KANJI_LIMIT: usize = 2;
const KANJI_PENALTY: i64 = 3_000;
/// The same for all other words.
const OTHER_LIMIT: usize = 7;
const OTHER_PENALTY: i64 = 1_700;

/// A word placed in the sentence, with the cheapest way to it.
struct Node {
    /// The cost of the way up to and including the word, without the word's own penalty.
    cost: i64,
    /// What the next word pays for this one's length.
    penalty: i64,
    /// The node before.
    before: u32,
    /// The next node that ends where this one does.
    sibling: u32,
    /// The character at which it starts.
    start: u32,
    right: u16,
}

/// What is known about one character of the sentence.
struct Place {
    /// Where it starts, in bytes.
    byte: usize,
    character: char,
    /// How many bytes from here on are kanji.
    kanji: usize,
    /// Where in [`Lattice::runs`] its categories start.
    runs: usize,
    /// The first and last node that end before this character.
    ending: (u32, u32),
}

/// Working memory, kept from sentence to sentence.
#[derive(Default)]
pub(super) struct Lattice {
    places: Vec<Place>,
    /// For each character and each of its categories, how many characters the run of the category has from there on.
    runs: Vec<u32>,
    nodes: Vec<Node>,
    /// The nodes that end at the place in hand: right id, cost with penalty, node.
    open: Vec<(u16, i64, u32)>,
    found: Vec<(usize, Range<u32>)>,
}

impl Lattice {
    /// Puts into `starts` the bytes at which the words of `sentence` start, in order. `sentence` must be shorter than
    /// 4 GiB.
    pub(super) fn cut(
        &mut self,
        sentence: &str,
        lexicon: &Lexicon,
        characters: &Characters,
        matrix: &Matrix,
        starts: &mut Vec<usize>,
    ) {
        self.place(sentence, characters);
        self.nodes.clear();
        self.open.clear();
        self.add(0, 0, &[0], Word { left: 0, right: 0, cost: 0 });
        for place in 0..self.places.len() - 1 {
            if !self.open(place) {
                continue;
            }
            let text = self.places[place..self.places.len() - 1].iter().map(|place| place.character);
            let mut found = std::mem::take(&mut self.found);
            lexicon.prefixes(text, &mut found);
            for (length, words) in &found {
                for &word in lexicon.words(words.clone()) {
                    self.add(place, place + length, matrix.before(word.left), word);
                }
            }
            let known = !found.is_empty();
            self.found = found;
            for (rank, &category) in characters.categories(self.places[place].character).iter().enumerate() {
                let category = characters.category(category);
                if known && !category.always {
                    continue;
                }
                let length = if category.grouped { self.runs[self.places[place].runs + rank] as usize } else { 1 };
                for &word in &category.words {
                    self.add(place, place + length, matrix.before(word.left), word);
                }
            }
        }
        self.trace(matrix, starts);
    }

    fn place(&mut self, sentence: &str, characters: &Characters) {
        self.places.clear();
        self.runs.clear();
        for (byte, character) in sentence.char_indices() {
            let runs = self.runs.len();
            self.places.push(Place { byte, character, kanji: 0, runs, ending: (NONE, NONE) });
            self.runs.resize(runs + characters.categories(character).len(), 1);
        }
        let (byte, runs) = (sentence.len(), self.runs.len());
        self.places.push(Place { byte, character: '\0', kanji: 0, runs, ending: (NONE, NONE) });
        for place in (0..self.places.len() - 1).rev() {
            let [here, next] = &mut self.places[place..place + 2] else { continue };
            if is_kanji(here.character) {
                here.kanji = next.byte - here.byte + next.kanji;
            }
            if next.byte == sentence.len() {
                continue;
            }
            // A run goes on only while the category keeps its rank among the character's categories.
            let ours = characters.categories(here.character).iter();
            let theirs = characters.categories(next.character).iter();
            for (rank, (ours, theirs)) in ours.zip(theirs).enumerate() {
                if ours == theirs {
                    self.runs[here.runs + rank] = self.runs[next.runs + rank] + 1;
                }
            }
        }
    }

    /// Gathers the nodes that end at `place`. Returns false if there are none.
    fn open(&mut self, place: usize) -> bool {
        self.open.clear();
        let (mut index, _) = self.places[place].ending;
        while index != NONE {
            let node = &self.nodes[index as usize];
            self.open.push((node.right, node.cost + node.penalty, index));
            index = node.sibling;
        }
        !self.open.is_empty()
    }

    /// Places a word from `start` to `stop` after the cheapest of the open nodes (the sentence's own start if there
    /// are none), the first of them if several are.
    fn add(&mut self, start: usize, stop: usize, before: &[i16], word: Word) {
        let (mut cost, mut best) = if self.nodes.is_empty() { (0, NONE) } else { (i64::MAX, NONE) };
        for &(right, so_far, node) in &self.open {
            let total = so_far + i64::from(before[usize::from(right)]);
            if total < cost {
                (cost, best) = (total, node);
            }
        }
        let bytes = self.places[stop].byte - self.places[start].byte;
        let penalty = penalty(bytes, self.places[start].kanji >= bytes);
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            cost: cost + i64::from(word.cost),
            penalty,
            before: best,
            sibling: NONE,
            start: start as u32,
            right: word.right,
        });
        let (first, last) = &mut self.places[stop].ending;
        match self.nodes.get_mut(*last as usize) {
            Some(node) => node.sibling = index,
            None => *first = index,
        }
        *last = index;
    }

    fn trace(&self, matrix: &Matrix, starts: &mut Vec<usize>) {
        starts.clear();
        let before = matrix.before(0);
        let (mut cost, mut best) = (i64::MAX, NONE);
        let (mut index, _) = self.places.last().map_or((NONE, NONE), |place| place.ending);
        while let Some(node) = self.nodes.get(index as usize) {
            let total = node.cost + node.penalty + i64::from(before[usize::from(node.right)]);
            if total < cost {
                (cost, best) = (total, index);
            }
            index = node.sibling;
        }
        while let Some(node) = self.nodes.get(best as usize) {
            // The node of the sentence's start is the only one with none before it.
            if node.before != NONE {
                starts.push(self.places[node.start as usize].byte);
            }
            best = node.before;
        }
        starts.reverse();
    }
}

/// What a word of `bytes` bytes costs for its length. A character counts as three bytes whatever it has, as in lindera.
fn penalty(bytes: usize, kanji: bool) -> i64 {
    let (limit, penalty) = if kanji { (KANJI_LIMIT, KANJI_PENALTY) } else { (OTHER_LIMIT, OTHER_PENALTY) };
    penalty * (bytes / 3).saturating_sub(limit) as i64
}

/// Neither 々 nor the rarer ideographs count.
fn is_kanji(character: char) -> bool {
    matches!(character, '\u{4E00}'..='\u{9FAF}')
}
