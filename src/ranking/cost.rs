//! What one interpretation of a query costs in one document, rule by rule.

use super::{
    distance::{FAR, FARTHEST, Seen, bucket, displacement, nearest},
    fetched::{Fetched, LONGEST_FIELD},
    graph::{Exact, Node, QueryGraph},
    paths::Assignment,
    scope::Scope,
    stage::{Spot, Stage},
};
use crate::tokens::{Field, Place};

/// The worst stage of exactness: neither the whole attribute nor its start.
pub(super) const NEITHER: u32 = 3;

/// Reads documents for the rules.
pub(super) struct Costs<'a> {
    pub(super) graph: &'a QueryGraph,
    pub(super) fetched: &'a Fetched,
    pub(super) scope: &'a Scope,
    pub(super) stage: &'a Stage,
    bound: Bound,
    left: Vec<Seen>,
    right: Vec<Seen>,
    /// What places have cost a node at a level, for places that come again and again.
    known: Vec<Option<Known>>,
}

/// What the rules before have bound an interpretation to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bound {
    /// Each node to its least level.
    pub(super) typo: bool,
    /// Nodes to the very word that was typed, where a document holds it.
    pub(super) own: bool,
}

/// What places have cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    node: (usize, u8),
    places: u64,
    cost: u32,
}

/// How many of them are kept.
const KNOWN: usize = 256;

/// Which word of a phrase is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

impl<'a> Costs<'a> {
    pub(super) fn new(
        graph: &'a QueryGraph,
        fetched: &'a Fetched,
        scope: &'a Scope,
        stage: &'a Stage,
        bound: Bound,
    ) -> Self {
        Self { graph, fetched, scope, stage, bound, left: Vec::new(), right: Vec::new(), known: vec![None; KNOWN] }
    }

    /// Neighbours cost 0 side by side to 3 far apart; a joined node as many as it has joints.
    pub(super) fn proximity(&mut self, document: u32, assignment: &Assignment) -> u32 {
        let joints: usize = assignment.nodes.iter().map(|(node, _)| self.graph.nodes[*node].len - 1).sum();
        let mut cost = joints as u32;
        for pair in assignment.nodes.windows(2) {
            let (left, right) = (pair[0], pair[1]);
            let (l, r) = (&self.graph.nodes[left.0], &self.graph.nodes[right.0]);
            let terms = &self.graph.term_words[l.start..l.start + l.len];
            let words: usize = terms.iter().map(|term| term.span).sum();
            // Behind a dropped term or the end of a sentence nothing is asked.
            if l.start + l.len != r.start || l.position + words as u32 != r.position {
                continue;
            }
            if l.ends_with_a_stop_word() {
                cost += FAR;
                continue;
            }
            let mut seen = std::mem::take(&mut self.left);
            self.gather(document, left, End::Last, &mut seen);
            self.left = seen;
            let mut seen = std::mem::take(&mut self.right);
            self.gather(document, right, End::First, &mut seen);
            self.right = seen;
            cost += match self.scope.near_by_attribute {
                false => nearest(&self.left, &self.right),
                true if self.left.iter().any(|l| self.right.iter().any(|r| self.in_one(l, r))) => 0,
                true => FAR,
            };
        }
        cost
    }

    /// The words of an interpretation that count, of a node.
    fn spots(&self, document: u32, (node, levels): (usize, u8)) -> impl Iterator<Item = &'a Spot> + use<'a> {
        let spots = self.stage.spots(node, document);
        let own = self.bound.own && self.graph.nodes[node].exact.is_some() && spots.iter().any(|spot| spot.own);
        let levels = if self.bound.typo { levels & levels.wrapping_neg() } else { levels };
        // As Meilisearch has it, the words of a prebuilt list and synonyms are not left behind.
        let stays = |spot: &Spot| spot.own || (spot.level == 0 && spot.forward_only);
        spots.iter().filter(move |spot| if own { stays(spot) } else { levels & (1 << spot.level) != 0 })
    }

    /// For each term the place of the best attribute that holds it.
    pub(super) fn attribute_rank(&mut self, document: u32, assignment: &Assignment) -> u32 {
        if self.scope.alike {
            return 0;
        }
        let best = |costs: &Self, (node, levels): (usize, u8)| {
            let mut best = u32::MAX;
            costs.each(document, (node, levels), |place| {
                if costs.scope.searches(place.field) {
                    best = best.min(costs.scope.rank(place.field));
                }
                best > 0
            });
            best.min(u32::from(u16::MAX)) * costs.graph.nodes[node].len as u32
        };
        assignment.nodes.iter().map(|node| self.once(document, *node, best)).sum()
    }

    /// For each term how far it stands from where it stands in the query, in steps; as Meilisearch has it, also in attributes that are not
    /// searched.
    pub(super) fn word_position(&mut self, document: u32, assignment: &Assignment) -> u32 {
        let best = |costs: &Self, (node, levels): (usize, u8)| {
            let (len, wanted) = (costs.graph.nodes[node].len as u32, costs.graph.nodes[node].position);
            let mut best = u32::MAX;
            costs.each(document, (node, levels), |place| {
                let distance = bucket(u32::from(place.position)).abs_diff(wanted);
                best = best.min((0..len).map(|nth| displacement(distance + nth)).sum());
                best > 0
            });
            best.min(FARTHEST * len)
        };
        assignment.nodes.iter().map(|node| self.once(document, *node, best)).sum()
    }

    /// Whether words stand in one attribute that is searched.
    fn in_one(&self, left: &Seen, right: &Seen) -> bool {
        left.place.field == right.place.field && self.scope.searches(left.place.field)
    }

    /// Another rule is asked.
    pub(super) fn forget(&mut self) {
        self.known.fill(None);
    }

    /// What a node costs; known already, if it holds one word there at places that have been seen.
    fn once(&mut self, document: u32, node: (usize, u8), cost: impl Fn(&Self, (usize, u8)) -> u32) -> u32 {
        let [spot] = self.stage.spots(node.0, document) else { return cost(self, node) };
        let Some(places) = self.fetched.postings.fingerprint(spot.first) else { return cost(self, node) };
        let slot = (places.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize ^ node.0;
        if let Some(Some(known)) = self.known.get(slot)
            && known.node == node
            && known.places == places
        {
            return known.cost;
        }
        let cost = cost(self, node);
        if let Some(slot) = self.known.get_mut(slot) {
            *slot = Some(Known { node, places, cost });
        }
        cost
    }

    /// Terms whose own word the document does not hold.
    pub(super) fn inexact(&self, document: u32, assignment: &Assignment) -> u32 {
        let missing = |(node, levels): &(usize, u8)| {
            let allowed = !self.bound.typo || levels & 1 != 0;
            if allowed && self.has_own(document, *node) { 0 } else { self.graph.nodes[*node].len as u32 }
        };
        assignment.nodes.iter().map(missing).sum()
    }

    /// 1 if an attribute is the query, 2 if it begins with it, 3 otherwise. `exact` are the nodes that must match, ascending: terms that are
    /// missing at the end are forgiven.
    pub(super) fn stage(&self, document: u32, exact: &[usize]) -> u32 {
        let follow = |(nth, node): (usize, &usize)| self.graph.nodes[*node].start == nth;
        if exact.is_empty() || !exact.iter().enumerate().all(follow) {
            return NEITHER;
        }
        let Some(number) = self.stage.documents.get(document as usize).copied() else { return NEITHER };
        let (mut entries, mut count) = (Vec::with_capacity(exact.len()), 0);
        for node in exact {
            let Node { start, position, exact, .. } = &self.graph.nodes[*node];
            count += self.graph.term_words[*start].span;
            for (at, word) in exact.iter().flat_map(Exact::words) {
                let own = self.stage.spots(*node, document).iter().find(|spot| spot.own);
                let list = || self.fetched.words.get(word).copied().flatten();
                let entry = match (exact, own) {
                    (Some(Exact::Word(_)), Some(own)) => Some(own.first),
                    _ => list().and_then(|list| self.fetched.postings.entry_of(list, number)),
                };
                let Some(entry) = entry else { return NEITHER };
                let wanted = bucket(position + at);
                if !self.fetched.postings.places(entry).any(|place| bucket(u32::from(place.position)) == wanted) {
                    return NEITHER;
                }
                entries.push(entry);
            }
        }
        let Some(first) = entries.first().copied() else { return NEITHER };
        let places = |entry: u32| self.fetched.postings.places(entry).filter(|place| self.scope.searches(place.field));
        let mut best = NEITHER;
        let mut before = None;
        for Place { field, .. } in places(first) {
            if before.replace(field) == Some(field) || best == 1 {
                continue;
            }
            if entries.iter().all(|entry| places(*entry).any(|place| place.field == field)) {
                best = best.min(if self.has_length(number, field, count) { 1 } else { 2 });
            }
        }
        best
    }

    fn has_length(&self, document: u64, field: Field, words: usize) -> bool {
        let list = (words <= LONGEST_FIELD).then(|| self.fetched.lengths.get(words).copied().flatten()).flatten();
        let entry = list.and_then(|list| self.fetched.postings.entry_of(list, document));
        entry.is_some_and(|entry| self.fetched.postings.places(entry).any(|place| place.field == field))
    }

    /// Whether a document holds the very thing a node has been typed as.
    fn has_own(&self, document: u32, node: usize) -> bool {
        self.graph.nodes[node].exact.is_some() && self.stage.spots(node, document).iter().any(|spot| spot.own)
    }

    /// The places of a node, of the first word, until `look` says false.
    fn each(&self, document: u32, node: (usize, u8), mut look: impl FnMut(Place) -> bool) {
        for spot in self.spots(document, node) {
            for place in self.fetched.postings.places(spot.first) {
                if !look(place) {
                    return;
                }
            }
        }
    }

    fn gather(&self, document: u32, node: (usize, u8), end: End, seen: &mut Vec<Seen>) {
        seen.clear();
        let mut lists = 0;
        for spot in self.spots(document, node) {
            let entry = if end == End::First { spot.first } else { spot.last };
            let places = self.fetched.postings.places(entry);
            seen.extend(places.map(|place| Seen { place, forward_only: spot.forward_only }));
            lists += 1;
        }
        if lists > 1 {
            seen.sort_unstable();
        }
    }
}
