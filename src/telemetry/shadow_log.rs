//! The log of shadow reads.

use super::{
    names::{
        SHADOW_LOG_DELETED, SHADOW_LOG_LOST, SHADOW_LOG_QUEUED, SHADOW_LOG_REQUESTS_ABSENT, SHADOW_LOG_RETRIES,
        SHADOW_LOG_ROWS,
    },
    record::{count, set},
};

/// Rows were written to the shadow log.
pub(crate) fn shadow_log_stored(rows: u64) {
    count(SHADOW_LOG_ROWS, [], rows);
}

/// A record will not become a row of the shadow log; `reason` is from a closed set.
pub(crate) fn shadow_log_lost(reason: &'static str, outcome: &'static str) {
    count(SHADOW_LOG_LOST, [("reason", reason), ("outcome", outcome)], 1);
}

/// An attempt to reach the shadow log's tables failed.
pub(crate) fn shadow_log_retried() {
    count(SHADOW_LOG_RETRIES, [], 1);
}

/// A row of the shadow log holds no request; `reason` is from a closed set.
pub(crate) fn shadow_log_request_absent(reason: &'static str) {
    count(SHADOW_LOG_REQUESTS_ABSENT, [("reason", reason)], 1);
}

/// Old rows of the shadow log were deleted.
pub(crate) fn shadow_log_deleted(rows: u64) {
    count(SHADOW_LOG_DELETED, [], rows);
}

/// How many records wait for the shadow log's writer.
pub(crate) fn shadow_log_queued(records: usize) {
    set(SHADOW_LOG_QUEUED, [], records as f64);
}
