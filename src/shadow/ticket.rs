//! The right and the duty to record how a sampled read ended, once.

use std::sync::Arc;

use super::{Outcome, ShadowRecord, ShadowSink};
use crate::{error::Side, telemetry};

/// Exists once for each sampled read. It is [resolved](Ticket::resolve), or, if it gets lost on the way (a worker that
/// stopped, a task that panicked), resolves itself when it is dropped: no sampled read ends without an outcome.
pub(super) struct Ticket {
    open: Option<(Arc<dyn ShadowSink>, ShadowRecord)>,
}

impl Ticket {
    pub(super) fn new(sink: Arc<dyn ShadowSink>, record: ShadowRecord) -> Self {
        Self { open: Some((sink, record)) }
    }

    /// Fills in what has become known.
    pub(super) fn note(&mut self, note: impl FnOnce(&mut ShadowRecord)) {
        if let Some((_, record)) = &mut self.open {
            note(record);
        }
    }

    /// Ends it.
    pub(super) fn resolve(mut self, outcome: Outcome, error_kind: &'static str) {
        self.close(outcome, error_kind);
    }

    fn close(&mut self, outcome: Outcome, error_kind: &'static str) {
        if let Some((sink, mut record)) = self.open.take() {
            record.outcome = outcome;
            record.error_kind = error_kind;
            tell(&record);
            sink.record(record);
        }
    }
}

/// Shows a record in the metrics.
fn tell(record: &ShadowRecord) {
    telemetry::shadow_ended(record.outcome.as_str());
    let (Some(overlap), Some(delta)) = (record.overlap_at_10, record.latency_delta_ms()) else { return };
    telemetry::shadow_compared(overlap, delta);
    if let Some(noise) = record.noise_overlap_at_10 {
        telemetry::shadow_noise(noise);
    }
    for side in [Side::Meili, Side::Pg] {
        if record.leg(side).ids.as_ref().is_some_and(Vec::is_empty) {
            telemetry::shadow_zero_results(side);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.close(Outcome::ShadowError, "panic");
        } else {
            self.close(Outcome::DroppedShutdown, "");
        }
    }
}
