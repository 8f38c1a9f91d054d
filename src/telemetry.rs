//! Every metric of the crate: its name, its meaning, its labels. Nothing else calls the `metrics` macros.
//!
//! Labels come from closed sets (they are `&'static str`); none ever holds a query, a user or a document id. Recording looks the recorder up each
//! time, so an exporter may be installed after the layers are built, but what came before is not seen: install it first; nothing is recorded on the path of a
//! request that is neither sampled nor answered by PostgreSQL.
#![allow(clippy::disallowed_macros)]

use metrics::Unit;

use crate::error::{BackendErrorKind, Side};

/// Sampled reads, by how they ended. Labels: `outcome`.
pub const SHADOW_OUTCOMES: &str = "shadow_outcomes_total";
/// overlap@10 of compared pairs, 0 to 1.
pub const SHADOW_OVERLAP: &str = "shadow_overlap_at_10";
/// PostgreSQL's latency less Meilisearch's, of compared pairs, in milliseconds; negative: PostgreSQL was faster.
pub const SHADOW_LATENCY_DELTA: &str = "shadow_latency_delta_ms";
/// Compared pairs in which a side found nothing. Labels: `side`.
pub const SHADOW_ZERO_RESULTS: &str = "shadow_zero_results_total";
/// Reads that PostgreSQL was to answer and Meilisearch did. Labels: `reason`.
pub const READ_FALLBACK: &str = "read_fallback_total";
/// Reads that nobody answered: PostgreSQL failed and Meilisearch was no longer current. Labels: `reason`.
pub const READ_REFUSED: &str = "read_refused_total";
/// Reads during the canary that named no reader, and therefore stayed on Meilisearch.
pub const CANARY_ANONYMOUS: &str = "canary_anonymous_total";
/// Futures run along by the worker that panicked.
pub const WORKER_PANICS: &str = "worker_panics_total";
/// 1 for the plan in force, 0 for earlier ones. Labels: `phase`, `write_mode`, `read_backend`.
pub const PLAN_INFO: &str = "plan_info";
/// Changes of flags that were refused as a whole. Labels: `reason`.
pub const PLAN_REJECTED: &str = "plan_rejected_total";
/// How long the plan in force has not been confirmed by its source, in seconds; 0 while it can be read.
pub const PLAN_STALE: &str = "plan_stale_seconds";
/// Starts without the flag table. Labels: `from`.
pub const PLAN_FALLBACK: &str = "plan_fallback_total";
/// Rows written to the shadow log.
pub const SHADOW_LOG_ROWS: &str = "shadow_log_rows_total";
/// Records that never became a row of the shadow log. Labels: `reason`, `outcome`.
pub const SHADOW_LOG_LOST: &str = "shadow_log_lost_total";
/// Attempts to reach the shadow log's tables that failed and were made again.
pub const SHADOW_LOG_RETRIES: &str = "shadow_log_retries_total";
/// Rows of the shadow log that were deleted because of their age.
pub const SHADOW_LOG_DELETED: &str = "shadow_log_deleted_total";
/// Records that wait to be written to the shadow log.
pub const SHADOW_LOG_QUEUED: &str = "shadow_log_queued";
/// 1 while changes of the flag table are notified, 0 while only the poll finds them.
pub const PLAN_LISTENING: &str = "plan_listening";
/// Changes of the flag table that the poll found, not a notification.
pub const PLAN_FOUND_BY_POLL: &str = "plan_found_by_poll_total";

/// What a metric is, for [`describe`].
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Every metric of the crate.
const METRICS: &[(&str, Kind, Unit, &str)] = &[
    (SHADOW_OUTCOMES, Kind::Counter, Unit::Count, "Sampled reads, by how they ended"),
    (SHADOW_OVERLAP, Kind::Histogram, Unit::Count, "overlap@10 of compared pairs, 0 to 1"),
    (
        SHADOW_LATENCY_DELTA,
        Kind::Histogram,
        Unit::Milliseconds,
        "Latency of pg less that of meili, of compared pairs; negative: pg was faster",
    ),
    (SHADOW_ZERO_RESULTS, Kind::Counter, Unit::Count, "Compared pairs in which this side found nothing"),
    (READ_FALLBACK, Kind::Counter, Unit::Count, "Reads that pg was to answer and meili did"),
    (READ_REFUSED, Kind::Counter, Unit::Count, "Reads that nobody could answer"),
    (CANARY_ANONYMOUS, Kind::Counter, Unit::Count, "Reads during the canary that named no reader"),
    (WORKER_PANICS, Kind::Counter, Unit::Count, "Futures run along by the worker that panicked"),
    (PLAN_INFO, Kind::Gauge, Unit::Count, "1 for the plan in force, 0 for earlier ones"),
    (PLAN_REJECTED, Kind::Counter, Unit::Count, "Changes of flags that were refused as a whole"),
    (PLAN_STALE, Kind::Gauge, Unit::Seconds, "How long the flags could not be read; 0 while they can"),
    (PLAN_FALLBACK, Kind::Counter, Unit::Count, "Starts without the flag table, by what the plan was taken from"),
    (SHADOW_LOG_ROWS, Kind::Counter, Unit::Count, "Rows written to the shadow log"),
    (SHADOW_LOG_LOST, Kind::Counter, Unit::Count, "Records that never became a row of the shadow log"),
    (SHADOW_LOG_RETRIES, Kind::Counter, Unit::Count, "Failed attempts to reach the shadow log's tables"),
    (SHADOW_LOG_DELETED, Kind::Counter, Unit::Count, "Rows of the shadow log deleted because of their age"),
    (SHADOW_LOG_QUEUED, Kind::Gauge, Unit::Count, "Records that wait to be written to the shadow log"),
    (
        PLAN_LISTENING,
        Kind::Gauge,
        Unit::Count,
        "1 while changes of the flags are notified, 0 while they are polled only",
    ),
    (PLAN_FOUND_BY_POLL, Kind::Counter, Unit::Count, "Changes of the flags that the poll found, not a notification"),
];

/// Tells the installed recorder the meaning and unit of every metric of the crate. Call it once, after installing one.
pub fn describe() {
    for (name, kind, unit, meaning) in METRICS {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *unit, *meaning),
            Kind::Gauge => metrics::describe_gauge!(*name, *unit, *meaning),
            Kind::Histogram => metrics::describe_histogram!(*name, *unit, *meaning),
        }
    }
}

/// Why a read that PostgreSQL was to answer was answered by Meilisearch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackReason {
    /// PostgreSQL failed.
    Failed(BackendErrorKind),
    /// PostgreSQL has failed so often that it is not asked for now.
    BreakerOpen,
}

/// What a start goes on when the flag table cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFallback {
    /// The plan that an earlier process left on disk.
    LastGood,
    /// The default flags: source only.
    Defaults,
}

impl FallbackReason {
    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed(kind) => kind.as_str(),
            Self::BreakerOpen => "breaker_open",
        }
    }
}

/// A read that PostgreSQL was to answer was answered by Meilisearch.
pub(crate) fn read_fallback(reason: FallbackReason) {
    metrics::counter!(READ_FALLBACK, "reason" => reason.as_str()).increment(1);
}

/// A read was answered by nobody.
pub(crate) fn read_refused(kind: BackendErrorKind) {
    metrics::counter!(READ_REFUSED, "reason" => kind.as_str()).increment(1);
}

/// A read during the canary named no reader.
pub(crate) fn canary_anonymous() {
    metrics::counter!(CANARY_ANONYMOUS).increment(1);
}

/// A future run along by the worker panicked.
pub(crate) fn worker_panicked() {
    metrics::counter!(WORKER_PANICS).increment(1);
}

/// A sampled read ended.
pub(crate) fn shadow_ended(outcome: &'static str) {
    metrics::counter!(SHADOW_OUTCOMES, "outcome" => outcome).increment(1);
}

/// A pair was compared.
pub(crate) fn shadow_compared(overlap_at_10: f64, latency_delta_ms: f64) {
    metrics::histogram!(SHADOW_OVERLAP).record(overlap_at_10);
    metrics::histogram!(SHADOW_LATENCY_DELTA).record(latency_delta_ms);
}

/// A side of a compared pair found nothing.
pub(crate) fn shadow_zero_results(side: Side) {
    metrics::counter!(SHADOW_ZERO_RESULTS, "side" => side.as_str()).increment(1);
}

/// A plan came into force, or is no longer.
pub(crate) fn plan_info(phase: &'static str, write_mode: &'static str, read_backend: &'static str, in_force: bool) {
    let gauge =
        metrics::gauge!(PLAN_INFO, "phase" => phase, "write_mode" => write_mode, "read_backend" => read_backend);
    gauge.set(if in_force { 1.0 } else { 0.0 });
}

/// A proposal was refused; `rule` is the name of one.
pub(crate) fn plan_rejected(rule: &'static str) {
    metrics::counter!(PLAN_REJECTED, "reason" => rule).increment(1);
}

/// How old the knowledge of the flag table is.
pub(crate) fn plan_stale(age: std::time::Duration) {
    metrics::gauge!(PLAN_STALE).set(age.as_secs_f64());
}

/// A start without the flag table.
pub(crate) fn plan_fallback(from: PlanFallback) {
    let from = match from {
        PlanFallback::LastGood => "last_good",
        PlanFallback::Defaults => "defaults",
    };
    metrics::counter!(PLAN_FALLBACK, "from" => from).increment(1);
}

/// Rows were written to the shadow log.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_stored(rows: u64) {
    metrics::counter!(SHADOW_LOG_ROWS).increment(rows);
}

/// A record will not become a row of the shadow log; `reason` is from a closed set.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_lost(reason: &'static str, outcome: &'static str) {
    metrics::counter!(SHADOW_LOG_LOST, "reason" => reason, "outcome" => outcome).increment(1);
}

/// An attempt to reach the shadow log's tables failed.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_retried() {
    metrics::counter!(SHADOW_LOG_RETRIES).increment(1);
}

/// Old rows of the shadow log were deleted.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_deleted(rows: u64) {
    metrics::counter!(SHADOW_LOG_DELETED).increment(rows);
}

/// How many records wait for the shadow log's writer.
#[cfg(feature = "postgres")]
pub(crate) fn shadow_log_queued(records: usize) {
    metrics::gauge!(SHADOW_LOG_QUEUED).set(records as f64);
}

/// Changes of the flag table are notified from now on, or no longer.
#[cfg(feature = "postgres")]
pub(crate) fn plan_listening(listening: bool) {
    metrics::gauge!(PLAN_LISTENING).set(f64::from(u8::from(listening)));
}

/// The poll found a change of the flag table that was not notified.
#[cfg(feature = "postgres")]
pub(crate) fn plan_found_by_poll() {
    metrics::counter!(PLAN_FOUND_BY_POLL).increment(1);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_constant_of_this_file_is_described_once() {
        let source = include_str!("telemetry.rs");
        let declared: BTreeSet<&str> = source
            .lines()
            .filter(|line| line.starts_with("pub const "))
            .filter_map(|line| line.split('"').nth(1))
            .collect();
        let described: Vec<&str> = METRICS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(described.iter().copied().collect::<BTreeSet<_>>(), declared);
        assert_eq!(described.len(), declared.len());
    }
}
