//! Where what a query finds comes from: lists of words, and phrases.

use super::{
    fetched::Fetched,
    graph::{QueryGraph, What},
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
pub(super) fn hits(entries: &Entries, documents: &[u64], fetched: &Fetched) -> Hits {
    let postings = &fetched.postings;
    let list = match entries {
        Entries::Pairs(pairs) => {
            let mut place = 0;
            let hit = |(first, last): &(u32, u32)| {
                place = advance(documents, place, postings.document(*first));
                (documents.get(place) == Some(&postings.document(*first))).then_some((place as u32, *first, *last))
            };
            return Hits::Some(pairs.iter().filter_map(hit).collect());
        }
        Entries::List(list) => *list,
    };
    let (start, these) = (postings.entries(list).start, postings.documents(list));
    if these.len() == documents.len() && these == documents {
        return Hits::Every(start);
    }
    // From the shorter one to the longer.
    let (mut hits, mut place) = (Vec::new(), 0);
    if these.len() <= documents.len() {
        for (entry, document) in (start..).zip(these) {
            place = advance(documents, place, *document);
            if documents.get(place) == Some(document) {
                hits.push((place as u32, entry, entry));
            }
        }
    } else {
        for (nth, document) in (0u32..).zip(documents) {
            place = advance(these, place, *document);
            if these.get(place) == Some(document) {
                hits.push((nth, start + place as u32, start + place as u32));
            }
        }
    }
    Hits::Some(hits)
}

/// The place of a document at or behind `from`, or of the next one: by steps that grow.
fn advance(documents: &[u64], from: usize, document: u64) -> usize {
    let (mut low, mut step) = (from, 1);
    while low + step <= documents.len() && documents[low + step - 1] < document {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(documents.len());
    low + documents[low..high].partition_point(|other| *other < document)
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
    if let Some((_, pairs)) = best_split(&node.splits, fetched, scope) {
        sources.push(Source { level: 1, forward_only: true, own: false, entries: Entries::Pairs(pairs), inside: None });
    }
    sources
}

/// The pair that most documents hold side by side, the first of several, and where of those that the scope searches.
pub(super) fn best_split(splits: &[(usize, usize)], fetched: &Fetched, scope: &Scope) -> Option<Split> {
    // As Meilisearch has it, neighbours count wherever they stand.
    let anywhere = Scope { literal: Vec::new(), ..scope.clone() };
    let anywhere = if scope.near_by_attribute { anywhere } else { Scope { attributes: None, ..anywhere } };
    let mut best: Option<Split> = None;
    for split in splits {
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
    let (split, mut found) = best?;
    found.retain(|(left, right)| [left, right].into_iter().all(|entry| scope.holds(&fetched.postings, *entry, true)));
    Some((split, found))
}

/// All documents of some nodes, ascending, each once.
pub(super) fn union(sources: &[Vec<Source>], nodes: &[usize], fetched: &Fetched) -> Vec<u64> {
    let mut documents = Vec::new();
    for source in nodes.iter().flat_map(|node| &sources[*node]) {
        match source.finding() {
            Entries::List(list) => documents.extend_from_slice(fetched.postings.documents(*list)),
            Entries::Pairs(pairs) => {
                documents.extend(pairs.iter().map(|(first, _)| fetched.postings.document(*first)));
            }
        }
    }
    if !documents.is_sorted_by(|a, b| a < b) {
        // Stable: what is sorted already, list by list, is merged.
        documents.sort();
        documents.dedup();
    }
    documents
}
