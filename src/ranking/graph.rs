//! What a query may mean: its terms and their concatenations, each with the words that stand for it.

use std::collections::HashMap;

use super::{
    derive::{Deriver, Found},
    query::{ParsedQuery, Phrase, TermKind},
};
use crate::tokens::LONGEST_WORD;

/// Terms that are joined to one word, at most.
const LONGEST_NGRAM: usize = 3;
/// What has no typo, one, two.
pub(super) const LEVELS: usize = 3;

/// A query with all its interpretations.
#[derive(Clone, Debug, Default)]
pub struct QueryGraph {
    /// Its terms and their concatenations.
    pub nodes: Vec<Node>,
    /// How many terms there are.
    pub terms: usize,
    /// For each term: whether it is a phrase, and how many words it has.
    pub(super) term_words: Vec<TermWords>,
    /// The words that stand for anything, by their number.
    pub words: Vec<String>,
    /// Beginnings of words of which all are taken together, by their number; the word that is the beginning itself is not in it.
    pub beginnings: Vec<String>,
    /// What no document may hold.
    pub without: Vec<Vec<Option<usize>>>,
    numbers: HashMap<String, usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct TermWords {
    pub(super) phrase: bool,
    /// Holes are none.
    pub(super) words: usize,
    /// How many positions it takes in the query, holes included, but for those it begins with.
    pub(super) span: usize,
}

/// One or more terms, taken as one.
#[derive(Clone, Debug)]
pub struct Node {
    /// The first term.
    pub start: usize,
    /// How many terms.
    pub len: usize,
    /// Where its first word stands in the query.
    pub position: u32,
    /// What stands for it.
    pub forms: Vec<Form>,
    /// Two words it may be cut into: of those the pair counts that most documents hold side by side.
    pub splits: Vec<(usize, usize)>,
    /// The pair among them that it was joined of.
    pub(super) joined: Option<(usize, usize)>,
    /// How many typos it may have.
    pub(super) allowance: u8,
    /// Its own word, if the index has it, for what must match exactly.
    pub(super) exact: Option<Exact>,
    /// Whether it is a phrase, which neighbours see from one side only.
    pub(super) phrase: bool,
}

/// What counts as the very thing that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exact {
    Word(usize),
    Phrase(Vec<Option<usize>>),
}

/// Something that stands for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// How many typos lie between.
    pub level: u8,
    /// What it is.
    pub what: What,
    /// Whether a prefix stands for many words, which are seen by what comes before them only.
    pub(super) forward_only: bool,
    /// Whether it is the word that was typed, and no synonym.
    pub(super) own: bool,
    /// Whether it is also found in attributes that know no typos.
    pub(super) literal: bool,
}

/// What stands for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A word by its number.
    Word(usize),
    /// All words with a beginning, by its number.
    Beginning(usize),
    /// Words side by side.
    Phrase(Vec<Option<usize>>),
}

impl QueryGraph {
    /// Derives the interpretations of a query.
    pub fn new(query: &ParsedQuery, deriver: &Deriver<'_>) -> Self {
        let mut graph = Self { terms: query.terms.len(), ..Self::default() };
        for phrase in &query.without {
            let words = graph.phrase(phrase);
            graph.without.push(words);
        }
        for term in &query.terms {
            graph.term_words.push(match &term.kind {
                TermKind::Word { .. } => TermWords { phrase: false, words: 1, span: 1 },
                TermKind::Phrase(Phrase(words)) => {
                    let span = words.iter().skip_while(|word| word.is_none()).count();
                    TermWords { phrase: true, words: words.iter().flatten().count(), span }
                }
            });
        }
        for start in 0..query.terms.len() {
            for len in 1..=LONGEST_NGRAM.min(query.terms.len() - start) {
                let terms = &query.terms[start..start + len];
                if let Some(node) = graph.node(terms, start, deriver) {
                    graph.nodes.push(node);
                }
            }
        }
        graph
    }

    /// How many words a field can have that is the whole query.
    pub fn most_words(&self) -> usize {
        self.term_words.iter().map(|term| term.span).sum()
    }

    fn node(&mut self, terms: &[super::query::Term], start: usize, deriver: &Deriver<'_>) -> Option<Node> {
        let position = terms[0].position;
        let mut node = Node {
            start,
            len: terms.len(),
            position,
            forms: Vec::new(),
            splits: Vec::new(),
            joined: None,
            allowance: 0,
            exact: None,
            phrase: false,
        };
        if let [term] = terms
            && let TermKind::Phrase(phrase) = &term.kind
        {
            let words = self.phrase(phrase);
            node.phrase = true;
            node.exact = Some(Exact::Phrase(words.clone()));
            let what = match words.as_slice() {
                [Some(word)] => What::Word(*word),
                _ => What::Phrase(words),
            };
            node.forms.push(Form { level: 0, what, forward_only: true, own: true, literal: true });
            return Some(node);
        }
        let mut parts = Vec::with_capacity(terms.len());
        let mut open = false;
        for (nth, term) in terms.iter().enumerate() {
            let TermKind::Word { text, prefix } = &term.kind else { return None };
            // Not across the end of a sentence, nor over words that are left out.
            if term.position != position + nth as u32 {
                return None;
            }
            parts.push(text.as_str());
            open = *prefix;
        }
        let found = deriver.derive(&parts, open);
        let joined = parts.concat();
        if joined.len() > LONGEST_WORD {
            return (parts.len() == 1).then_some(node);
        }
        node.allowance = deriver.allowance(&joined, parts.len());
        if let Some(own) = found.own.as_deref() {
            let word = self.word(own);
            node.exact = (parts.len() == 1).then_some(Exact::Word(word));
            let own = parts.len() == 1;
            node.forms.push(Form { level: 0, what: What::Word(word), forward_only: false, own, literal: own });
        }
        self.add(&mut node, &found);
        if let [left, right] = parts.as_slice() {
            let mut splits = node.splits.iter().zip(&found.splits);
            node.joined =
                splits.find(|(_, (l, r))| (l.as_str(), r.as_str()) == (*left, *right)).map(|(split, _)| *split);
        }
        // Also if nothing stands for it: it is one of the interpretations there could have been.
        Some(node)
    }

    fn add(&mut self, node: &mut Node, found: &Found) {
        let single = node.len == 1;
        let form =
            |level, what, forward_only| Form { level, what, forward_only, own: false, literal: single && level == 0 };
        if let Some(beginning) = &found.beginning {
            self.beginnings.push(beginning.clone());
            node.forms.push(form(0, What::Beginning(self.beginnings.len() - 1), true));
        }
        for (level, words) in [(0, &found.prefixed), (1, &found.one_typo), (2, &found.two_typos)] {
            for word in words {
                let word = self.word(word);
                node.forms.push(form(level, What::Word(word), false));
            }
        }
        for synonym in &found.synonyms {
            let words: Vec<Option<usize>> = synonym.iter().map(|word| Some(self.word(word))).collect();
            let what = match words.as_slice() {
                [Some(word)] => What::Word(*word),
                _ => What::Phrase(words),
            };
            // As Meilisearch has it, also a single word is a phrase then.
            node.forms.push(Form { literal: true, ..form(0, what, true) });
        }
        for (left, right) in &found.splits {
            let pair = (self.word(left), self.word(right));
            node.splits.push(pair);
        }
    }

    fn phrase(&mut self, phrase: &Phrase) -> Vec<Option<usize>> {
        phrase.0.iter().map(|word| word.as_deref().map(|word| self.word(word))).collect()
    }

    fn word(&mut self, word: &str) -> usize {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), self.words.len() - 1);
        self.words.len() - 1
    }
}

impl Node {
    /// As Meilisearch has it, nothing is near a phrase whose last word is a stop word.
    pub(super) fn ends_with_a_stop_word(&self) -> bool {
        matches!(&self.exact, Some(Exact::Phrase(words)) if words.last().is_none_or(Option::is_none))
    }
}

impl Exact {
    /// The words, each with how far it stands behind the first.
    pub(super) fn words(&self) -> Vec<(u32, usize)> {
        match self {
            Self::Word(word) => vec![(0, *word)],
            Self::Phrase(words) => (0u32..).zip(words).filter_map(|(at, word)| Some((at, (*word)?))).collect(),
        }
    }
}
