//! What a team watches: a Grafana dashboard and Prometheus alert rules, made from the metrics of [`telemetry`](crate::telemetry).
//!
//! `crossfade observe grafana` and `crossfade observe alerts` print them; copies lie in `docs/observability/`. Each query is built by
//! name from [`METRICS`](crate::telemetry::METRICS), and a test reads both copies: a name, a label or a value that is not in the table
//! fails.
//!
//! # What they expect of the exporter
//!
//! - Names as they stand in the table: `metrics-exporter-prometheus` without unit suffixes (`with_recommended_naming` and
//!   `set_enable_unit_suffix` off, as by default).
//! - Histograms with buckets: give each metric of the kind [`Histogram`](crate::telemetry::Kind::Histogram) its bounds by
//!   `set_buckets_for_metric`, as `examples/service` does. Without, that exporter makes summaries: the quantiles of the dashboard stay
//!   empty, which cannot be summed over replicas anyway. The alerts need the sum and the count only, which both have.
//! - [`describe`](crate::telemetry::describe) called after the recorder is installed. It starts every counter at 0; an alert on the
//!   increase of a counter that begins with its first event would miss that event.
//! - `job` and `instance`, as Prometheus sets them on what it scrapes.
//!
//! Only processes that are scraped are seen: a backfill or drift check made by the `crossfade` program shows in that program, not here.

mod alerts;
mod dashboard;
mod limits;
mod promql;

pub use alerts::{RUNBOOK_ANCHORS, alerts};
pub use dashboard::dashboard;
