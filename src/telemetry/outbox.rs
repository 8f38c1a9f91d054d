//! The intake from an outbox.

use super::{
    names::{OUTBOX_ACTIVE, OUTBOX_BACKLOG, OUTBOX_DEAD_LETTERS, OUTBOX_OLDEST},
    record::{count, set},
};
use crate::error::Side;

/// What a side has not taken from the outbox.
pub(crate) fn outbox_backlog(side: Side, rows: u64, oldest_seconds: f64) {
    set(OUTBOX_BACKLOG, [("side", side.as_str())], rows as f64);
    set(OUTBOX_OLDEST, [("side", side.as_str())], oldest_seconds);
}

/// A row of the outbox became a dead letter; `reason` is from a closed set.
pub(crate) fn outbox_dead(reason: &'static str) {
    count(OUTBOX_DEAD_LETTERS, [("reason", reason)], 1);
}

/// Whether this process reads the outbox for a side.
pub(crate) fn outbox_active(side: Side, active: bool) {
    set(OUTBOX_ACTIVE, [("side", side.as_str())], f64::from(u8::from(active)));
}
