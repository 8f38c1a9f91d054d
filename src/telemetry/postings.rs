//! PostgreSQL's postings.

use super::{
    names::{SEARCH_CHANGES, SEARCH_FOLD_ERRORS, SEARCH_FOLDED},
    record::{count, set},
};

/// Changes that wait to be folded.
pub(crate) fn changes_pending(changes: u64) {
    set(SEARCH_CHANGES, [], changes as f64);
}

/// Changes of documents were folded.
pub(crate) fn folded(documents: u64) {
    count(SEARCH_FOLDED, [], documents);
}

/// Changes could not be folded.
pub(crate) fn fold_failed() {
    count(SEARCH_FOLD_ERRORS, [], 1);
}
