//! What of a text counts as found by a query: for showing where.

use std::{cmp::Reverse, ops::Range};

use super::{
    fetched::Fetched,
    graph::{Node, QueryGraph, What},
    query::{ParsedQuery, Phrase, Term, TermKind},
    scope::Scope,
    sources::best_split,
};

/// The words that a query finds, term by term, concatenations of terms included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Words, those first that are not beginnings.
    pub words: Vec<MatchedWords>,
    /// Words side by side.
    pub phrases: Vec<MatchedPhrase>,
}

/// What a term finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedWords {
    /// Normalized.
    pub words: Vec<String>,
    /// How many characters were typed, if longer words are found by their beginnings: those count as found so far.
    pub typed: Option<usize>,
    /// Which words of the query it is.
    pub places: Range<u32>,
}

/// Words side by side that a term finds; `None` is a hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedPhrase {
    /// Normalized.
    pub words: Vec<Option<String>>,
    /// Which words of the query it is.
    pub places: Range<u32>,
}

impl Matched {
    /// What a query finds with these lists. `looked_for` are the terms of which words with typos have been looked for, as
    /// [`Ranking::looked_for`](super::Ranking::looked_for) has them.
    pub fn new(query: &ParsedQuery, graph: &QueryGraph, fetched: &Fetched, scope: &Scope, looked_for: u32) -> Self {
        let mut matched = Self::default();
        // Terms first, then their concatenations by their last term, as in Meilisearch.
        let mut nodes: Vec<&Node> = graph.nodes.iter().collect();
        nodes.sort_by_key(|node| (node.len > 1, node.start + node.len, node.len));
        for node in nodes {
            let terms = &query.terms[node.start..node.start + node.len];
            let span: usize = graph.term_words[node.start..node.start + node.len].iter().map(|term| term.span).sum();
            let places = node.position..node.position + span as u32;
            if let [Term { kind: TermKind::Phrase(Phrase(words)), .. }] = terms {
                matched.phrases.push(MatchedPhrase { words: words.clone(), places });
                continue;
            }
            let typos = looked_for & (1 << node.start) != 0;
            matched.node(node, graph, &typed(terms), &places, typos);
            if let Some(((left, right), _)) = best_split(node, fetched, scope).filter(|_| typos) {
                let words = [left, right].map(|word| graph.words.get(word).cloned()).to_vec();
                matched.phrases.push(MatchedPhrase { words, places });
            }
        }
        matched.words.sort_by_key(|words| (words.typed.is_some(), Reverse(words.places.len())));
        matched
    }

    fn node(&mut self, node: &Node, graph: &QueryGraph, typed: &(String, bool), places: &Range<u32>, typos: bool) {
        let (text, prefix) = (typed.0.as_str(), typed.1);
        let mut words = Vec::new();
        for form in node.forms.iter().filter(|form| typos || form.level == 0) {
            match &form.what {
                What::Word(word) => {
                    let Some(word) = graph.words.get(*word) else { continue };
                    // A word of level 0 that is another, and does not begin so, is a synonym: it counts as a whole.
                    if form.level == 0 && word != text && !(prefix && word.starts_with(text)) {
                        self.phrases.push(MatchedPhrase { words: vec![Some(word.clone())], places: places.clone() });
                    } else {
                        words.push(word.clone());
                    }
                }
                // As Meilisearch has it, none of so many words is shown, unless the beginning is a word itself.
                What::Beginning(_) => {}
                What::Phrase(phrase) => {
                    let words =
                        phrase.iter().map(|word| word.and_then(|word| graph.words.get(word).cloned())).collect();
                    self.phrases.push(MatchedPhrase { words, places: places.clone() });
                }
            }
        }
        self.words.push(MatchedWords { words, typed: prefix.then(|| text.chars().count()), places: places.clone() });
    }
}

/// What was typed, and whether it may be the beginning of a word.
fn typed(terms: &[Term]) -> (String, bool) {
    let word = |term: &Term| match &term.kind {
        TermKind::Word { text, prefix } => (text.clone(), *prefix),
        TermKind::Phrase(_) => (String::new(), false),
    };
    terms.iter().map(word).fold(Default::default(), |(text, _), (more, prefix)| (text + &more, prefix))
}
