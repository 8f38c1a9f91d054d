//! Backfills, and what differs after them.

use super::{
    names::{BACKFILL_ETA, BACKFILL_FAILED, BACKFILL_FENCED, BACKFILL_PROCESSED, BACKFILL_RETRIES, DRIFT_DOCUMENTS},
    record::{count, set},
};

/// How far a backfill is.
pub(crate) fn backfill_progress(processed: i64, eta_seconds: Option<f64>) {
    use std::sync::atomic::{AtomicBool, Ordering};

    // A gauge that was set cannot be taken back, only be no number.
    static KNOWN: AtomicBool = AtomicBool::new(false);
    set(BACKFILL_PROCESSED, [], processed as f64);
    if eta_seconds.is_some() {
        KNOWN.store(true, Ordering::Relaxed);
    }
    if KNOWN.load(Ordering::Relaxed) {
        set(BACKFILL_ETA, [], eta_seconds.unwrap_or(f64::NAN));
    }
}

/// A row could not be copied; `reason` is from a closed set.
pub(crate) fn backfill_failed(reason: &'static str) {
    count(BACKFILL_FAILED, [("reason", reason)], 1);
}

/// Something failed and is tried again; `kind` is from a closed set.
pub(crate) fn backfill_retried(kind: &'static str) {
    count(BACKFILL_RETRIES, [("kind", kind)], 1);
}

/// A chunk came too late.
pub(crate) fn backfill_fenced() {
    count(BACKFILL_FENCED, [], 1);
}

/// How many documents differ in one way; `kind` is from a closed set.
pub(crate) fn drift_found(kind: &'static str, documents: u64) {
    set(DRIFT_DOCUMENTS, [("kind", kind)], documents as f64);
}
