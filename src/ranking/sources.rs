//! Where what a query finds comes from: lists of words, and phrases.

use super::{
    fetched::Fetched,
    graph::{Node, QueryGraph, What},
    numbering::{Numbering, advance},
    phrase,
    scope::Scope,
};
use crate::search::MatchingStrategy;

/// What a form of a node finds.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) level: u8,
    pub(super) forward_only: bool,
    pub(super) own: bool,
    pub(super) entries: Entries,
    /// Those that stand where the form may be found, if not all do. As Meilisearch has it, a document that is found by one of them is
    /// judged by all.
    pub(super) inside: Option<Entries>,
}

impl Source {
    /// The entries by which documents are found.
    pub(super) fn finding(&self) -> &Entries {
        self.inside.as_ref().unwrap_or(&self.entries)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Entries {
    /// All entries of a list.
    List(usize),
    /// The entries of the first word and of the last.
    Pairs(Vec<(u32, u32)>),
}

#[derive(Debug)]
pub(super) enum Hits {
    /// Every document, with entries that follow each other from this one on.
    Every(u32),
    /// Places of documents, with the entries of the first word and of the last.
    Some(Vec<(u32, u32, u32)>),
}

/// Two words, and the entries of both in each document that holds them side by side.
type Split = ((usize, usize), Vec<(u32, u32)>);

/// The nodes of which every document found satisfies at least one.
pub(super) fn deciding(
    graph: &QueryGraph,
    matching: MatchingStrategy,
    sources: &[Vec<Source>],
    fetched: &Fetched,
) -> Vec<usize> {
    let all = || (0..graph.nodes.len()).collect();
    let covering = |term: usize| -> Vec<usize> {
        let covers = |node: &usize| {
            (graph.nodes[*node].start..graph.nodes[*node].start + graph.nodes[*node].len).contains(&term)
        };
        (0..graph.nodes.len()).filter(covers).collect()
    };
    let phrases: Vec<usize> = (0..graph.terms).filter(|term| graph.term_words[*term].phrase).collect();
    // A term that is never dropped.
    let terms = match matching {
        // Counted over all documents.
        MatchingStrategy::Frequency => return all(),
        MatchingStrategy::All => (0..graph.terms).collect(),
        MatchingStrategy::Last if phrases.is_empty() => vec![0],
        MatchingStrategy::Last => phrases,
    };
    let entries = |source: &Source| match source.finding() {
        Entries::List(list) => fetched.postings.documents(*list).len(),
        Entries::Pairs(pairs) => pairs.len(),
    };
    let size = |nodes: &Vec<usize>| nodes.iter().flat_map(|node| &sources[*node]).map(entries).sum::<usize>();
    terms.into_iter().map(covering).min_by_key(size).unwrap_or_else(all)
}

/// What of a source is among the documents.
pub(super) fn hits(entries: &Entries, numbering: &Numbering, fetched: &Fetched) -> Hits {
    let (postings, documents) = (&fetched.postings, numbering.documents());
    let mut places = numbering.places();
    let list = match entries {
        Entries::Pairs(pairs) => {
            let hit = |(first, last): &(u32, u32)| Some((places.place(postings.document(*first))?, *first, *last));
            return Hits::Some(pairs.iter().filter_map(hit).collect());
        }
        Entries::List(list) => *list,
    };
    let (start, these) = (postings.entries(list).start, postings.documents(list));
    if these.len() == documents.len() && these == documents {
        return Hits::Every(start);
    }
    // From the shorter one to the longer.
    if these.len() <= documents.len() {
        let hit = |(entry, document): (u32, &u64)| Some((places.place(*document)?, entry, entry));
        return Hits::Some((start..).zip(these).filter_map(hit).collect());
    }
    let (mut hits, mut place) = (Vec::new(), 0);
    for (nth, document) in (0u32..).zip(documents) {
        place = advance(these, place, *document);
        if these.get(place) == Some(document) {
            hits.push((nth, start + place as u32, start + place as u32));
        }
    }
    Hits::Some(hits)
}

/// Where what a node finds comes from.
pub(super) fn sources(graph: &QueryGraph, node: usize, fetched: &Fetched, scope: &Scope) -> Vec<Source> {
    let node = &graph.nodes[node];
    let inside = |list: usize, literal: bool| {
        let inside = fetched.postings.entries(list).filter(|entry| scope.holds(&fetched.postings, *entry, literal));
        scope.restricts().then(|| Entries::Pairs(inside.map(|entry| (entry, entry)).collect()))
    };
    let mut sources = Vec::new();
    for form in &node.forms {
        let source =
            |entries, forward_only, inside| Source { level: form.level, forward_only, own: form.own, entries, inside };
        let lists: &[usize] = match &form.what {
            What::Phrase(words) => {
                sources.push(source(Entries::Pairs(phrase::documents_with(words, fetched, scope)), true, None));
                continue;
            }
            What::Word(word) => fetched.words.get(*word).map_or(&[], |list| list.as_slice()),
            What::Beginning(beginning) => fetched.beginnings.get(*beginning).map_or(&[], Vec::as_slice),
        };
        let of_list = |list: &usize| source(Entries::List(*list), form.forward_only, inside(*list, form.literal));
        sources.extend(lists.iter().map(of_list));
    }
    if let Some((_, pairs)) = best_split(node, fetched, scope) {
        sources.push(Source { level: 1, forward_only: true, own: false, entries: Entries::Pairs(pairs), inside: None });
    }
    sources
}

/// The pair that most documents hold side by side, the first of several, and where of those that the scope searches. As Meilisearch has
/// it, there is none where that pair is what the node was joined of.
pub(super) fn best_split(node: &Node, fetched: &Fetched, scope: &Scope) -> Option<Split> {
    // As Meilisearch has it, neighbours count wherever they stand.
    let anywhere = Scope { literal: Vec::new(), ..scope.clone() };
    let anywhere = if scope.near_by_attribute { anywhere } else { Scope { attributes: None, ..anywhere } };
    let mut best: Option<Split> = None;
    for split in &node.splits {
        let most = best.as_ref().map_or(0, |(_, found)| found.len());
        // No more than the rarer word has.
        let few = [split.0, split.1].into_iter().any(|word| {
            fetched.words.get(word).copied().flatten().is_none_or(|list| fetched.postings.entries(list).len() <= most)
        });
        if few {
            continue;
        }
        let found = phrase::documents_with(&[Some(split.0), Some(split.1)], fetched, &anywhere);
        if found.len() > most {
            best = Some((*split, found));
        }
    }
    let (split, mut found) = best.filter(|(split, _)| node.joined != Some(*split))?;
    found.retain(|(left, right)| [left, right].into_iter().all(|entry| scope.holds(&fetched.postings, *entry, true)));
    Some((split, found))
}

/// All documents of some nodes.
pub(super) fn union(sources: &[Vec<Source>], nodes: &[usize], fetched: &Fetched) -> Numbering {
    let document = |(first, _): &(u32, u32)| fetched.postings.document(*first);
    let sources = || nodes.iter().flat_map(|node| &sources[*node]).map(Source::finding);
    let pairs: Vec<Vec<u64>> = sources()
        .filter_map(|entries| match entries {
            Entries::List(_) => None,
            Entries::Pairs(pairs) => Some(pairs.iter().map(document).collect()),
        })
        .collect();
    let lists = sources().filter_map(|entries| match entries {
        Entries::List(list) => Some(fetched.postings.documents(*list)),
        Entries::Pairs(_) => None,
    });
    Numbering::of(&lists.chain(pairs.iter().map(Vec::as_slice)).collect::<Vec<_>>())
}
