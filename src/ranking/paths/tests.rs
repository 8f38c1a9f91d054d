use super::*;
use crate::{
    ranking::{Deriver, ParsedQuery, Synonyms, Vocabulary},
    settings::IndexSettings,
    tokens::Tokenizer,
};

/// As a Meilisearch 1.50 server showed it: of `welcome hume revemge ` the third word was not looked for where no document holds the second.
#[test]
fn terms_are_reached_without_a_gap_and_through_concatenations() {
    let settings = IndexSettings::default();
    let tokenizer = Tokenizer::new(&settings, None);
    let (vocabulary, synonyms) = (Vocabulary::new(Vec::new()), Synonyms::new(&settings, &tokenizer));
    let parsed = ParsedQuery::read("welcome hume revemge ", &tokenizer, true);
    let graph = QueryGraph::new(&parsed, &Deriver::new(&vocabulary, &settings, &synonyms));
    let reached = |nodes: &[(usize, usize)]| {
        let mut key = Key::default();
        for (start, len) in nodes {
            key.add(graph.nodes.iter().position(|node| (node.start, node.len) == (*start, *len)).unwrap(), 1);
        }
        Pattern { key, ..Pattern::default() }.reached(&graph)
    };
    assert_eq!(reached(&[]), 0b0001);
    assert_eq!(reached(&[(0, 1)]), 0b0011);
    assert_eq!(reached(&[(0, 1), (2, 1)]), 0b0011);
    assert_eq!(reached(&[(0, 1), (1, 1)]), 0b0111);
    assert_eq!(reached(&[(0, 2), (2, 1)]), 0b1101);
}
