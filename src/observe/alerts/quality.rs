//! Whether PostgreSQL answers as Meilisearch does.

use super::{Alert, Scope, Severity};
use crate::{
    observe::limits,
    telemetry::{DRIFT_DOCUMENTS, SHADOW_LOG_LOST, SHADOW_OUTCOMES, SHADOW_OVERLAP},
};

pub(super) fn alerts(scope: &Scope) -> Vec<Alert> {
    let overlap = scope.metric(SHADOW_OVERLAP);
    let outcomes = |outcomes: &[&str]| {
        let outcomes = scope.metric(SHADOW_OUTCOMES).one_of("outcome", outcomes);
        outcomes.increase("1h").sum_by(&["job"])
    };
    let failed = ["shadow_error", "shadow_timeout"];
    let asked = ["compared", "shadow_error", "shadow_timeout"];
    let too_slow = ["dropped_queue_full", "dropped_late"];
    let sampled = || scope.metric(SHADOW_OUTCOMES).increase("1h").sum_by(&["job"]);
    vec![
        Alert {
            name: "CrossfadeShadowOverlapLow",
            severity: Severity::Warning,
            query: overlap
                .clone()
                .mean("1h", &["job"])
                .below(limits::OVERLAP)
                .and(overlap.observations("1h").sum_by(&["job"]).above(limits::FEWEST)),
            lasting: "30m",
            summary: "PostgreSQL answers differently",
            description: "The first ten hits of the sides have a mean overlap of {{ $value | humanize }} in {{ $labels.job }} within an \
                          hour.",
            runbook: "shadow-answers-differ",
        },
        Alert {
            name: "CrossfadeShadowErrors",
            severity: Severity::Warning,
            query: outcomes(&failed)
                .over(outcomes(&asked))
                .above(limits::SHADOW_ERRORS)
                .and(outcomes(&asked).above(limits::FEWEST)),
            lasting: "15m",
            summary: "Shadow reads fail or time out",
            description: "{{ $value | humanizePercentage }} of the shadow reads of {{ $labels.job }} have failed or timed out within an \
                          hour.",
            runbook: "shadow-reads-fail",
        },
        Alert {
            name: "CrossfadeShadowDropping",
            severity: Severity::Warning,
            query: outcomes(&too_slow).over(sampled()).above(limits::SHADOW_DROPS).and(sampled().above(limits::FEWEST)),
            lasting: "15m",
            summary: "The shadow worker does not keep up",
            description: "{{ $value | humanizePercentage }} of the sampled reads of {{ $labels.job }} were dropped because the worker was \
                          busy: what is compared is no longer a fair sample. Lower the sample rate, or give it more room.",
            runbook: "shadow-reads-fail",
        },
        Alert {
            name: "CrossfadeShadowLogLosing",
            severity: Severity::Warning,
            query: scope.metric(SHADOW_LOG_LOST).increase("15m").sum_by(&["job", "reason"]).above(0.0),
            lasting: "1m",
            summary: "Records of shadow reads are lost",
            description: "{{ $value | humanize }} records of {{ $labels.job }} never became rows of the shadow log \
                          ({{ $labels.reason }}); gates and reports count them as missing.",
            runbook: "the-shadow-log-loses-rows",
        },
        Alert {
            name: "CrossfadeDrift",
            severity: Severity::Warning,
            query: scope.metric(DRIFT_DOCUMENTS).now().max_by(&["job", "kind"]).above(0.0),
            lasting: "15m",
            summary: "Documents differ between the sides",
            description: "The last check of {{ $labels.job }} found {{ $value | humanize }} documents that differ ({{ $labels.kind }}).",
            runbook: "the-sides-differ",
        },
    ]
}
