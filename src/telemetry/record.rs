//! The only file that calls the `metrics` macros.
#![allow(clippy::disallowed_macros)]

use super::{METRICS, Metric, metric::Kind};

/// Labels of one series.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Tells the installed recorder the meaning and unit of every metric of the crate, and starts every counter at 0, so that its first step
/// is seen as one. Call it once, after installing a recorder.
pub fn describe() {
    for metric in METRICS {
        let Metric { name, unit, meaning, .. } = *metric;
        match metric.kind {
            Kind::Gauge => metrics::describe_gauge!(name, unit, meaning),
            Kind::Histogram { .. } => metrics::describe_histogram!(name, unit, meaning),
            Kind::Counter => {
                metrics::describe_counter!(name, unit, meaning);
                for labels in metric.series() {
                    metrics::counter!(name, &labels).increment(0);
                }
            }
        }
    }
}

/// Adds to a counter.
pub(super) fn count<const N: usize>(name: &'static str, labels: Labels<N>, more: u64) {
    debug_assert!(is_in_the_table(name, &labels), "{name}{labels:?} is not in the table of metrics");
    metrics::counter!(name, &labels).increment(more);
}

/// Sets a gauge.
pub(super) fn set<const N: usize>(name: &'static str, labels: Labels<N>, value: f64) {
    debug_assert!(is_in_the_table(name, &labels), "{name}{labels:?} is not in the table of metrics");
    metrics::gauge!(name, &labels).set(value);
}

/// Records an observation of a histogram.
pub(super) fn observe(name: &'static str, value: f64) {
    debug_assert!(is_in_the_table(name, &[]), "{name} is not in the table of metrics");
    metrics::histogram!(name).record(value);
}

fn is_in_the_table(name: &str, labels: &[(&str, &str)]) -> bool {
    Metric::find(name).is_some_and(|metric| {
        let known =
            |(label, value): &(&str, &str)| metric.label(label).is_some_and(|label| label.values.contains(value));
        metric.labels.len() == labels.len() && labels.iter().all(known)
    })
}
