//! Words side by side.

use super::{fetched::Fetched, postings::Postings, scope::Scope};
use crate::tokens::Place;

/// Words of a phrase that are looked at together.
const WINDOW: usize = 3;

/// Where a phrase stands: the entries of its first and of its last word in each document that holds each of its words where the scope
/// searches. As Meilisearch has it, they may be neighbours elsewhere.
pub(super) fn documents_with(words: &[Option<usize>], fetched: &Fetched, scope: &Scope) -> Vec<(u32, u32)> {
    let mut lists = Vec::new();
    for (place, word) in words.iter().enumerate() {
        match word {
            None => {}
            Some(word) => match fetched.words.get(*word).copied().flatten() {
                Some(list) => lists.push((place, list)),
                // No document holds one of its words.
                None => return Vec::new(),
            },
        }
    }
    let (Some(first), Some(last)) = (lists.first().copied(), lists.last().copied()) else { return Vec::new() };
    let postings = &fetched.postings;
    // From the rarest.
    let Some((_, rarest)) = lists.iter().min_by_key(|(_, list)| postings.documents(*list).len()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut entries = vec![0; lists.len()];
    'documents: for document in postings.documents(*rarest) {
        for (entry, (_, list)) in entries.iter_mut().zip(&lists) {
            match postings.entry_of(*list, *document) {
                Some(there) if scope.holds(postings, there, true) => *entry = there,
                _ => continue 'documents,
            }
        }
        if holds(&lists, &entries, postings, scope) {
            let at = |of: (usize, usize)| lists.iter().position(|list| *list == of).map_or(0, |nth| entries[nth]);
            found.push((at(first), at(last)));
        }
    }
    found
}

/// The documents that hold a word, or a phrase, ascending.
pub(super) fn documents_holding(words: &[Option<usize>], fetched: &Fetched, scope: &Scope) -> Vec<u64> {
    match words {
        [Some(word)] => match fetched.words.get(*word).copied().flatten() {
            Some(list) => {
                let entries =
                    fetched.postings.entries(list).filter(|entry| scope.holds(&fetched.postings, *entry, true));
                entries.map(|entry| fetched.postings.document(entry)).collect()
            }
            None => Vec::new(),
        },
        words => {
            let found = documents_with(words, fetched, scope).into_iter();
            found.map(|(first, _)| fetched.postings.document(first)).collect()
        }
    }
}

/// Whether every two words of each window stand no farther apart, forward, than they do in the phrase; or in one attribute, if nothing more is
/// known of what is near. As Meilisearch has it, it need not be one occurrence of the phrase.
fn holds(lists: &[(usize, usize)], entries: &[u32], postings: &Postings, scope: &Scope) -> bool {
    lists.iter().enumerate().all(|(nth, (place, _))| {
        let following = lists.iter().zip(entries).skip(nth + 1);
        following.take_while(|((other, _), _)| other - place < WINDOW).all(|((other, _), entry)| {
            match scope.near_by_attribute {
                true => in_one(postings, entries[nth], *entry, scope),
                false => is_before(postings, entries[nth], *entry, (other - place) as u32),
            }
        })
    })
}

/// Whether two words stand in one attribute that is searched.
fn in_one(postings: &Postings, left: u32, right: u32, scope: &Scope) -> bool {
    let searched = |place: &Place| scope.searches(place.field);
    postings.places(left).filter(searched).any(|left| postings.places(right).any(|right| left.field == right.field))
}

/// Whether a word stands at most so far before another somewhere.
pub(super) fn is_before(postings: &Postings, left: u32, right: u32, most: u32) -> bool {
    let mut rights = postings.places(right).peekable();
    for left in postings.places(left) {
        while rights.next_if(|right| (right.field, right.position) <= (left.field, left.position)).is_some() {}
        match rights.peek() {
            None => return false,
            Some(right) if right.field == left.field && u32::from(right.position - left.position) <= most => {
                return true;
            }
            Some(_) => {}
        }
    }
    false
}
