//! Writes, the journal and the outbox.

use super::{
    Row, WINDOW,
    panel::{Panel, Unit},
};
use crate::{
    observe::{limits, promql::Scope},
    telemetry::{
        DUAL_WRITE_ACK_TIMEOUTS, DUAL_WRITE_DELIVERED, DUAL_WRITE_ERRORS, DUAL_WRITE_RECONCILED, DUAL_WRITE_REFUSED,
        DUAL_WRITE_RETRIES, DUAL_WRITE_STALE, DUAL_WRITE_SUSPECTS, DUAL_WRITE_UNKNOWN, DUAL_WRITE_UNREADABLE,
        JOURNAL_DEAD_LETTERS, JOURNAL_DUTIES, JOURNAL_ERRORS, JOURNAL_OLDEST, JOURNAL_PENDING, OUTBOX_ACTIVE,
        OUTBOX_BACKLOG, OUTBOX_DEAD_LETTERS, OUTBOX_OLDEST,
    },
};

pub(super) fn rows(scope: &Scope) -> [Row; 3] {
    [writes(scope), journal(scope), outbox(scope)]
}

fn writes(scope: &Scope) -> Row {
    let by = |name, labels: &[&str]| scope.metric(name).rate(WINDOW).sum_by(labels);
    Row {
        title: "Writes",
        panels: vec![
            Panel::stack("Failed attempts to write a side", Unit::PerSecond)
                .about("They are tried again; what can never succeed becomes a dead letter.")
                .show(by(DUAL_WRITE_ERRORS, &["side", "kind"]), "{{side}}: {{kind}}"),
            Panel::lines("Writes tried again", Unit::PerSecond).show(by(DUAL_WRITE_RETRIES, &["side"]), "{{side}}"),
            Panel::lines("Documents brought to the other side", Unit::PerSecond)
                .show(by(DUAL_WRITE_DELIVERED, &["side"]), "{{side}}"),
            Panel::stack("Writes refused", Unit::PerSecond).show(by(DUAL_WRITE_REFUSED, &["reason"]), "{{reason}}"),
            Panel::lines("Writes of unknown outcome", Unit::PerSecond)
                .about("The authority is asked what stands.")
                .show(by(DUAL_WRITE_UNKNOWN, &["side"]), "{{side}}"),
            Panel::lines("Documents in dispute", Unit::PerSecond)
                .about("Beaten in PostgreSQL by a newer version; copied from the side that is right; written without a journal.")
                .show(by(DUAL_WRITE_STALE, &[]), "stale")
                .show(by(DUAL_WRITE_RECONCILED, &["from"]), "copied from {{from}}")
                .show(by(DUAL_WRITE_SUSPECTS, &[]), "without a journal"),
            Panel::lines("Answered too early, or unread", Unit::PerSecond)
                .about("Answered before both sides stood though both were to be waited for; passed on to Meilisearch unread.")
                .show(by(DUAL_WRITE_ACK_TIMEOUTS, &[]), "before both sides stood")
                .show(by(DUAL_WRITE_UNREADABLE, &["reason", "taken"]), "unread: {{reason}}, taken: {{taken}}"),
        ],
    }
}

fn journal(scope: &Scope) -> Row {
    Row {
        title: "Journal",
        panels: vec![
            Panel::lines("Writes in the journal", Unit::Count)
                .about("Not yet known to stand on both sides. Replicas with one journal in PostgreSQL all show the same.")
                .show(scope.metric(JOURNAL_PENDING).now(), "{{instance}}")
                .red_above(limits::PENDING),
            Panel::lines("Age of the oldest write", Unit::Seconds)
                .show(scope.metric(JOURNAL_OLDEST).now(), "{{instance}}")
                .red_above(limits::OLDEST),
            Panel::lines("Dead letters", Unit::Count)
                .about("Writes that were given up: the sides differ there until somebody decides.")
                .show(scope.metric(JOURNAL_DEAD_LETTERS).now(), "{{instance}}")
                .red_above(1.0),
            Panel::lines("What is left to be done", Unit::Count)
                .about("A write may have several duties: to be seen on Meilisearch, to be written to PostgreSQL, to be compared.")
                .show(scope.metric(JOURNAL_DUTIES).now(), "{{instance}}: {{duty}}"),
            Panel::lines("Failed operations of the journal", Unit::PerSecond)
                .show(scope.metric(JOURNAL_ERRORS).rate(WINDOW).sum_by(&["instance", "kind"]), "{{instance}}: {{kind}}"),
        ],
    }
}

fn outbox(scope: &Scope) -> Row {
    Row {
        title: "Outbox",
        panels: vec![
            Panel::lines("Rows a side has not taken", Unit::Count)
                .show(scope.metric(OUTBOX_BACKLOG).now().max_by(&["side"]), "{{side}}"),
            Panel::lines("Age of the oldest of them", Unit::Seconds)
                .show(scope.metric(OUTBOX_OLDEST).now().max_by(&["side"]), "{{side}}")
                .red_above(limits::OLDEST),
            Panel::lines("Processes that read the outbox", Unit::Count)
                .about("One for each side; the others stand by.")
                .show(scope.metric(OUTBOX_ACTIVE).now().sum_by(&["side"]), "{{side}}"),
            Panel::lines("Rows that became dead letters", Unit::PerSecond)
                .show(scope.metric(OUTBOX_DEAD_LETTERS).rate(WINDOW).sum_by(&["reason"]), "{{reason}}"),
        ],
    }
}
