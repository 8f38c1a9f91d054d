//! The names.

// Reads.

/// Reads that PostgreSQL was to answer and Meilisearch did. Labels: `reason`.
pub const READ_FALLBACK: &str = "read_fallback_total";
/// Reads that nobody answered: PostgreSQL failed and Meilisearch was no longer current. Labels: `reason`.
pub const READ_REFUSED: &str = "read_refused_total";
/// Reads during the canary that named no reader, and therefore stayed on Meilisearch.
pub const CANARY_ANONYMOUS: &str = "canary_anonymous_total";

// Shadow reads, and the log of them.

/// Sampled reads, by how they ended. Labels: `outcome`.
pub const SHADOW_OUTCOMES: &str = "shadow_outcomes_total";
/// overlap@10 of compared pairs, 0 to 1.
pub const SHADOW_OVERLAP: &str = "shadow_overlap_at_10";
/// overlap@10 of two answers of Meilisearch to the same query, 0 to 1: the noise floor of [`SHADOW_OVERLAP`].
pub const SHADOW_NOISE_OVERLAP: &str = "shadow_noise_overlap_at_10";
/// Second questions to Meilisearch, for [`SHADOW_NOISE_OVERLAP`], that failed. Labels: `kind`.
pub const SHADOW_NOISE_ERRORS: &str = "shadow_noise_errors_total";
/// PostgreSQL's latency less Meilisearch's, of compared pairs, in milliseconds; negative: PostgreSQL was faster.
pub const SHADOW_LATENCY_DELTA: &str = "shadow_latency_delta_ms";
/// Compared pairs in which a side found nothing. Labels: `side`.
pub const SHADOW_ZERO_RESULTS: &str = "shadow_zero_results_total";
/// Rows written to the shadow log.
pub const SHADOW_LOG_ROWS: &str = "shadow_log_rows_total";
/// Records that never became a row of the shadow log. Labels: `reason`, `outcome`.
pub const SHADOW_LOG_LOST: &str = "shadow_log_lost_total";
/// Attempts to reach the shadow log's tables that failed and were made again.
pub const SHADOW_LOG_RETRIES: &str = "shadow_log_retries_total";
/// Rows of the shadow log that were deleted because of their age.
pub const SHADOW_LOG_DELETED: &str = "shadow_log_deleted_total";
/// Rows of the shadow log that hold no request to ask again. Labels: `reason`.
pub const SHADOW_LOG_REQUESTS_ABSENT: &str = "shadow_log_requests_absent_total";
/// Records that wait to be written to the shadow log.
pub const SHADOW_LOG_QUEUED: &str = "shadow_log_queued";

// The plan.

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
/// 1 while changes of the flag table are notified, 0 while only the poll finds them.
pub const PLAN_LISTENING: &str = "plan_listening";
/// Changes of the flag table that the poll found, not a notification.
pub const PLAN_FOUND_BY_POLL: &str = "plan_found_by_poll_total";

// Writes.

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

// The journal.

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

// The outbox.

/// Rows of the outbox that a side has not taken yet. Labels: `side`.
pub const OUTBOX_BACKLOG: &str = "outbox_backlog";
/// The age of the oldest row of the outbox that a side has not taken yet, in seconds. Labels: `side`.
pub const OUTBOX_OLDEST: &str = "outbox_oldest_seconds";
/// Rows of the outbox that became dead letters. Labels: `reason`.
pub const OUTBOX_DEAD_LETTERS: &str = "outbox_dead_letters_total";
/// 1 while this process reads the outbox, 0 while it stands by. Labels: `side`.
pub const OUTBOX_ACTIVE: &str = "outbox_active";

// PostgreSQL's postings.

/// Changes of documents in PostgreSQL that are not folded into the postings yet: every search reads them all.
pub const SEARCH_CHANGES: &str = "search_changes_pending";
/// Documents whose changes this process has folded into the postings.
pub const SEARCH_FOLDED: &str = "search_folded_documents_total";
/// Times that changes could not be folded into the postings.
pub const SEARCH_FOLD_ERRORS: &str = "search_fold_errors_total";

// Backfill and drift.

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
/// Looks at the gates, by the verdict. Labels: `verdict`.
pub const GATE_VERDICTS: &str = "gate_verdicts_total";
/// Steps of the migration that this process has taken. Labels: `step`.
pub const GATE_STEPS: &str = "gate_steps_total";

// The worker.

/// Futures run along by the worker that panicked.
pub const WORKER_PANICS: &str = "worker_panics_total";
