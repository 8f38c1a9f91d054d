//! Shadow reads.

use super::{
    names::{
        SHADOW_LATENCY_DELTA, SHADOW_NOISE_ERRORS, SHADOW_NOISE_OVERLAP, SHADOW_OUTCOMES, SHADOW_OVERLAP,
        SHADOW_ZERO_RESULTS,
    },
    record::{count, observe},
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
