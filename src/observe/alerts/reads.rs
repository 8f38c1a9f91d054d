//! Reads, and the plan that steers them.

use super::{Alert, Scope, Severity};
use crate::{
    observe::limits,
    telemetry::{
        GUARD_POWERLESS, PLAN_FALLBACK, PLAN_INFO, PLAN_LISTENING, PLAN_REJECTED, PLAN_STALE, READ_FALLBACK,
        READ_REFUSED, ROLLBACK_LATCHED, WORKER_PANICS,
    },
};

/// What is wrong with the question, not with the side.
const OF_THE_QUESTION: &[&str] = &["unsupported", "invalid_query", "forbidden"];

pub(super) fn alerts(scope: &Scope) -> Vec<Alert> {
    let fallbacks = scope.metric(READ_FALLBACK).none_of("reason", OF_THE_QUESTION);
    let refused = scope.metric(READ_REFUSED).none_of("reason", OF_THE_QUESTION);
    let phases = scope.metric(PLAN_INFO).now().equals(1.0).count_by(&["job", "phase"]);
    vec![
        Alert {
            name: "CrossfadeReadFallbacks",
            severity: Severity::Warning,
            query: fallbacks.rate("5m").sum_by(&["job", "reason"]).above(limits::FALLBACKS),
            lasting: "5m",
            summary: "Reads for PostgreSQL are answered by Meilisearch",
            description: "{{ $value | humanize }} reads a second of {{ $labels.job }} fell back to Meilisearch ({{ $labels.reason }}).",
            runbook: "reads-fall-back",
        },
        Alert {
            name: "CrossfadeBreakerOpen",
            severity: Severity::Critical,
            query: scope
                .metric(READ_FALLBACK)
                .is("reason", "breaker_open")
                .rate("5m")
                .sum_by(&["job", "instance"])
                .above(0.0),
            lasting: "5m",
            summary: "PostgreSQL has failed so often that it is not asked",
            description: "The breaker of {{ $labels.instance }} sends reads straight to Meilisearch and probes PostgreSQL.",
            runbook: "reads-fall-back",
        },
        Alert {
            name: "CrossfadeReadsRefused",
            severity: Severity::Critical,
            query: refused.rate("5m").sum_by(&["job", "reason"]).above(0.0),
            lasting: "2m",
            summary: "Reads are answered by nobody",
            description: "PostgreSQL fails ({{ $labels.reason }}) and Meilisearch is no longer current: {{ $value | humanize }} \
                          reads a second of {{ $labels.job }} get an error.",
            runbook: "reads-are-refused",
        },
        Alert {
            name: "CrossfadeReadsUnsupported",
            severity: Severity::Warning,
            query: scope.metric(READ_REFUSED).is("reason", "unsupported").rate("15m").sum_by(&["job"]).above(0.0),
            lasting: "15m",
            summary: "Searches use what PostgreSQL does not offer",
            description: "{{ $value | humanize }} searches a second of {{ $labels.job }} are refused, now that Meilisearch is no \
                          longer current; the message names the parameter.",
            runbook: "reads-are-refused",
        },
        Alert {
            name: "CrossfadeRolledBack",
            severity: Severity::Critical,
            query: scope.metric(ROLLBACK_LATCHED).now().max_by(&["job"]).equals(1.0),
            lasting: "1m",
            summary: "Reads are back on Meilisearch and stay there",
            description: "A rollback of {{ $labels.job }} is latched, by the guard or by a person: nothing goes on until somebody \
                          has found out why and cleared it.",
            runbook: "a-rollback-is-latched",
        },
        Alert {
            name: "CrossfadeGuardPowerless",
            severity: Severity::Critical,
            query: scope.metric(GUARD_POWERLESS).increase("10m").sum_by(&["job", "reason"]).above(0.0),
            lasting: "1m",
            summary: "The guard would roll back, and cannot",
            description: "PostgreSQL answers {{ $labels.job }} badly ({{ $labels.reason }}), and Meilisearch is no longer current.",
            runbook: "reads-are-refused",
        },
        Alert {
            name: "CrossfadePlanStale",
            severity: Severity::Warning,
            query: scope.metric(PLAN_STALE).now().above(limits::STALE),
            lasting: "5m",
            summary: "The flags cannot be read",
            description: "{{ $labels.instance }} goes on with flags that have not been confirmed for {{ $value | humanizeDuration }}; \
                          a change in the table does not reach it, one in its flag file does.",
            runbook: "flags-cannot-be-read",
        },
        Alert {
            name: "CrossfadePlanPolled",
            severity: Severity::Warning,
            query: scope.metric(PLAN_LISTENING).now().equals(0.0),
            lasting: "10m",
            summary: "Changes of flags are found by the poll only",
            description: "{{ $labels.instance }} is not notified of changes: a rollback takes effect there with the next poll.",
            runbook: "flags-cannot-be-read",
        },
        Alert {
            name: "CrossfadeStartedWithoutFlags",
            severity: Severity::Warning,
            query: scope.metric(PLAN_FALLBACK).happened("15m", &["job", "instance", "from"]).above(0.0),
            lasting: "1m",
            summary: "A process started without the flag table",
            description: "{{ $labels.instance }} could not read the flags at its start and goes on from {{ $labels.from }}.",
            runbook: "flags-cannot-be-read",
        },
        Alert {
            name: "CrossfadePlanRejected",
            severity: Severity::Warning,
            query: scope.metric(PLAN_REJECTED).happened("15m", &["job", "reason"]).above(0.0),
            lasting: "1m",
            summary: "A change of flags was refused",
            description: "Flags of {{ $labels.job }} break the rule {{ $labels.reason }}: the last good plan stays in force.",
            runbook: "a-change-of-flags-was-refused",
        },
        Alert {
            name: "CrossfadeMixedPlans",
            severity: Severity::Warning,
            query: phases.count_by(&["job"]).above(1.0),
            lasting: "5m",
            summary: "Replicas are in different phases",
            description: "Replicas of {{ $labels.job }} are in {{ $value }} phases at once: one of them does not hear of changes, or \
                          has a flag file of its own.",
            runbook: "replicas-disagree",
        },
        Alert {
            name: "CrossfadeWorkerPanics",
            severity: Severity::Critical,
            query: scope.metric(WORKER_PANICS).happened("15m", &["job", "instance"]).above(0.0),
            lasting: "1m",
            summary: "A background task has panicked and no longer runs",
            description: "A task of the worker of {{ $labels.instance }} is gone until the process is restarted; its log says which.",
            runbook: "the-worker-panicked",
        },
        Alert {
            name: "CrossfadeNotReporting",
            severity: Severity::Warning,
            query: scope.metric(PLAN_INFO).absent(),
            lasting: "10m",
            summary: "No process reports a plan",
            description: "No metrics of Crossfade arrive: the other alerts are silent because of it.",
            runbook: "nothing-is-reported",
        },
    ]
}
