//! The table.

use metrics::Unit;

use super::{
    labels::{
        BREACH, DRIFT, DUTY, FALLBACK_REASON, FROM, JOURNAL_ERROR, LOG_LOSS, NOISE_ERROR, OUTBOX_REASON, OUTCOME,
        PHASE, READ_BACKEND, READ_REFUSAL, REQUEST_ABSENT, ROW_FAILURE, RULE, SIDE, START, STEP, TAKEN, UNREACHABLE,
        UNREADABLE, VERDICT, WRITE_ERROR, WRITE_MODE, WRITE_REFUSAL,
    },
    metric::{Metric, counter, gauge, histogram},
    names::{
        BACKFILL_ETA, BACKFILL_FAILED, BACKFILL_FENCED, BACKFILL_PROCESSED, BACKFILL_RETRIES, CANARY_ANONYMOUS,
        DRIFT_DOCUMENTS, DUAL_WRITE_ACK_TIMEOUTS, DUAL_WRITE_DELIVERED, DUAL_WRITE_ERRORS, DUAL_WRITE_RECONCILED,
        DUAL_WRITE_REFUSED, DUAL_WRITE_RETRIES, DUAL_WRITE_STALE, DUAL_WRITE_SUSPECTS, DUAL_WRITE_UNKNOWN,
        DUAL_WRITE_UNREADABLE, GATE_STEPS, GATE_VERDICTS, GUARD_POWERLESS, GUARD_ROLLBACKS, JOURNAL_DEAD_LETTERS,
        JOURNAL_DUTIES, JOURNAL_ERRORS, JOURNAL_OLDEST, JOURNAL_PENDING, OUTBOX_ACTIVE, OUTBOX_BACKLOG,
        OUTBOX_DEAD_LETTERS, OUTBOX_OLDEST, PLAN_FALLBACK, PLAN_FOUND_BY_POLL, PLAN_INFO, PLAN_LISTENING,
        PLAN_REJECTED, PLAN_STALE, READ_FALLBACK, READ_REFUSED, ROLLBACK_LATCHED, SEARCH_CHANGES, SEARCH_FOLD_ERRORS,
        SEARCH_FOLDED, SHADOW_LATENCY_DELTA, SHADOW_LOG_DELETED, SHADOW_LOG_LOST, SHADOW_LOG_QUEUED,
        SHADOW_LOG_REQUESTS_ABSENT, SHADOW_LOG_RETRIES, SHADOW_LOG_ROWS, SHADOW_NOISE_ERRORS, SHADOW_NOISE_OVERLAP,
        SHADOW_OUTCOMES, SHADOW_OVERLAP, SHADOW_ZERO_RESULTS, WORKER_PANICS,
    },
};

/// overlap@10 of full pages is a multiple of a tenth.
const OVERLAP_BOUNDS: &[f64] = &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Milliseconds, dense around no difference.
const DELTA_BOUNDS: &[f64] =
    &[-1000.0, -300.0, -100.0, -30.0, -10.0, -3.0, -1.0, 0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0];

/// Every metric of the crate.
pub const METRICS: &[Metric] = &[
    // Reads.
    counter(READ_FALLBACK, "Reads that pg was to answer and meili did").by(&[FALLBACK_REASON]),
    counter(READ_REFUSED, "Reads that nobody could answer").by(&[READ_REFUSAL]),
    counter(CANARY_ANONYMOUS, "Reads during the canary that named no reader"),
    // Shadow reads, and the log of them.
    counter(SHADOW_OUTCOMES, "Sampled reads, by how they ended").by(&[OUTCOME]),
    histogram(SHADOW_OVERLAP, OVERLAP_BOUNDS, "overlap@10 of compared pairs, 0 to 1"),
    histogram(SHADOW_NOISE_OVERLAP, OVERLAP_BOUNDS, "overlap@10 of two answers of meili to one query, 0 to 1"),
    counter(SHADOW_NOISE_ERRORS, "Second questions to meili, for its noise, that failed").by(&[NOISE_ERROR]),
    histogram(
        SHADOW_LATENCY_DELTA,
        DELTA_BOUNDS,
        "Latency of pg less that of meili, of compared pairs; negative: pg was faster",
    )
    .in_unit(Unit::Milliseconds),
    counter(SHADOW_ZERO_RESULTS, "Compared pairs in which this side found nothing").by(&[SIDE]),
    counter(SHADOW_LOG_ROWS, "Rows written to the shadow log"),
    counter(SHADOW_LOG_LOST, "Records that never became a row of the shadow log").by(&[LOG_LOSS, OUTCOME]),
    counter(SHADOW_LOG_RETRIES, "Failed attempts to reach the shadow log's tables"),
    counter(SHADOW_LOG_DELETED, "Rows of the shadow log deleted because of their age"),
    counter(SHADOW_LOG_REQUESTS_ABSENT, "Rows of the shadow log without the request").by(&[REQUEST_ABSENT]),
    gauge(SHADOW_LOG_QUEUED, "Records that wait to be written to the shadow log"),
    // The plan.
    gauge(PLAN_INFO, "1 for the plan in force, 0 for earlier ones").by(&[PHASE, WRITE_MODE, READ_BACKEND]),
    counter(PLAN_REJECTED, "Changes of flags that were refused as a whole").by(&[RULE]),
    gauge(ROLLBACK_LATCHED, "1 while a rollback is latched: reads stay on meili"),
    counter(GUARD_ROLLBACKS, "Rollbacks by the guard of this process").by(&[BREACH]),
    counter(GUARD_POWERLESS, "Times that the guard could not roll back").by(&[BREACH]),
    gauge(PLAN_STALE, "How long the flags could not be read; 0 while they can").in_unit(Unit::Seconds),
    counter(PLAN_FALLBACK, "Starts without the flag table, by what the plan was taken from").by(&[START]),
    gauge(PLAN_LISTENING, "1 while changes of the flags are notified, 0 while they are polled only"),
    counter(PLAN_FOUND_BY_POLL, "Changes of the flags that the poll found, not a notification"),
    // Gates and steps.
    counter(GATE_VERDICTS, "Looks at the gates, by the verdict").by(&[VERDICT]),
    counter(GATE_STEPS, "Steps of the migration that this process has taken").by(&[STEP]),
    // Writes.
    counter(DUAL_WRITE_ERRORS, "Failed attempts to write a side").by(&[SIDE, WRITE_ERROR]),
    counter(DUAL_WRITE_RETRIES, "Writes that are tried again").by(&[SIDE]),
    counter(DUAL_WRITE_DELIVERED, "Documents brought to stand on the other side").by(&[SIDE]),
    counter(DUAL_WRITE_STALE, "Documents not written to pg because a newer version stood there"),
    counter(DUAL_WRITE_RECONCILED, "Documents copied from the side that was right to the other").by(&[FROM]),
    counter(DUAL_WRITE_REFUSED, "Writes that were refused").by(&[WRITE_REFUSAL]),
    counter(DUAL_WRITE_UNKNOWN, "Writes whose outcome at the authority is unknown").by(&[SIDE]),
    counter(DUAL_WRITE_UNREADABLE, "Writes that could not be read and that meili answered").by(&[UNREADABLE, TAKEN]),
    counter(DUAL_WRITE_ACK_TIMEOUTS, "Writes answered before the other side stood"),
    counter(DUAL_WRITE_SUSPECTS, "Documents written without a journal: suspected drift"),
    // The journal.
    gauge(JOURNAL_PENDING, "Intents in the journal"),
    gauge(JOURNAL_DUTIES, "Intents in the journal, by what is still to be done").by(&[DUTY]),
    gauge(JOURNAL_OLDEST, "The age of the oldest intent in the journal; 0 when it is empty").in_unit(Unit::Seconds),
    gauge(JOURNAL_DEAD_LETTERS, "Dead letters in the journal"),
    counter(JOURNAL_ERRORS, "Failed operations of the journal").by(&[JOURNAL_ERROR]),
    // The outbox.
    gauge(OUTBOX_BACKLOG, "Rows of the outbox that a side has not taken yet").by(&[SIDE]),
    gauge(OUTBOX_OLDEST, "The age of the oldest row of the outbox that a side has not taken yet")
        .by(&[SIDE])
        .in_unit(Unit::Seconds),
    counter(OUTBOX_DEAD_LETTERS, "Rows of the outbox that became dead letters").by(&[OUTBOX_REASON]),
    gauge(OUTBOX_ACTIVE, "1 while this process reads the outbox, 0 while it stands by").by(&[SIDE]),
    // PostgreSQL's postings.
    gauge(SEARCH_CHANGES, "Changes of documents that are not folded into the postings yet"),
    counter(SEARCH_FOLDED, "Documents whose changes were folded into the postings"),
    counter(SEARCH_FOLD_ERRORS, "Times that changes could not be folded into the postings"),
    // Backfill and drift.
    gauge(BACKFILL_PROCESSED, "Rows that the backfill this process works on has dealt with"),
    gauge(BACKFILL_ETA, "How long it will still copy; absent or NaN when nobody can know").in_unit(Unit::Seconds),
    counter(BACKFILL_FAILED, "Rows that a backfill could not copy").by(&[ROW_FAILURE]),
    counter(BACKFILL_RETRIES, "Attempts of a backfill that failed and are made again").by(&[UNREACHABLE]),
    counter(BACKFILL_FENCED, "Chunks not committed because another worker had taken the shard"),
    gauge(DRIFT_DOCUMENTS, "Documents on which the sides differ, as the last drift check or the last sample found")
        .by(&[DRIFT]),
    // The worker.
    counter(WORKER_PANICS, "Futures run along by the worker that panicked"),
];
