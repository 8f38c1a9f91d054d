//! Shadow reads, and the log of them.

use super::{
    names::{
        SHADOW_LATENCY_DELTA, SHADOW_LOG_DELETED, SHADOW_LOG_LOST, SHADOW_LOG_QUEUED, SHADOW_LOG_REQUESTS_ABSENT,
        SHADOW_LOG_RETRIES, SHADOW_LOG_ROWS, SHADOW_NOISE_ERRORS, SHADOW_NOISE_OVERLAP, SHADOW_OUTCOMES,
        SHADOW_OVERLAP, SHADOW_ZERO_RESULTS,
    },
    record::{count, observe, set},
};
use crate::error::{BackendErrorKind, Side};

/// A sampled read ended.
pub(crate) fn shadow_ended(outcome: &'static str) {
    count(SHADOW_OUTCOMES, [("outcome", outcome)], 1);
}

/// A pair was compared.
pub(crate) fn shadow_compared(overlap_at_10: f64, latency_delta_ms: f64) {
    observe(SHADOW_OVERLAP, overlap_at_10);
    observe(SHADOW_LATENCY_DELTA, latency_delta_ms);
}

/// The source was asked twice.
pub(crate) fn shadow_noise(overlap_at_10: f64) {
    observe(SHADOW_NOISE_OVERLAP, overlap_at_10);
}

/// The source did not answer a second time.
pub(crate) fn shadow_noise_failed(kind: BackendErrorKind) {
    count(SHADOW_NOISE_ERRORS, [("kind", kind.as_str())], 1);
}

/// A side of a compared pair found nothing.
pub(crate) fn shadow_zero_results(side: Side) {
    count(SHADOW_ZERO_RESULTS, [("side", side.as_str())], 1);
}

/// Rows were written to the shadow log.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_stored(rows: u64) {
    count(SHADOW_LOG_ROWS, [], rows);
}

/// A record will not become a row of the shadow log; `reason` is from a closed set.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_lost(reason: &'static str, outcome: &'static str) {
    count(SHADOW_LOG_LOST, [("reason", reason), ("outcome", outcome)], 1);
}

/// An attempt to reach the shadow log's tables failed.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_retried() {
    count(SHADOW_LOG_RETRIES, [], 1);
}

/// A row of the shadow log holds no request; `reason` is from a closed set.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_request_absent(reason: &'static str) {
    count(SHADOW_LOG_REQUESTS_ABSENT, [("reason", reason)], 1);
}

/// Old rows of the shadow log were deleted.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_deleted(rows: u64) {
    count(SHADOW_LOG_DELETED, [], rows);
}

/// How many records wait for the shadow log's writer.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_queued(records: usize) {
    set(SHADOW_LOG_QUEUED, [], records as f64);
}
