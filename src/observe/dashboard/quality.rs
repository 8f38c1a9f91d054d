//! What the shadow reads say.

use super::{
    Row, WINDOW,
    panel::{Panel, Unit},
};
use crate::{
    observe::{limits, promql::Scope},
    telemetry::{
        SHADOW_LATENCY_DELTA, SHADOW_LOG_DELETED, SHADOW_LOG_LOST, SHADOW_LOG_QUEUED, SHADOW_LOG_REQUESTS_ABSENT,
        SHADOW_LOG_RETRIES, SHADOW_LOG_ROWS, SHADOW_NOISE_ERRORS, SHADOW_NOISE_OVERLAP, SHADOW_OUTCOMES,
        SHADOW_OVERLAP, SHADOW_ZERO_RESULTS,
    },
};

pub(super) fn rows(scope: &Scope) -> [Row; 1] {
    let outcomes = |outcomes: &[&str]| {
        let outcomes = scope.metric(SHADOW_OUTCOMES).one_of("outcome", outcomes);
        outcomes.rate(WINDOW).sum_by(&[])
    };
    let overlap = || scope.metric(SHADOW_OVERLAP);
    let delta = || scope.metric(SHADOW_LATENCY_DELTA);
    let log = |name| scope.metric(name).rate(WINDOW).sum_by(&[]);
    let panels = vec![
        Panel::stack("How sampled reads ended", Unit::PerSecond)
            .show(scope.metric(SHADOW_OUTCOMES).rate(WINDOW).sum_by(&["outcome"]), "{{outcome}}"),
        Panel::lines("Shadow reads that failed", Unit::Share)
            .about("Errors and timeouts of the compared side, of all reads it was asked.")
            .show(
                outcomes(&["shadow_error", "shadow_timeout"])
                    .over(outcomes(&["compared", "shadow_error", "shadow_timeout"])),
                "failed or timed out",
            )
            .red_above(limits::SHADOW_ERRORS),
        Panel::lines("Overlap of the first ten hits", Unit::Share)
            .about("Quantiles are drawn between the bounds of buckets, so they may be up to a tenth too low; the mean is exact.")
            .show(overlap().mean(WINDOW, &[]), "mean")
            .show(overlap().quantile(0.5, WINDOW), "median")
            .show(overlap().quantile(0.1, WINDOW), "p10")
            .red_below(limits::OVERLAP),
        Panel::lines("Noise floor", Unit::Share)
            .about("Overlap of Meilisearch with itself, where it was asked twice: no other side can reach more.")
            .show(scope.metric(SHADOW_NOISE_OVERLAP).mean(WINDOW, &[]), "mean"),
        Panel::lines("Second questions that failed", Unit::PerSecond)
            .show(scope.metric(SHADOW_NOISE_ERRORS).rate(WINDOW).sum_by(&["kind"]), "{{kind}}"),
        Panel::lines("Latency, PostgreSQL less Meilisearch", Unit::Milliseconds)
            .about("Of compared pairs, signed: below zero PostgreSQL was faster. Drawn between the bounds of buckets.")
            .show(delta().quantile(0.5, WINDOW), "median")
            .show(delta().quantile(0.95, WINDOW), "p95")
            .show(delta().quantile(0.05, WINDOW), "p5"),
        Panel::lines("Pairs in which a side found nothing", Unit::PerSecond)
            .show(scope.metric(SHADOW_ZERO_RESULTS).rate(WINDOW).sum_by(&["side"]), "{{side}}"),
        Panel::lines("Shadow log", Unit::PerSecond)
            .show(log(SHADOW_LOG_ROWS), "rows stored")
            .show(log(SHADOW_LOG_DELETED), "rows deleted for their age")
            .show(log(SHADOW_LOG_RETRIES), "failed attempts"),
        Panel::lines("Records lost to the shadow log", Unit::PerSecond)
            .about("Reports and gates count them as missing.")
            .show(scope.metric(SHADOW_LOG_LOST).rate(WINDOW).sum_by(&["reason", "outcome"]), "{{reason}}: {{outcome}}"),
        Panel::lines("Rows without their request", Unit::PerSecond)
            .about("`crossfade replay` cannot ask them again.")
            .show(scope.metric(SHADOW_LOG_REQUESTS_ABSENT).rate(WINDOW).sum_by(&["reason"]), "{{reason}}"),
        Panel::lines("Records that wait for the shadow log", Unit::Count)
            .show(scope.metric(SHADOW_LOG_QUEUED).now(), "{{instance}}"),
    ];
    [Row { title: "Shadow reads", panels }]
}
