//! Queries, built from the table of metrics: what is not in it is refused where debug assertions are on, that is, by every test.

use std::fmt;

use crate::telemetry::{Kind, Metric};

/// What Prometheus adds to every series.
pub(super) const TARGET_LABELS: &[&str] = &["job", "instance"];

/// What every selector is narrowed down to.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope(Vec<String>);

/// Some series of one metric.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    metric: Option<&'static Metric>,
    name: &'static str,
    matchers: Vec<String>,
}

/// A query.
#[derive(Clone, Debug)]
pub(super) struct Query {
    metric: Option<&'static Metric>,
    text: String,
}

impl Scope {
    /// What one job exposes; without a name, all of them.
    pub(super) fn job(name: Option<&str>) -> Self {
        Self(name.map(|name| format!("job={}", quoted(name))).into_iter().collect())
    }

    /// What the variables of the dashboard choose.
    pub(super) fn chosen() -> Self {
        Self(vec!["job=~\"$job\"".to_owned(), "instance=~\"$instance\"".to_owned()])
    }

    pub(super) fn metric(&self, name: &'static str) -> Selector {
        let metric = Metric::find(name);
        debug_assert!(metric.is_some(), "{name} is not in the table of metrics");
        Selector { metric, name, matchers: self.0.clone() }
    }
}

impl Selector {
    /// With this value of a label.
    pub(super) fn is(self, label: &str, value: &str) -> Self {
        self.matching(label, "=", &[value])
    }

    /// With one of these values.
    pub(super) fn one_of(self, label: &str, values: &[&str]) -> Self {
        self.matching(label, "=~", values)
    }

    /// With none of these values.
    pub(super) fn none_of(self, label: &str, values: &[&str]) -> Self {
        self.matching(label, "!~", values)
    }

    fn matching(mut self, label: &str, operator: &str, values: &[&str]) -> Self {
        let known = self.metric.and_then(|metric| metric.label(label));
        debug_assert!(
            known.is_some_and(|known| values.iter().all(|value| known.values.contains(value))),
            "{}: {label} is not one of {values:?} in the table of metrics",
            self.name
        );
        self.matchers.push(format!("{label}{operator}{}", quoted(&values.join("|"))));
        self
    }

    /// The value of a gauge.
    pub(super) fn now(self) -> Query {
        self.must_be("a gauge", |kind| kind == Kind::Gauge);
        self.query("", "", "")
    }

    /// How fast a counter grows, per second.
    pub(super) fn rate(self, window: &str) -> Query {
        self.must_be("a counter", |kind| kind == Kind::Counter);
        self.query("rate", "", window)
    }

    /// By how much a counter has grown.
    pub(super) fn increase(self, window: &str) -> Query {
        self.must_be("a counter", |kind| kind == Kind::Counter);
        self.query("increase", "", window)
    }

    /// By how much a counter has grown, by `labels`, or what it began with: what happens while a process starts is counted before
    /// anybody has seen the 0.
    pub(super) fn happened(self, window: &str, labels: &[&str]) -> Query {
        let now = self.to_string();
        let grown = self.increase(window);
        Query { text: format!("{grown} > 0 or {now} unless {now} offset {window}"), ..grown }.sum_by(labels)
    }

    /// 1 if there is no such series.
    pub(super) fn absent(self) -> Query {
        let metric = self.metric;
        Query { metric, text: format!("absent({self})") }
    }

    /// How many observations a histogram has made.
    pub(super) fn observations(self, window: &str) -> Query {
        self.must_be("a histogram", is_histogram);
        self.query("increase", "_count", window)
    }

    /// The mean observation of a histogram, by `labels`.
    pub(super) fn mean(self, window: &str, labels: &[&str]) -> Query {
        self.must_be("a histogram", is_histogram);
        let signed = self.metric.is_some_and(Metric::is_signed);
        debug_assert!(!signed, "{}: its sum may fall, which a rate takes for a restart", self.name);
        let sum = self.clone().query("rate", "_sum", window).sum_by(labels);
        sum.over(self.query("rate", "_count", window).sum_by(labels))
    }

    /// A quantile of the observations of a histogram, over all series.
    pub(super) fn quantile(self, quantile: f64, window: &str) -> Query {
        self.must_be("a histogram", is_histogram);
        let buckets = self.query("rate", "_bucket", window).sum_by(&["le"]);
        Query { text: format!("histogram_quantile({quantile}, {})", buckets.text), ..buckets }
    }

    fn must_be(&self, what: &str, kind: impl Fn(Kind) -> bool) {
        debug_assert!(self.metric.is_some_and(|metric| kind(metric.kind)), "{} is not {what}", self.name);
    }

    fn query(mut self, function: &str, suffix: &str, window: &str) -> Query {
        let metric = self.metric;
        let matchers = std::mem::take(&mut self.matchers);
        let matchers = if matchers.is_empty() { String::new() } else { format!("{{{}}}", matchers.join(",")) };
        let series = format!("{}{suffix}{matchers}", self.name);
        let text = if function.is_empty() { series } else { format!("{function}({series}[{window}])") };
        Query { metric, text }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.clone().query("", "", "").text)
    }
}

impl Query {
    pub(super) fn sum_by(self, labels: &[&str]) -> Self {
        self.by("sum", labels)
    }

    pub(super) fn max_by(self, labels: &[&str]) -> Self {
        self.by("max", labels)
    }

    pub(super) fn min_by(self, labels: &[&str]) -> Self {
        self.by("min", labels)
    }

    pub(super) fn count_by(self, labels: &[&str]) -> Self {
        self.by("count", labels)
    }

    fn by(self, what: &str, labels: &[&str]) -> Self {
        let bucketed = |label: &str| label == "le" && self.metric.is_some_and(|metric| is_histogram(metric.kind));
        let own = |label: &str| self.metric.is_some_and(|metric| metric.label(label).is_some());
        debug_assert!(
            labels.iter().all(|label| TARGET_LABELS.contains(label) || own(label) || bucketed(label)),
            "{}: has not all of the labels {labels:?}",
            self.text
        );
        let by = if labels.is_empty() { String::new() } else { format!(" by ({})", labels.join(", ")) };
        Self { text: format!("{what}{by} ({})", self.text), ..self }
    }

    /// Divided by another one. Neither may be more than one call or aggregation.
    pub(super) fn over(self, whole: Self) -> Self {
        Self { text: format!("{} / {}", self.text, whole.text), ..self }
    }

    pub(super) fn above(self, limit: f64) -> Self {
        Self { text: format!("{} > {limit}", self.text), ..self }
    }

    pub(super) fn below(self, limit: f64) -> Self {
        Self { text: format!("{} < {limit}", self.text), ..self }
    }

    pub(super) fn equals(self, value: f64) -> Self {
        Self { text: format!("{} == {value}", self.text), ..self }
    }

    /// Where the other one has a value too.
    pub(super) fn and(self, other: Self) -> Self {
        Self { text: format!("{} and {}", self.text, other.text), ..self }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_histogram(kind: Kind) -> bool {
    matches!(kind, Kind::Histogram { .. })
}

/// A string of PromQL, which has the escapes of Go.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    format!("\"{text}\"")
}

#[cfg(test)]
#[cfg(debug_assertions)]
mod tests {
    use super::*;
    use crate::telemetry::{JOURNAL_PENDING, READ_FALLBACK, SHADOW_LATENCY_DELTA, SHADOW_OVERLAP};

    #[test]
    fn queries_are_written_as_prometheus_reads_them() {
        let scope = Scope::job(Some("a\"b\\"));
        let rate = scope.metric(READ_FALLBACK).one_of("reason", &["timeout", "panic"]).rate("5m");
        assert_eq!(
            rate.sum_by(&["job", "reason"]).above(0.1).to_string(),
            r#"sum by (job, reason) (rate(read_fallback_total{job="a\"b\\",reason=~"timeout|panic"}[5m])) > 0.1"#
        );
        let happened = Scope::default().metric(READ_FALLBACK).happened("5m", &["job"]);
        assert_eq!(
            happened.to_string(),
            "sum by (job) (increase(read_fallback_total[5m]) > 0 or read_fallback_total unless read_fallback_total offset 5m)"
        );
        let overlap = Scope::default().metric(SHADOW_OVERLAP);
        assert_eq!(
            overlap.clone().mean("1h", &[]).to_string(),
            "sum (rate(shadow_overlap_at_10_sum[1h])) / sum (rate(shadow_overlap_at_10_count[1h]))"
        );
        assert_eq!(
            overlap.quantile(0.5, "1h").to_string(),
            "histogram_quantile(0.5, sum by (le) (rate(shadow_overlap_at_10_bucket[1h])))"
        );
    }

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        type Wrong = fn(Scope) -> Query;
        let refused: [(&str, Wrong); 8] = [
            ("a name", |scope| scope.metric("read_fallbacks_total").rate("5m")),
            ("a label", |scope| scope.metric(READ_FALLBACK).is("side", "pg").rate("5m")),
            ("a value", |scope| scope.metric(READ_FALLBACK).is("reason", "slow").rate("5m")),
            ("a group", |scope| scope.metric(READ_FALLBACK).rate("5m").sum_by(&["side"])),
            ("a gauge's rate", |scope| scope.metric(JOURNAL_PENDING).rate("5m")),
            ("a counter's value", |scope| scope.metric(READ_FALLBACK).now()),
            ("a counter's mean", |scope| scope.metric(READ_FALLBACK).mean("5m", &[])),
            ("the mean of what may be negative", |scope| scope.metric(SHADOW_LATENCY_DELTA).mean("5m", &[])),
        ];
        for (what, query) in refused {
            assert!(std::panic::catch_unwind(|| query(Scope::default())).is_err(), "{what}");
        }
    }
}
