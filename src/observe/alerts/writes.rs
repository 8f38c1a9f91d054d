//! Writes, the journal and the outbox.

use super::{Alert, Scope, Severity};
use crate::{
    observe::limits,
    telemetry::{
        DUAL_WRITE_ERRORS, DUAL_WRITE_REFUSED, DUAL_WRITE_SUSPECTS, JOURNAL_DEAD_LETTERS, JOURNAL_ERRORS,
        JOURNAL_OLDEST, JOURNAL_PENDING, OUTBOX_ACTIVE, OUTBOX_DEAD_LETTERS, OUTBOX_OLDEST,
    },
};

/// What is wrong with the request, not with a side or the journal.
const OF_THE_REQUEST: &[&str] =
    &["malformed", "too_large", "broken", "unsupported", "invalid_query", "forbidden", "rejected"];

pub(super) fn alerts(scope: &Scope) -> Vec<Alert> {
    let refused = scope.metric(DUAL_WRITE_REFUSED).none_of("reason", OF_THE_REQUEST);
    // One process taking over from another is no failure.
    let journal_errors = scope.metric(JOURNAL_ERRORS).none_of("kind", &["fenced"]);
    vec![
        Alert {
            name: "CrossfadeDualWriteErrors",
            severity: Severity::Warning,
            query: scope.metric(DUAL_WRITE_ERRORS).rate("5m").sum_by(&["job", "side", "kind"]).above(0.0),
            lasting: "10m",
            summary: "A side cannot be written",
            description: "Writes of {{ $labels.job }} to {{ $labels.side }} keep failing ({{ $labels.kind }}), {{ $value | humanize }} a \
                          second. They are tried again; the journal holds them until then.",
            runbook: "a-side-cannot-be-written",
        },
        Alert {
            name: "CrossfadeWritesRefused",
            severity: Severity::Critical,
            query: refused.rate("5m").sum_by(&["job", "reason"]).above(0.0),
            lasting: "2m",
            summary: "Writes are refused",
            description: "{{ $value | humanize }} writes a second of {{ $labels.job }} get an error ({{ $labels.reason }}).",
            runbook: "writes-are-refused",
        },
        Alert {
            name: "CrossfadeUnjournaledWrites",
            severity: Severity::Warning,
            query: scope.metric(DUAL_WRITE_SUSPECTS).increase("15m").sum_by(&["job", "instance"]).above(0.0),
            lasting: "1m",
            summary: "Documents were written without a journal",
            description: "{{ $value | humanize }} documents written through {{ $labels.instance }} may differ between the sides: run a \
                          drift check.",
            runbook: "the-journal-fails",
        },
        Alert {
            name: "CrossfadeJournalErrors",
            severity: Severity::Critical,
            query: journal_errors.rate("5m").sum_by(&["job", "instance", "kind"]).above(0.0),
            lasting: "5m",
            summary: "The journal fails",
            description: "The journal of {{ $labels.instance }} fails ({{ $labels.kind }}): writes are refused, or made without it.",
            runbook: "the-journal-fails",
        },
        Alert {
            name: "CrossfadeJournalBacklog",
            severity: Severity::Warning,
            query: scope.metric(JOURNAL_PENDING).now().above(limits::PENDING),
            lasting: "10m",
            summary: "Many writes wait in the journal",
            description: "{{ $value | humanize }} writes of {{ $labels.instance }} are not known to stand on both sides.",
            runbook: "the-journal-falls-behind",
        },
        Alert {
            name: "CrossfadeJournalOld",
            severity: Severity::Critical,
            query: scope.metric(JOURNAL_OLDEST).now().above(limits::OLDEST),
            lasting: "5m",
            summary: "A write does not reach the other side",
            description: "The oldest write in the journal of {{ $labels.instance }} waits since {{ $value | humanizeDuration }}.",
            runbook: "the-journal-falls-behind",
        },
        Alert {
            name: "CrossfadeDeadLetters",
            severity: Severity::Warning,
            query: scope.metric(JOURNAL_DEAD_LETTERS).now().above(0.0),
            lasting: "1m",
            summary: "Writes were given up",
            description: "{{ $value | humanize }} writes of {{ $labels.instance }} are dead letters: the sides differ there until somebody \
                          decides.",
            runbook: "dead-letters",
        },
        Alert {
            name: "CrossfadeOutboxDeadLetters",
            severity: Severity::Warning,
            query: scope.metric(OUTBOX_DEAD_LETTERS).increase("15m").sum_by(&["job", "reason"]).above(0.0),
            lasting: "1m",
            summary: "Rows of the outbox were given up",
            description: "{{ $value | humanize }} rows of the outbox of {{ $labels.job }} are dead letters ({{ $labels.reason }}).",
            runbook: "dead-letters",
        },
        Alert {
            name: "CrossfadeOutboxOld",
            severity: Severity::Critical,
            query: scope.metric(OUTBOX_OLDEST).now().max_by(&["job", "side"]).above(limits::OLDEST),
            lasting: "5m",
            summary: "The outbox does not reach a side",
            description: "The oldest row of the outbox that {{ $labels.side }} has not taken waits since \
                          {{ $value | humanizeDuration }}.",
            runbook: "the-outbox-falls-behind",
        },
        Alert {
            name: "CrossfadeOutboxUnread",
            severity: Severity::Critical,
            query: scope.metric(OUTBOX_ACTIVE).now().max_by(&["job", "side"]).equals(0.0),
            lasting: "5m",
            summary: "No process reads the outbox",
            description: "Every process of {{ $labels.job }} stands by, none reads the outbox for {{ $labels.side }}.",
            runbook: "the-outbox-falls-behind",
        },
    ]
}
