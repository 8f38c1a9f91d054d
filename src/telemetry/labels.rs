//! The labels, and every value they can have. Tests compare them with the types they come from.

use super::Label;

/// The kinds of [`BackendErrorKind`](crate::error::BackendErrorKind), and more.
macro_rules! error_kinds {
    ($($more:literal),*) => {
        &[
            "unavailable",
            "timeout",
            "unauthorized",
            "index_not_found",
            "unsupported",
            "invalid_query",
            "forbidden",
            "rejected",
            "panic",
            "internal",
            $($more),*
        ]
    };
}

const SIDES: &[&str] = &["meili", "pg"];

/// A side.
pub(super) const SIDE: Label = Label { name: "side", values: SIDES };
/// The side something was copied from.
pub(super) const FROM: Label = Label { name: "from", values: SIDES };

/// Why Meilisearch answered instead of PostgreSQL.
pub(super) const FALLBACK_REASON: Label = Label { name: "reason", values: error_kinds!["breaker_open"] };
/// Why nobody answered.
pub(super) const READ_REFUSAL: Label = Label { name: "reason", values: error_kinds![] };
/// How writing a side failed.
pub(super) const WRITE_ERROR: Label =
    Label { name: "kind", values: error_kinds!["task_failed", "task_canceled", "task_vanished", "outbox"] };
/// Why a write was refused.
pub(super) const WRITE_REFUSAL: Label =
    Label { name: "reason", values: error_kinds!["busy", "unrecorded", "malformed", "too_large", "broken"] };
/// Why a write could not be read.
pub(super) const UNREADABLE: Label =
    Label { name: "reason", values: &["malformed", "too_large", "broken", "unsupported", "forbidden"] };
/// Whether Meilisearch took it even so.
pub(super) const TAKEN: Label = Label { name: "taken", values: &["yes", "no"] };

/// How a sampled read ended.
pub(super) const OUTCOME: Label = Label {
    name: "outcome",
    values: &[
        "compared",
        "primary_error",
        "shadow_error",
        "shadow_timeout",
        "dropped_queue_full",
        "dropped_late",
        "dropped_cancelled",
        "dropped_body_too_large",
        "dropped_undecodable",
        "dropped_unsupported",
        "dropped_shutdown",
    ],
};
/// Why a record is not in the shadow log.
pub(super) const LOG_LOSS: Label = Label { name: "reason", values: &["queue_full", "refused", "shutdown"] };

/// Why a row holds no request.
pub(super) const REQUEST_ABSENT: Label =
    Label { name: "reason", values: &["too_large", "unstorable", "redacted", "names_reader", "off"] };
/// How the second question to Meilisearch failed.
pub(super) const NOISE_ERROR: Label = Label { name: "kind", values: error_kinds![] };

/// What the gates say.
pub(super) const VERDICT: Label = Label { name: "verdict", values: &["pass", "hold", "fail"] };
/// A step of the migration.
pub(super) const STEP: Label = Label {
    name: "step",
    values: &["dual_write", "shadow", "shadow_more", "canary", "canary_more", "target_primary", "target_only"],
};
/// Why the guard goes back.
pub(super) const BREACH: Label = Label { name: "reason", values: &["errors", "fallbacks", "latency"] };

pub(super) const PHASE: Label = Label {
    name: "phase",
    values: &["source_only", "dual_write", "shadow", "canary", "target_primary", "target_only"],
};
pub(super) const WRITE_MODE: Label = Label { name: "write_mode", values: &["meili_only", "dual", "pg_only"] };
pub(super) const READ_BACKEND: Label = Label { name: "read_backend", values: SIDES };
/// The rule that a change of flags breaks.
pub(super) const RULE: Label = Label {
    name: "reason",
    values: &[
        "unknown_flag",
        "bad_value",
        "malformed",
        "one_step",
        "pg_reads_need_pg_writes",
        "meili_reads_need_meili_writes",
        "pg_only_needs_all_readers",
        "target_stale",
        "latched",
    ],
};
/// What a start without the flag table went on from.
pub(super) const START: Label = Label { name: "from", values: &["last_good", "defaults"] };

pub(super) const DUTY: Label = Label { name: "duty", values: &["meili", "pg", "reconcile"] };
/// How the journal failed.
pub(super) const JOURNAL_ERROR: Label =
    Label { name: "kind", values: &["unavailable", "full", "damaged", "in_use", "fenced", "internal", "timeout"] };
/// Why a row of the outbox is dead.
pub(super) const OUTBOX_REASON: Label = Label {
    name: "reason",
    values: &["unknown_op", "unreadable", "invalid_id", "lookup", "rejected", "task_failed", "failed"],
};

/// Why a row could not be copied.
pub(super) const ROW_FAILURE: Label = Label { name: "reason", values: &["unreadable", "rejected"] };
/// What a backfill could not reach.
pub(super) const UNREACHABLE: Label = Label { name: "kind", values: &["source", "target", "control"] };
/// How a document differs.
pub(super) const DRIFT: Label = Label { name: "kind", values: &["missing", "extra", "stale", "tombstone"] };

#[cfg(test)]
#[cfg(all(feature = "meili", feature = "postgres"))]
mod tests {
    use super::*;
    use crate::{
        drift::DriftKind,
        error::{BackendErrorKind, Side},
        gates::{StepKind, Verdict},
        journal::{Duty, JournalErrorKind},
        plan::{Phase, ReadBackend, Rule, WriteMode},
        shadow::{Outcome, RequestAbsent},
    };

    const ERROR_KINDS: [BackendErrorKind; 10] = {
        use BackendErrorKind::*;
        // A kind that is missing below is missed here.
        const fn known(kind: BackendErrorKind) -> BackendErrorKind {
            match kind {
                Unavailable | Timeout | Unauthorized | IndexNotFound | Unsupported | InvalidQuery | Forbidden
                | Rejected | Panic | Internal => kind,
            }
        }
        [
            known(Unavailable),
            Timeout,
            Unauthorized,
            IndexNotFound,
            Unsupported,
            InvalidQuery,
            Forbidden,
            Rejected,
            Panic,
            Internal,
        ]
    };

    #[test]
    fn values_are_those_of_their_types() {
        fn are<T: Copy>(label: Label, all: &[T], name: impl Fn(T) -> &'static str) {
            assert_eq!(label.values, all.iter().map(|value| name(*value)).collect::<Vec<_>>(), "{}", label.name);
        }
        are(PHASE, &Phase::ALL, Phase::as_str);
        are(WRITE_MODE, &[WriteMode::MeiliOnly, WriteMode::Dual, WriteMode::PgOnly], WriteMode::as_str);
        are(READ_BACKEND, &[ReadBackend::Meili, ReadBackend::Pg], ReadBackend::as_str);
        are(RULE, &Rule::ALL, Rule::name);
        are(READ_REFUSAL, &ERROR_KINDS, BackendErrorKind::as_str);
        are(OUTCOME, &Outcome::ALL, Outcome::as_str);
        are(DUTY, &Duty::ALL, Duty::as_str);
        are(DRIFT, &DriftKind::ALL, DriftKind::as_str);
        are(REQUEST_ABSENT, &RequestAbsent::ALL, RequestAbsent::as_str);
        are(NOISE_ERROR, &ERROR_KINDS, BackendErrorKind::as_str);
        are(VERDICT, &[Verdict::Pass, Verdict::Hold, Verdict::Fail], Verdict::as_str);
        are(STEP, &StepKind::ALL, StepKind::name);
        are(SIDE, &[Side::Meili, Side::Pg], Side::as_str);
        let journal = {
            use JournalErrorKind::*;
            [Unavailable, Full, Damaged, InUse, Fenced, Internal].map(JournalErrorKind::as_str)
        };
        assert!(JOURNAL_ERROR.values.starts_with(&journal), "{JOURNAL_ERROR:?}");
        for more in [FALLBACK_REASON, WRITE_ERROR, WRITE_REFUSAL] {
            assert!(more.values.starts_with(READ_REFUSAL.values), "{more:?}");
        }
    }
}
