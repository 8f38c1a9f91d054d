//! How full the journal is, and whether it works.

use super::{
    names::{JOURNAL_DEAD_LETTERS, JOURNAL_DUTIES, JOURNAL_ERRORS, JOURNAL_OLDEST, JOURNAL_PENDING},
    record::{count, set},
};

/// How full the journal is.
pub(crate) fn journal_depth(pending: u64, oldest_seconds: f64, dead_letters: u64) {
    set(JOURNAL_PENDING, [], pending as f64);
    set(JOURNAL_OLDEST, [], oldest_seconds);
    set(JOURNAL_DEAD_LETTERS, [], dead_letters as f64);
}

/// How many entries have a duty.
pub(crate) fn journal_duties(duty: &'static str, entries: u64) {
    set(JOURNAL_DUTIES, [("duty", duty)], entries as f64);
}

/// The journal failed; `kind` is from a closed set.
pub(crate) fn journal_failed(kind: &'static str) {
    count(JOURNAL_ERRORS, [("kind", kind)], 1);
}
