//! Documents that were written without a journal.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use crate::document::DocumentId;

/// More are counted, and forgotten: only a drift check finds those.
const MOST: usize = 100_000;

/// The documents that have to be compared once the journal is back.
#[derive(Debug, Default)]
pub(super) struct Suspects(Mutex<BTreeSet<(Arc<str>, DocumentId)>>);

impl Suspects {
    /// Adds documents; false if there was no room for all.
    pub(super) fn add(&self, index: &Arc<str>, ids: impl IntoIterator<Item = DocumentId>) -> bool {
        let mut suspects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = true;
        for id in ids {
            if suspects.len() < MOST {
                suspects.insert((Arc::clone(index), id));
            } else {
                all = false;
            }
        }
        all
    }

    /// Takes them out. Whoever cannot record them adds them again.
    pub(super) fn take(&self) -> BTreeSet<(Arc<str>, DocumentId)> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
