//! Backfills, and the upkeep of what they have copied.

use super::{Alert, Scope, Severity};
use crate::{
    observe::limits,
    telemetry::{BACKFILL_FAILED, BACKFILL_RETRIES, SEARCH_CHANGES, SEARCH_FOLD_ERRORS},
};

pub(super) fn alerts(scope: &Scope) -> Vec<Alert> {
    vec![
        Alert {
            name: "CrossfadeBackfillFailing",
            severity: Severity::Warning,
            query: scope.metric(BACKFILL_FAILED).increase("15m").sum_by(&["job", "reason"]).above(0.0),
            lasting: "1m",
            summary: "A backfill cannot copy some rows",
            description: "{{ $value | humanize }} rows could not be copied ({{ $labels.reason }}); the job goes on without them and \
                          lists them.",
            runbook: "a-backfill-fails",
        },
        Alert {
            name: "CrossfadeBackfillRetrying",
            severity: Severity::Warning,
            query: scope.metric(BACKFILL_RETRIES).rate("5m").sum_by(&["job", "kind"]).above(0.0),
            lasting: "10m",
            summary: "A backfill does not get on",
            description: "A backfill cannot reach the {{ $labels.kind }} and keeps trying.",
            runbook: "a-backfill-fails",
        },
        Alert {
            name: "CrossfadeFoldsFailing",
            severity: Severity::Warning,
            query: scope.metric(SEARCH_FOLD_ERRORS).rate("5m").sum_by(&["job"]).above(0.0),
            lasting: "10m",
            summary: "Changes cannot be folded into the postings",
            description: "Searches of {{ $labels.job }} are right but read every change since; they become slower.",
            runbook: "search-upkeep-falls-behind",
        },
        Alert {
            name: "CrossfadeChangesPiling",
            severity: Severity::Warning,
            query: scope.metric(SEARCH_CHANGES).now().max_by(&["job"]).above(limits::CHANGES),
            lasting: "15m",
            summary: "Changes are not folded as fast as they come",
            description: "{{ $value | humanize }} changes wait to be folded into the postings of {{ $labels.job }}: every search reads \
                          them.",
            runbook: "search-upkeep-falls-behind",
        },
    ]
}
