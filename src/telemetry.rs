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
/// 1 while a rollback is latched, 0 while reads may go to PostgreSQL.
pub const ROLLBACK_LATCHED: &str = "rollback_latched";
/// Rollbacks by the guard of this process. Labels: `reason`.
pub const GUARD_ROLLBACKS: &str = "guard_rollbacks_total";
/// Times that the guard would have rolled back, and Meilisearch was no longer current. Labels: `reason`.
pub const GUARD_POWERLESS: &str = "guard_powerless_total";
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
/// Failed attempts to write a side, or to see to it that a write stands there. Labels: `side`, `kind`.
pub const DUAL_WRITE_ERRORS: &str = "search_dual_write_errors_total";
/// Writes that are tried again. Labels: `side`.
pub const DUAL_WRITE_RETRIES: &str = "search_dual_write_retries_total";
/// Documents brought to stand on the other side. Labels: `side`.
pub const DUAL_WRITE_DELIVERED: &str = "search_dual_write_delivered_total";
/// Documents not written to PostgreSQL because a newer version stood there.
pub const DUAL_WRITE_STALE: &str = "search_dual_write_stale_total";
/// Documents copied from one side to the other because nobody could tell what stood, or in which order. Labels: `from`.
pub const DUAL_WRITE_RECONCILED: &str = "search_dual_write_reconciled_total";
/// Writes that were refused. Labels: `reason`.
pub const DUAL_WRITE_REFUSED: &str = "search_dual_write_refused_total";
/// Writes whose outcome at the authority is unknown, so that it is asked what stands. Labels: `side`.
pub const DUAL_WRITE_UNKNOWN: &str = "search_dual_write_unknown_total";
/// Writes that could not be read and that the source answered. Labels: `reason`, `taken`.
pub const DUAL_WRITE_UNREADABLE: &str = "search_dual_write_unreadable_total";
/// Writes answered before the other side stood, though both were to be waited for.
pub const DUAL_WRITE_ACK_TIMEOUTS: &str = "search_dual_write_ack_timeouts_total";
/// Documents written while the journal was not available: suspected drift until they are compared.
pub const DUAL_WRITE_SUSPECTS: &str = "search_dual_write_suspects_total";
/// Intents in the journal.
pub const JOURNAL_PENDING: &str = "journal_pending";
/// Intents by what is still to be done for them. Labels: `duty`.
pub const JOURNAL_DUTIES: &str = "journal_duties";
/// The age of the oldest intent in the journal, in seconds; 0 when it is empty.
pub const JOURNAL_OLDEST: &str = "journal_oldest_seconds";
/// Dead letters in the journal.
pub const JOURNAL_DEAD_LETTERS: &str = "journal_dead_letters";
/// Failed operations of the journal. Labels: `kind`.
pub const JOURNAL_ERRORS: &str = "journal_errors_total";
/// Changes of documents in PostgreSQL that are not folded into the postings yet: every search reads them all.
pub const SEARCH_CHANGES: &str = "search_changes_pending";
/// Documents whose changes this process has folded into the postings.
pub const SEARCH_FOLDED: &str = "search_folded_documents_total";
/// Times that changes could not be folded into the postings.
pub const SEARCH_FOLD_ERRORS: &str = "search_fold_errors_total";
/// Rows of the outbox that a side has not taken yet. Labels: `side`.
pub const OUTBOX_BACKLOG: &str = "outbox_backlog";
/// The age of the oldest row of the outbox that a side has not taken yet, in seconds. Labels: `side`.
pub const OUTBOX_OLDEST: &str = "outbox_oldest_seconds";
/// Rows of the outbox that became dead letters. Labels: `reason`.
pub const OUTBOX_DEAD_LETTERS: &str = "outbox_dead_letters_total";
/// 1 while this process reads the outbox, 0 while it stands by. Labels: `side`.
pub const OUTBOX_ACTIVE: &str = "outbox_active";

/// Rows that a backfill has dealt with.
pub const BACKFILL_PROCESSED: &str = "backfill_processed_rows";
/// How long a backfill will still copy, in seconds, at its recent rate. Absent until it can be known, and NaN when it no longer can.
pub const BACKFILL_ETA: &str = "backfill_eta_seconds";

/// Rows that a backfill could not copy. Labels: `reason`.
pub const BACKFILL_FAILED: &str = "backfill_failed_rows_total";
/// Attempts of a backfill that failed and are made again. Labels: `kind`.
pub const BACKFILL_RETRIES: &str = "backfill_retries_total";
/// Chunks that were not committed because another worker had taken the shard.
pub const BACKFILL_FENCED: &str = "backfill_fenced_total";
/// Documents on which the sides differ, as the last drift check or the last sample found. Labels: `kind`.
pub const DRIFT_DOCUMENTS: &str = "drift_documents";

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
    (ROLLBACK_LATCHED, Kind::Gauge, Unit::Count, "1 while a rollback is latched: reads stay on meili"),
    (GUARD_ROLLBACKS, Kind::Counter, Unit::Count, "Rollbacks by the guard of this process"),
    (GUARD_POWERLESS, Kind::Counter, Unit::Count, "Times that the guard could not roll back"),
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
    (DUAL_WRITE_ERRORS, Kind::Counter, Unit::Count, "Failed attempts to write a side"),
    (DUAL_WRITE_RETRIES, Kind::Counter, Unit::Count, "Writes that are tried again"),
    (DUAL_WRITE_DELIVERED, Kind::Counter, Unit::Count, "Documents brought to stand on the other side"),
    (DUAL_WRITE_STALE, Kind::Counter, Unit::Count, "Documents not written to pg because a newer version stood there"),
    (DUAL_WRITE_RECONCILED, Kind::Counter, Unit::Count, "Documents copied from the side that was right to the other"),
    (DUAL_WRITE_REFUSED, Kind::Counter, Unit::Count, "Writes that were refused"),
    (DUAL_WRITE_UNKNOWN, Kind::Counter, Unit::Count, "Writes whose outcome at the authority is unknown"),
    (DUAL_WRITE_UNREADABLE, Kind::Counter, Unit::Count, "Writes that could not be read and that meili answered"),
    (DUAL_WRITE_ACK_TIMEOUTS, Kind::Counter, Unit::Count, "Writes answered before the other side stood"),
    (DUAL_WRITE_SUSPECTS, Kind::Counter, Unit::Count, "Documents written without a journal: suspected drift"),
    (JOURNAL_PENDING, Kind::Gauge, Unit::Count, "Intents in the journal"),
    (JOURNAL_DUTIES, Kind::Gauge, Unit::Count, "Intents in the journal, by what is still to be done"),
    (JOURNAL_OLDEST, Kind::Gauge, Unit::Seconds, "The age of the oldest intent in the journal; 0 when it is empty"),
    (JOURNAL_DEAD_LETTERS, Kind::Gauge, Unit::Count, "Dead letters in the journal"),
    (JOURNAL_ERRORS, Kind::Counter, Unit::Count, "Failed operations of the journal"),
    (SEARCH_CHANGES, Kind::Gauge, Unit::Count, "Changes of documents that are not folded into the postings yet"),
    (SEARCH_FOLDED, Kind::Counter, Unit::Count, "Documents whose changes were folded into the postings"),
    (SEARCH_FOLD_ERRORS, Kind::Counter, Unit::Count, "Times that changes could not be folded into the postings"),
    (OUTBOX_BACKLOG, Kind::Gauge, Unit::Count, "Rows of the outbox that a side has not taken yet"),
    (
        OUTBOX_OLDEST,
        Kind::Gauge,
        Unit::Seconds,
        "The age of the oldest row of the outbox that a side has not taken yet",
    ),
    (OUTBOX_DEAD_LETTERS, Kind::Counter, Unit::Count, "Rows of the outbox that became dead letters"),
    (BACKFILL_PROCESSED, Kind::Gauge, Unit::Count, "Rows that the backfill this process works on has dealt with"),
    (BACKFILL_ETA, Kind::Gauge, Unit::Seconds, "How long it will still copy; absent or NaN when nobody can know"),
    (BACKFILL_FAILED, Kind::Counter, Unit::Count, "Rows that a backfill could not copy"),
    (BACKFILL_RETRIES, Kind::Counter, Unit::Count, "Attempts of a backfill that failed and are made again"),
    (BACKFILL_FENCED, Kind::Counter, Unit::Count, "Chunks not committed because another worker had taken the shard"),
    (OUTBOX_ACTIVE, Kind::Gauge, Unit::Count, "1 while this process reads the outbox, 0 while it stands by"),
    (
        DRIFT_DOCUMENTS,
        Kind::Gauge,
        Unit::Count,
        "Documents on which the sides differ, as the last drift check or the last sample found",
    ),
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

/// Whether a rollback is latched.
pub(crate) fn rollback_latched(latched: bool) {
    metrics::gauge!(ROLLBACK_LATCHED).set(f64::from(u8::from(latched)));
}

/// The guard has rolled back; `reason` is from a closed set.
pub(crate) fn guard_rolled_back(reason: &'static str) {
    metrics::counter!(GUARD_ROLLBACKS, "reason" => reason).increment(1);
}

/// The guard would have rolled back; `reason` is from a closed set.
pub(crate) fn guard_powerless(reason: &'static str) {
    metrics::counter!(GUARD_POWERLESS, "reason" => reason).increment(1);
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

/// An attempt to write a side failed; `kind` is from a closed set.
pub(crate) fn dual_write_failed(side: Side, kind: &'static str) {
    metrics::counter!(DUAL_WRITE_ERRORS, "side" => side.as_str(), "kind" => kind).increment(1);
}

/// Writes to a side are tried again.
pub(crate) fn dual_write_retried(side: Side, documents: u64) {
    metrics::counter!(DUAL_WRITE_RETRIES, "side" => side.as_str()).increment(documents);
}

/// Documents stand on the other side.
pub(crate) fn dual_write_delivered(side: Side, documents: u64) {
    metrics::counter!(DUAL_WRITE_DELIVERED, "side" => side.as_str()).increment(documents);
}

/// Documents were not written because a newer version stood.
pub(crate) fn dual_write_stale(documents: u64) {
    metrics::counter!(DUAL_WRITE_STALE).increment(documents);
}

/// A document was copied from a side to the other.
pub(crate) fn dual_write_reconciled(from: Side) {
    metrics::counter!(DUAL_WRITE_RECONCILED, "from" => from.as_str()).increment(1);
}

/// A write was refused; `reason` is from a closed set.
pub(crate) fn dual_write_refused(reason: &'static str) {
    metrics::counter!(DUAL_WRITE_REFUSED, "reason" => reason).increment(1);
}

/// Nobody knows what the authority made of writes.
pub(crate) fn dual_write_unknown(side: Side, documents: u64) {
    metrics::counter!(DUAL_WRITE_UNKNOWN, "side" => side.as_str()).increment(documents);
}

/// A write could not be read, and the source answered it; `reason` is from a closed set.
pub(crate) fn dual_write_unreadable(reason: &'static str, taken: bool) {
    let taken = if taken { "yes" } else { "no" };
    metrics::counter!(DUAL_WRITE_UNREADABLE, "reason" => reason, "taken" => taken).increment(1);
}

/// A write was answered before the other side stood.
pub(crate) fn dual_write_ack_timed_out() {
    metrics::counter!(DUAL_WRITE_ACK_TIMEOUTS).increment(1);
}

/// Documents were written without a journal.
pub(crate) fn dual_write_suspected(documents: u64) {
    metrics::counter!(DUAL_WRITE_SUSPECTS).increment(documents);
}

/// How full the journal is.
pub(crate) fn journal_depth(pending: u64, oldest_seconds: f64, dead_letters: u64) {
    metrics::gauge!(JOURNAL_PENDING).set(pending as f64);
    metrics::gauge!(JOURNAL_OLDEST).set(oldest_seconds);
    metrics::gauge!(JOURNAL_DEAD_LETTERS).set(dead_letters as f64);
}

/// How many entries have a duty.
pub(crate) fn journal_duties(duty: &'static str, entries: u64) {
    metrics::gauge!(JOURNAL_DUTIES, "duty" => duty).set(entries as f64);
}

/// The journal failed; `kind` is from a closed set.
pub(crate) fn journal_failed(kind: &'static str) {
    metrics::counter!(JOURNAL_ERRORS, "kind" => kind).increment(1);
}

/// What a side has not taken from the outbox.
#[cfg(feature = "postgres")]
pub(crate) fn changes_pending(changes: u64) {
    metrics::gauge!(SEARCH_CHANGES).set(changes as f64);
}

#[cfg(feature = "postgres")]
pub(crate) fn folded(documents: u64) {
    metrics::counter!(SEARCH_FOLDED).increment(documents);
}

#[cfg(feature = "postgres")]
pub(crate) fn fold_failed() {
    metrics::counter!(SEARCH_FOLD_ERRORS).increment(1);
}

#[cfg(feature = "postgres")]
pub(crate) fn outbox_backlog(side: Side, rows: u64, oldest_seconds: f64) {
    metrics::gauge!(OUTBOX_BACKLOG, "side" => side.as_str()).set(rows as f64);
    metrics::gauge!(OUTBOX_OLDEST, "side" => side.as_str()).set(oldest_seconds);
}

/// A row of the outbox became a dead letter; `reason` is from a closed set.
#[cfg(feature = "postgres")]
pub(crate) fn outbox_dead(reason: &'static str) {
    metrics::counter!(OUTBOX_DEAD_LETTERS, "reason" => reason).increment(1);
}

/// How far a backfill is.
#[cfg(all(feature = "meili", feature = "postgres"))]
pub(crate) fn backfill_progress(processed: i64, eta_seconds: Option<f64>) {
    use std::sync::atomic::{AtomicBool, Ordering};

    // A gauge that was set cannot be taken back, only be no number.
    static KNOWN: AtomicBool = AtomicBool::new(false);
    metrics::gauge!(BACKFILL_PROCESSED).set(processed as f64);
    if eta_seconds.is_some() {
        KNOWN.store(true, Ordering::Relaxed);
    }
    if KNOWN.load(Ordering::Relaxed) {
        metrics::gauge!(BACKFILL_ETA).set(eta_seconds.unwrap_or(f64::NAN));
    }
}

/// A row could not be copied; `reason` is from a closed set.
#[cfg(all(feature = "meili", feature = "postgres"))]
pub(crate) fn backfill_failed(reason: &'static str) {
    metrics::counter!(BACKFILL_FAILED, "reason" => reason).increment(1);
}

/// Something failed and is tried again; `kind` is from a closed set.
#[cfg(all(feature = "meili", feature = "postgres"))]
pub(crate) fn backfill_retried(kind: &'static str) {
    metrics::counter!(BACKFILL_RETRIES, "kind" => kind).increment(1);
}

/// A chunk came too late.
#[cfg(all(feature = "meili", feature = "postgres"))]
pub(crate) fn backfill_fenced() {
    metrics::counter!(BACKFILL_FENCED).increment(1);
}

/// Whether this process reads the outbox for a side.
#[cfg(feature = "postgres")]
pub(crate) fn outbox_active(side: Side, active: bool) {
    metrics::gauge!(OUTBOX_ACTIVE, "side" => side.as_str()).set(f64::from(u8::from(active)));
}

/// How many documents differ in one way; `kind` is from a closed set.
#[cfg(all(feature = "meili", feature = "postgres"))]
pub(crate) fn drift_found(kind: &'static str, documents: u64) {
    metrics::gauge!(DRIFT_DOCUMENTS, "kind" => kind).set(documents as f64);
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
