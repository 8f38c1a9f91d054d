//! The words of `*.csv`, to be found by the text that starts with them.

use std::ops::Range;

/// How a word joins its neighbours and what it costs; its text is where it was found.
#[derive(Clone, Copy)]
pub(super) struct Word {
    /// What it is to the word before.
    pub(super) left: u16,
    /// What it is to the word after.
    pub(super) right: u16,
    /// What it costs by itself.
    pub(super) cost: i16,
}

/// Words as read, before they can be searched. One long string instead of one per word keeps loading cheap.
#[derive(Default)]
pub(super) struct Rows {
    text: String,
    rows: Vec<(Range<u32>, Word)>,
}

impl Rows {
    /// Adds a word. Returns false when the texts together outgrow 4 GiB.
    pub(super) fn push(&mut self, surface: &str, word: Word) -> bool {
        let start = self.text.len();
        self.text.push_str(surface);
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(self.text.len())) else { return false };
        self.rows.push((start..end, word));
        true
    }

    /// Whether no word was added.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn surface(&self, row: usize) -> &str {
        let Range { start, end } = self.rows[row].0;
        &self.text[start as usize..end as usize]
    }
}

/// A trie over characters, in arrays, level by level, so that the children of a node stand side by side and in order.
/// Node 0 is the root.
pub(super) struct Lexicon {
    labels: Vec<char>,
    /// Where the children of each node start; one entry more than nodes, so that the next one's start ends them.
    children: Vec<u32>,
    /// Likewise for the words that end at each node.
    ends: Vec<u32>,
    words: Vec<Word>,
}

impl Lexicon {
    /// Makes the words searchable. Words of the same text stay in the order in which they were added.
    pub(super) fn new(mut rows: Rows) -> Self {
        let text = std::mem::take(&mut rows.text);
        rows.rows.sort_by(|(a, _), (b, _)| {
            text.as_bytes()[a.start as usize..a.end as usize].cmp(&text.as_bytes()[b.start as usize..b.end as usize])
        });
        rows.text = text;

        let mut trie = Self {
            labels: vec!['\0'],
            children: Vec::new(),
            ends: Vec::new(),
            words: Vec::with_capacity(rows.rows.len()),
        };
        // For each node the rows below it and how many bytes they share.
        let mut nodes = vec![(0..rows.rows.len(), 0)];
        let mut node = 0;
        while let Some((below, depth)) = nodes.get(node).cloned() {
            trie.ends.push(trie.words.len() as u32);
            trie.children.push(trie.labels.len() as u32);
            let mut row = below.start;
            while row < below.end {
                let Some(label) = rows.surface(row)[depth..].chars().next() else {
                    trie.words.push(rows.rows[row].1);
                    row += 1;
                    continue;
                };
                let first = row;
                while row < below.end && rows.surface(row)[depth..].starts_with(label) {
                    row += 1;
                }
                trie.labels.push(label);
                nodes.push((first..row, depth + label.len_utf8()));
            }
            node += 1;
        }
        trie.ends.push(trie.words.len() as u32);
        trie.children.push(trie.labels.len() as u32);
        trie
    }

    /// Fills `found` with the words that `text` starts with, shortest first: how many characters each has, and where
    /// [`words`](Self::words) finds its entries.
    pub(super) fn prefixes(&self, text: impl Iterator<Item = char>, found: &mut Vec<(usize, Range<u32>)>) {
        found.clear();
        let mut node = 0;
        for (index, label) in text.enumerate() {
            let children = self.children[node] as usize..self.children[node + 1] as usize;
            let Ok(child) = self.labels[children.clone()].binary_search(&label) else { return };
            node = children.start + child;
            let words = self.ends[node]..self.ends[node + 1];
            if !words.is_empty() {
                found.push((index + 1, words));
            }
        }
    }

    /// The entries that [`prefixes`](Self::prefixes) named.
    pub(super) fn words(&self, range: Range<u32>) -> &[Word] {
        &self.words[range.start as usize..range.end as usize]
    }
}
