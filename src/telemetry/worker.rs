//! The worker itself.

use super::{names::WORKER_PANICS, record::count};

/// A future run along by the worker panicked.
pub(crate) fn worker_panicked() {
    count(WORKER_PANICS, [], 1);
}
