//! What of a text counts as found by a query: for showing where.

use std::{cmp::Reverse, ops::Range};

use super::{
    fetched::Fetched,
    graph::{Form, QueryGraph, What},
    query::{ParsedQuery, Phrase, TermKind},
    scope::Scope,
    sources::best_split,
};

/// The words that a query finds, term by term. Concatenations of terms are not among them, as in Meilisearch.
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
    /// What a query finds with these lists.
    pub fn new(query: &ParsedQuery, graph: &QueryGraph, fetched: &Fetched, scope: &Scope) -> Self {
        let mut matched = Self::default();
        for (number, term) in query.terms.iter().enumerate() {
            let (text, prefix, places) = match &term.kind {
                TermKind::Word { text, prefix } => (text.as_str(), *prefix, term.position..term.position + 1),
                TermKind::Phrase(Phrase(words)) => {
                    let places = term.position..term.position + words.len() as u32;
                    matched.phrases.push(MatchedPhrase { words: words.clone(), places });
                    continue;
                }
            };
            let mut words = Vec::new();
            for node in graph.nodes.iter().filter(|node| node.start == number && node.len == 1) {
                for form in &node.forms {
                    matched.add(form, graph, (text, prefix), &places, &mut words);
                }
                if let Some(((left, right), _)) = best_split(&node.splits, fetched, scope) {
                    let words = [left, right].map(|word| graph.words.get(word).cloned()).to_vec();
                    matched.phrases.push(MatchedPhrase { words, places: places.clone() });
                }
            }
            matched.words.push(MatchedWords { words, typed: prefix.then(|| text.chars().count()), places });
        }
        matched.words.sort_by_key(|words| (words.typed.is_some(), Reverse(words.places.len())));
        matched
    }

    fn add(
        &mut self,
        form: &Form,
        graph: &QueryGraph,
        (text, prefix): (&str, bool),
        places: &Range<u32>,
        words: &mut Vec<String>,
    ) {
        match &form.what {
            What::Word(word) => {
                let Some(word) = graph.words.get(*word) else { return };
                // A word of level 0 that is another, and does not begin so, is a synonym: it counts as a whole.
                if form.level == 0 && word != text && !(prefix && word.starts_with(text)) {
                    self.phrases.push(MatchedPhrase { words: vec![Some(word.clone())], places: places.clone() });
                } else {
                    words.push(word.clone());
                }
            }
            // What begins so begins with itself.
            What::Beginning(_) => words.push(text.to_owned()),
            What::Phrase(phrase) => {
                let words = phrase.iter().map(|word| word.and_then(|word| graph.words.get(word).cloned())).collect();
                self.phrases.push(MatchedPhrase { words, places: places.clone() });
            }
        }
    }
}
