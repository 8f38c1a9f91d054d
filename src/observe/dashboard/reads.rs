//! Where the migration stands, and reads.

use super::{
    Row, WINDOW,
    panel::{Panel, Unit},
};
use crate::{
    observe::{
        limits,
        promql::{Query, Scope},
    },
    telemetry::{
        CANARY_ANONYMOUS, GATE_STEPS, GATE_VERDICTS, GUARD_POWERLESS, GUARD_ROLLBACKS, PLAN_FALLBACK,
        PLAN_FOUND_BY_POLL, PLAN_INFO, PLAN_LISTENING, PLAN_REJECTED, PLAN_STALE, READ_FALLBACK, READ_REFUSED,
        ROLLBACK_LATCHED, WORKER_PANICS,
    },
};

pub(super) fn rows(scope: &Scope) -> [Row; 2] {
    [stands(scope), reads(scope)]
}

fn stands(scope: &Scope) -> Row {
    let in_phases = || -> Query { scope.metric(PLAN_INFO).now().equals(1.0).count_by(&["phase"]) };
    let panics = scope.metric(WORKER_PANICS).increase("$__range").sum_by(&[]);
    Row {
        title: "Where the migration stands",
        panels: vec![
            Panel::stat("Processes in each phase", Unit::Count)
                .about("More than one phase for long means that some process does not hear of changes, or has a flag file of its own.")
                .show(in_phases(), "{{phase}}")
                .wide(12),
            Panel::stat("Flags not confirmed for", Unit::Seconds)
                .about("The process that has waited longest. 0 while the table can be read; the last good plan stays meanwhile.")
                .show(scope.metric(PLAN_STALE).now().max_by(&[]), "")
                .red_above(limits::STALE),
            Panel::stat("Changes of flags are", Unit::Count)
                .about("Whether every process is notified, or some find changes by the poll only.")
                .show(scope.metric(PLAN_LISTENING).now().min_by(&[]), "")
                .worded(&[(0, "polled"), (1, "notified")])
                .red_below(1.0),
            Panel::stat("Panics of the worker", Unit::Count)
                .about("In the time shown. A task that panicked is gone until its process is restarted.")
                .show(panics, "")
                .red_above(1.0),
            Panel::stat("Rollback", Unit::Count)
                .about("Latched: reads stay on Meilisearch until `crossfade rollback clear`.")
                .show(scope.metric(ROLLBACK_LATCHED).now().max_by(&[]), "")
                .worded(&[(0, "not latched"), (1, "latched")])
                .red_above(1.0),
            Panel::lines("Rollbacks by the guard", Unit::Count)
                .about("By the figure that was over. Powerless: Meilisearch was no longer current.")
                .show(scope.metric(GUARD_ROLLBACKS).increase(WINDOW).sum_by(&["reason"]), "{{reason}}")
                .show(scope.metric(GUARD_POWERLESS).increase(WINDOW).sum_by(&["reason"]), "powerless: {{reason}}"),
            Panel::lines("Gates and steps", Unit::Count)
                .about("Looks at the gates by their verdict, and steps, of processes that are scraped: a ramp controller.")
                .show(scope.metric(GATE_VERDICTS).increase(WINDOW).sum_by(&["verdict"]), "{{verdict}}")
                .show(scope.metric(GATE_STEPS).increase(WINDOW).sum_by(&["step"]), "step: {{step}}"),
            Panel::stack("Processes by phase", Unit::Count).show(in_phases(), "{{phase}}"),
            Panel::lines("Seconds without knowing the flags", Unit::Seconds)
                .show(scope.metric(PLAN_STALE).now(), "{{instance}}")
                .red_above(limits::STALE),
            Panel::lines("Changes of flags", Unit::Count)
                .about("Those that were refused, by the rule they broke; those that no notification told; starts without the table.")
                .show(scope.metric(PLAN_REJECTED).increase(WINDOW).sum_by(&["reason"]), "refused: {{reason}}")
                .show(scope.metric(PLAN_FOUND_BY_POLL).increase(WINDOW).sum_by(&[]), "found by the poll")
                .show(scope.metric(PLAN_FALLBACK).increase(WINDOW).sum_by(&["from"]), "started from {{from}}"),
        ],
    }
}

fn reads(scope: &Scope) -> Row {
    let fallbacks = || scope.metric(READ_FALLBACK);
    Row {
        title: "Reads",
        panels: vec![
            Panel::stack("Reads that fell back to Meilisearch", Unit::PerSecond)
                .about("PostgreSQL was to answer them. `unsupported` says something about the query, `breaker_open` that it was not asked.")
                .show(fallbacks().rate(WINDOW).sum_by(&["reason"]), "{{reason}}"),
            Panel::lines("Reads past an open breaker", Unit::PerSecond)
                .show(fallbacks().is("reason", "breaker_open").rate(WINDOW).sum_by(&["instance"]), "{{instance}}"),
            Panel::stack("Reads that nobody answered", Unit::PerSecond)
                .about("In `target_only`, when Meilisearch is no longer current.")
                .show(scope.metric(READ_REFUSED).rate(WINDOW).sum_by(&["reason"]), "{{reason}}"),
            Panel::lines("Canary reads without a reader", Unit::PerSecond)
                .about("They name no user and stay on Meilisearch until all readers are on PostgreSQL.")
                .show(scope.metric(CANARY_ANONYMOUS).rate(WINDOW).sum_by(&[]), "anonymous"),
        ],
    }
}
