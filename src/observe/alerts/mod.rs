//! Alert rules for Prometheus.

mod moving;
mod quality;
mod reads;
mod writes;
mod yaml;

use super::promql::{Query, Scope};

/// The headings of `docs/runbook.md` that alerts point to, as anchors.
pub const RUNBOOK_ANCHORS: &[&str] = &[
    "reads-fall-back",
    "reads-are-refused",
    "a-rollback-is-latched",
    "flags-cannot-be-read",
    "a-change-of-flags-was-refused",
    "replicas-disagree",
    "a-side-cannot-be-written",
    "writes-are-refused",
    "the-journal-falls-behind",
    "the-journal-fails",
    "dead-letters",
    "the-outbox-falls-behind",
    "the-sides-differ",
    "shadow-answers-differ",
    "shadow-reads-fail",
    "the-shadow-log-loses-rows",
    "a-backfill-fails",
    "search-upkeep-falls-behind",
    "the-worker-panicked",
    "nothing-is-reported",
];

/// How soon somebody has to look.
#[derive(Clone, Copy, Debug)]
enum Severity {
    /// At once: users notice, or something is about to be lost.
    Critical,
    /// Within a day.
    Warning,
}

/// Rules that belong together.
struct Group {
    name: &'static str,
    alerts: Vec<Alert>,
}

/// One rule.
struct Alert {
    name: &'static str,
    severity: Severity,
    query: Query,
    /// How long it must hold.
    lasting: &'static str,
    summary: &'static str,
    description: &'static str,
    /// Of [`RUNBOOK_ANCHORS`].
    runbook: &'static str,
}

/// Prometheus rule groups, as YAML. With `job` they look at the metrics of that job alone; without, at those of every job, and tell them
/// apart by it.
///
/// ```
/// let rules = crossfade::observe::alerts(Some("search"));
/// assert!(rules.contains("alert: CrossfadeDeadLetters"));
/// ```
pub fn alerts(job: Option<&str>) -> String {
    let scope = Scope::job(job);
    yaml::write(&[
        Group { name: "crossfade-reads", alerts: reads::alerts(&scope) },
        Group { name: "crossfade-writes", alerts: writes::alerts(&scope) },
        Group { name: "crossfade-quality", alerts: quality::alerts(&scope) },
        Group { name: "crossfade-moving", alerts: moving::alerts(&scope) },
    ])
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}
