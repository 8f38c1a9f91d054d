//! Backfills, drift, and the upkeep of the postings.

use super::{
    Row, WINDOW,
    panel::{Panel, Unit},
};
use crate::{
    observe::{limits, promql::Scope},
    telemetry::{
        BACKFILL_ETA, BACKFILL_FAILED, BACKFILL_FENCED, BACKFILL_PROCESSED, BACKFILL_RETRIES, DRIFT_DOCUMENTS,
        SEARCH_CHANGES, SEARCH_FOLD_ERRORS, SEARCH_FOLDED,
    },
};

pub(super) fn rows(scope: &Scope) -> [Row; 2] {
    [moving(scope), upkeep(scope)]
}

fn moving(scope: &Scope) -> Row {
    Row {
        title: "Backfill and drift",
        panels: vec![
            Panel::lines("Rows a backfill has dealt with", Unit::Count)
                .about("Of backfills that run in a process that is scraped; `crossfade backfill` shows its own.")
                .show(scope.metric(BACKFILL_PROCESSED).now(), "{{instance}}"),
            Panel::lines("Time it will still copy", Unit::Seconds)
                .about("At its recent rate. Nothing while nobody can know.")
                .show(scope.metric(BACKFILL_ETA).now(), "{{instance}}"),
            Panel::lines("Trouble of a backfill", Unit::PerSecond)
                .about("Rows that could not be copied, attempts made again, chunks that came after their lease.")
                .show(scope.metric(BACKFILL_FAILED).rate(WINDOW).sum_by(&["reason"]), "not copied: {{reason}}")
                .show(scope.metric(BACKFILL_RETRIES).rate(WINDOW).sum_by(&["kind"]), "again: {{kind}}")
                .show(scope.metric(BACKFILL_FENCED).rate(WINDOW).sum_by(&[]), "after their lease"),
            Panel::lines("Documents that differ", Unit::Count)
                .about("As the last check or sample of each process found.")
                .show(scope.metric(DRIFT_DOCUMENTS).now().max_by(&["kind"]), "{{kind}}")
                .red_above(1.0),
        ],
    }
}

fn upkeep(scope: &Scope) -> Row {
    Row {
        title: "Search upkeep",
        panels: vec![
            Panel::lines("Changes that wait to be folded", Unit::Count)
                .about("Every search reads them beside the postings.")
                .show(scope.metric(SEARCH_CHANGES).now().max_by(&[]), "changes")
                .red_above(limits::CHANGES),
            Panel::lines("Documents folded", Unit::PerSecond)
                .show(scope.metric(SEARCH_FOLDED).rate(WINDOW).sum_by(&["instance"]), "{{instance}}"),
            Panel::lines("Folds that failed", Unit::PerSecond)
                .show(scope.metric(SEARCH_FOLD_ERRORS).rate(WINDOW).sum_by(&["instance"]), "{{instance}}"),
        ],
    }
}
