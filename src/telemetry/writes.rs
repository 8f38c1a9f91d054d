//! Writes on their way to both sides.

use super::{
    names::{
        DUAL_WRITE_ACK_TIMEOUTS, DUAL_WRITE_DELIVERED, DUAL_WRITE_ERRORS, DUAL_WRITE_RECONCILED, DUAL_WRITE_REFUSED,
        DUAL_WRITE_RETRIES, DUAL_WRITE_STALE, DUAL_WRITE_SUSPECTS, DUAL_WRITE_UNKNOWN, DUAL_WRITE_UNREADABLE,
    },
    record::count,
};
use crate::error::Side;

/// An attempt to write a side failed; `kind` is from a closed set.
pub(crate) fn dual_write_failed(side: Side, kind: &'static str) {
    count(DUAL_WRITE_ERRORS, [("side", side.as_str()), ("kind", kind)], 1);
}

/// Writes to a side are tried again.
pub(crate) fn dual_write_retried(side: Side, documents: u64) {
    count(DUAL_WRITE_RETRIES, [("side", side.as_str())], documents);
}

/// Documents stand on the other side.
pub(crate) fn dual_write_delivered(side: Side, documents: u64) {
    count(DUAL_WRITE_DELIVERED, [("side", side.as_str())], documents);
}

/// Documents were not written because a newer version stood.
pub(crate) fn dual_write_stale(documents: u64) {
    count(DUAL_WRITE_STALE, [], documents);
}

/// A document was copied from a side to the other.
pub(crate) fn dual_write_reconciled(from: Side) {
    count(DUAL_WRITE_RECONCILED, [("from", from.as_str())], 1);
}

/// A write was refused; `reason` is from a closed set.
pub(crate) fn dual_write_refused(reason: &'static str) {
    count(DUAL_WRITE_REFUSED, [("reason", reason)], 1);
}

/// Nobody knows what the authority made of writes.
pub(crate) fn dual_write_unknown(side: Side, documents: u64) {
    count(DUAL_WRITE_UNKNOWN, [("side", side.as_str())], documents);
}

/// A write could not be read, and the source answered it; `reason` is from a closed set.
pub(crate) fn dual_write_unreadable(reason: &'static str, taken: bool) {
    let taken = if taken { "yes" } else { "no" };
    count(DUAL_WRITE_UNREADABLE, [("reason", reason), ("taken", taken)], 1);
}

/// A write was answered before the other side stood.
pub(crate) fn dual_write_ack_timed_out() {
    count(DUAL_WRITE_ACK_TIMEOUTS, [], 1);
}

/// Documents were written without a journal.
pub(crate) fn dual_write_suspected(documents: u64) {
    count(DUAL_WRITE_SUSPECTS, [], documents);
}
