//! Every metric of the crate: its name, its meaning, its labels. Nothing else calls the `metrics` macros.
//!
//! Labels come from closed sets; none ever holds a query, a user or a document id. Recording looks the recorder up each
//! time, so an exporter may be installed before or after the layers are built; nothing is recorded on the path of a
//! request that is neither sampled nor answered by PostgreSQL.
#![allow(clippy::disallowed_macros)]

/// Why a read that PostgreSQL was to answer was answered by Meilisearch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackReason {
    /// PostgreSQL failed.
    Failed(crate::error::BackendErrorKind),
    /// The request could not be read, or not carried over.
    Undecodable,
    /// PostgreSQL has failed so often that it is not asked for now.
    BreakerOpen,
}

impl FallbackReason {
    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed(kind) => kind.as_str(),
            Self::Undecodable => "undecodable",
            Self::BreakerOpen => "breaker_open",
        }
    }
}

/// Counts a read that PostgreSQL was to answer and Meilisearch did.
pub fn read_fallback(reason: FallbackReason) {
    metrics::counter!("read_fallback_total", "reason" => reason.as_str()).increment(1);
}

/// Counts the end of a sampled read, and what was measured if both sides answered.
pub fn shadow_recorded(record: &crate::shadow::ShadowRecord) {
    metrics::counter!("shadow_outcomes_total", "outcome" => record.outcome.as_str()).increment(1);
    if let Some(overlap) = record.overlap_at_10 {
        metrics::histogram!("shadow_overlap_at_10").record(overlap);
    }
    if let Some(delta) = record.latency_delta_ms() {
        metrics::histogram!("shadow_latency_delta_ms").record(delta);
    }
    for side in [crate::error::Side::Meili, crate::error::Side::Pg] {
        if record.leg(side).ids.as_ref().is_some_and(Vec::is_empty) {
            metrics::counter!("shadow_zero_results_total", "side" => side.as_str()).increment(1);
        }
    }
}
