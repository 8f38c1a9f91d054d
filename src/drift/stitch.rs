//! Pages of a list that changes while it is read, put together so that nothing falls between them.
//!
//! Meilisearch lists by offset. A document deleted between two pages moves all later ones forward, and one of them would be
//! on neither page: if PostgreSQL lacks just that one, nobody would notice. So pages overlap, and one counts only if it begins
//! with a document of the page before it: then every document that stands all the time is on one of the two.

use std::collections::HashSet;

use super::listing::Entry;
use crate::document::DocumentId;

/// Documents that a page has in common with the one before it, as long as nothing moves.
pub(super) const OVERLAP: u64 = 32;

/// Joins pages.
#[derive(Debug, Default)]
pub(super) struct Stitch {
    /// The page that the next one has to begin in.
    before: HashSet<DocumentId>,
}

impl Stitch {
    /// What is new on a page that was asked for from `offset` on; nothing if something may be missing between it and the one
    /// before it. Then an earlier offset is to be asked for.
    pub(super) fn join(&mut self, offset: u64, page: Vec<Entry>) -> Result<Vec<Entry>, Gap> {
        let begins_within = page.first().is_some_and(|first| self.before.contains(&first.id));
        // Nothing comes before the first document.
        if !begins_within && offset > 0 {
            return Err(Gap);
        }
        let ids: HashSet<DocumentId> = page.iter().map(|entry| entry.id.clone()).collect();
        // Documents that were added may have moved the page so far back that it ends in the one before.
        let ends_within = page.last().is_some_and(|last| self.before.contains(&last.id));
        let new = page.into_iter().filter(|entry| !self.before.contains(&entry.id)).collect();
        if ends_within {
            self.before.extend(ids);
        } else {
            self.before = ids;
        }
        Ok(new)
    }
}

/// Documents may be missing between two pages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// An index as Meilisearch numbers it: a new document takes the first free number.
    struct Numbered(BTreeMap<u32, String>);

    impl Numbered {
        fn add(&mut self, id: String) {
            let free = (0..).find(|number| !self.0.contains_key(number)).unwrap();
            self.0.insert(free, id);
        }

        fn page(&self, offset: u64, limit: u64) -> Vec<Entry> {
            let slice = self.0.values().skip(offset as usize).take(limit as usize);
            slice.map(|id| Entry { id: id.as_str().into(), range: 0, content: 0 }).collect()
        }
    }

    proptest! {
        /// Deletions and additions between any two pages: whatever stands all the time is read, or a gap is seen.
        #[test]
        fn what_stands_all_the_time_is_read(
            documents in 1..60_usize,
            overlap in 1..4_u64,
            step in 1..6_u64,
            changes in vec((any::<bool>(), 0..60_usize), 0..40),
            pace in 1..5_usize,
        ) {
            let mut index = Numbered((0..documents as u32).map(|n| (n, format!("d{n}"))).collect());
            let mut steady: HashSet<String> = index.0.values().cloned().collect();
            let mut changes = changes.into_iter().enumerate();
            let (mut stitch, mut read) = (Stitch::default(), Vec::new());
            for page in 0.. {
                let (mut from, limit) = (page * step, step + overlap);
                let ended = loop {
                    let some = index.page(from, limit + page * step - from);
                    let ended = (some.len() as u64) < limit + page * step - from;
                    match stitch.join(from, some) {
                        Ok(new) => {
                            read.extend(new.into_iter().map(|entry| entry.id.to_string()));
                            break ended;
                        }
                        Err(Gap) => from = from.saturating_sub(overlap),
                    }
                };
                if ended {
                    break;
                }
                for (at, (add, place)) in changes.by_ref().take(pace) {
                    match add {
                        true => index.add(format!("new{at}")),
                        false => {
                            let number = index.0.keys().nth(place % index.0.len().max(1)).copied();
                            steady.retain(|id| number.is_none_or(|number| index.0[&number] != *id));
                            number.map(|number| index.0.remove(&number));
                        }
                    }
                }
            }
            let found: HashSet<String> = read.iter().cloned().collect();
            prop_assert!(steady.is_subset(&found), "missed {:?}", steady.difference(&found));
        }
    }

    #[test]
    fn a_page_that_begins_behind_the_one_before_is_a_gap() {
        let entries = |ids: &[&str]| ids.iter().map(|id| Entry { id: (*id).into(), range: 0, content: 0 }).collect();
        let mut stitch = Stitch::default();
        assert_eq!(stitch.join(0, entries(&["a", "b", "c"])).unwrap().len(), 3);
        assert_eq!(stitch.join(2, entries(&["d", "e"])), Err(Gap));
        assert_eq!(stitch.join(2, entries(&[])), Err(Gap));
        let new = stitch.join(1, entries(&["c", "d"])).unwrap();
        assert_eq!(new, entries(&["d"]));
    }
}
