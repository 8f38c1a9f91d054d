//! A tally of the records that could not be stored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{shadow::Outcome, telemetry};

/// Why a record did not become a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// The queue to the writer was full.
    QueueFull,
    /// The database takes no such row.
    Refused,
    /// The writer had stopped, or stopped before the row was written.
    Shutdown,
}

/// What losses are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LossKey {
    /// Microseconds since 1970 of the minute in which the request arrived.
    pub(super) minute: i64,
    pub(super) endpoint: Arc<str>,
    pub(super) outcome: Outcome,
    pub(super) reason: Reason,
}

/// Losses that are not yet in the table. During an outage it grows by a few entries a minute: one for each endpoint and
/// outcome.
#[derive(Debug, Default)]
pub(super) struct Losses(Mutex<HashMap<LossKey, i64>>);

const MINUTE: i64 = 60_000_000;

impl Reason {
    /// The value of the label and the column.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Losses {
    /// Counts one record, in the metric and for the table. Called on the response path when the queue is full: the lock
    /// is held for one map entry, here and in [`take`](Self::take).
    pub(super) fn count(&self, at_micros: i64, endpoint: &Arc<str>, outcome: Outcome, reason: Reason) {
        telemetry::shadow_log_lost(reason.as_str(), outcome.as_str());
        let minute = at_micros - at_micros % MINUTE;
        let key = LossKey { minute, endpoint: Arc::clone(endpoint), outcome, reason };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// Hands over what was counted since the last time.
    pub(super) fn take(&self) -> HashMap<LossKey, i64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_one_minute_are_added_up_and_handed_over_once() {
        let losses = Losses::default();
        let endpoint = Arc::from("GET /search");
        for at in [0, MINUTE - 1, MINUTE] {
            losses.count(at, &endpoint, Outcome::Compared, Reason::QueueFull);
        }
        losses.count(1, &endpoint, Outcome::Compared, Reason::Refused);
        let of = |minute, reason| LossKey { minute, endpoint: endpoint.clone(), outcome: Outcome::Compared, reason };
        let expected = [(of(0, Reason::QueueFull), 2), (of(MINUTE, Reason::QueueFull), 1), (of(0, Reason::Refused), 1)];
        assert_eq!(losses.take(), HashMap::from(expected));
        assert!(losses.take().is_empty());
    }
}
