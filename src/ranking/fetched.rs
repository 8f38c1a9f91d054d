//! What retrieval brings for a query: the lists of its words.

use super::{graph::QueryGraph, postings::Postings, scope::Scope};

/// The lists that a [`QueryGraph`] asks for.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// All lists.
    pub postings: Postings,
    /// The list of each word of the graph, if any document holds it.
    pub words: Vec<Option<usize>>,
    /// For each beginning of the graph, the lists of all words that are longer.
    pub beginnings: Vec<Vec<usize>>,
    /// By number of words, the documents with a field of so many words; the places say which fields.
    pub lengths: Vec<Option<usize>>,
}

/// Fields of more words are not counted.
pub const LONGEST_FIELD: usize = 30;

impl Fetched {
    /// Nothing yet, for a graph.
    pub fn new(graph: &QueryGraph) -> Self {
        Self {
            postings: Postings::default(),
            words: vec![None; graph.words.len()],
            beginnings: vec![Vec::new(); graph.beginnings.len()],
            lengths: vec![None; LONGEST_FIELD + 1],
        }
    }
}

impl Fetched {
    /// The documents that the query excludes, ascending.
    pub fn without(&self, graph: &QueryGraph, scope: &Scope) -> Vec<u64> {
        let mut documents: Vec<u64> =
            graph.without.iter().flat_map(|words| super::phrase::documents_holding(words, self, scope)).collect();
        documents.sort_unstable();
        documents.dedup();
        documents
    }

    /// How many entries all lists have.
    pub fn entries(&self) -> usize {
        self.postings.len()
    }

    /// All documents of all lists, if they are not more than so many, counted once for each list.
    pub fn few(&self, most: usize) -> Option<Vec<u64>> {
        self.postings.few(most)
    }
}
