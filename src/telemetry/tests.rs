//! Names, table, labels and functions say the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use metrics_util::{MetricKind, debugging::DebuggingRecorder};

use super::*;
use crate::error::{BackendErrorKind, Side};

/// Calls each function that records something, once.
fn record_everything() {
    read_fallback(FallbackReason::BreakerOpen);
    read_refused(BackendErrorKind::Timeout);
    canary_anonymous();
    shadow_ended("compared");
    shadow_compared(0.7, -3.0);
    shadow_noise(0.9);
    shadow_noise_failed(BackendErrorKind::Timeout);
    shadow_zero_results(Side::Pg);
    shadow_log_request_absent("off");
    shadow_log_stored(1);
    shadow_log_lost("refused", "compared");
    shadow_log_retried();
    shadow_log_deleted(1);
    shadow_log_queued(1);
    plan_info("canary", "dual", "pg", true);
    rollback_latched(true);
    guard_rolled_back("fallbacks");
    guard_powerless("fallbacks");
    gates_judged("pass");
    step_taken("canary");
    plan_rejected("one_step");
    plan_stale(Duration::from_secs(1));
    plan_fallback(PlanFallback::Defaults);
    plan_listening(true);
    plan_found_by_poll();
    dual_write_failed(Side::Meili, "task_failed");
    dual_write_retried(Side::Meili, 1);
    dual_write_delivered(Side::Meili, 1);
    dual_write_stale(1);
    dual_write_reconciled(Side::Pg);
    dual_write_refused("busy");
    dual_write_unknown(Side::Meili, 1);
    dual_write_unreadable("malformed", true);
    dual_write_ack_timed_out();
    dual_write_suspected(1);
    journal_depth(1, 1.0, 1);
    journal_duties("pg", 1);
    journal_failed("full");
    outbox_backlog(Side::Pg, 1, 1.0);
    outbox_dead("lookup");
    outbox_active(Side::Pg, true);
    changes_pending(1);
    folded(1);
    fold_failed();
    backfill_progress(1, Some(1.0));
    backfill_failed("rejected");
    backfill_retried("source");
    backfill_fenced();
    drift_found("missing", 1);
    worker_panicked();
}

/// Kind, name and label keys.
type Signature = (MetricKind, String, BTreeSet<String>);

fn recorded(by: impl FnOnce()) -> Vec<(Signature, BTreeMap<String, String>)> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, by);
    let series = recorder.snapshotter().snapshot().into_vec().into_iter();
    series
        .map(|(key, ..)| {
            let (kind, key) = (key.kind(), key.key());
            let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned()));
            let labels: BTreeMap<_, _> = labels.collect();
            ((kind, key.name().to_owned(), labels.keys().cloned().collect()), labels)
        })
        .collect()
}

fn kind(metric: &Metric) -> MetricKind {
    match metric.kind {
        Kind::Counter => MetricKind::Counter,
        Kind::Gauge => MetricKind::Gauge,
        Kind::Histogram { .. } => MetricKind::Histogram,
    }
}

fn folder() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap())).collect()
}

#[test]
fn what_is_recorded_is_the_table() {
    let recorded: BTreeSet<Signature> =
        recorded(record_everything).into_iter().map(|(signature, _)| signature).collect();
    let labels = |metric: &Metric| metric.labels.iter().map(|label| label.name.to_owned()).collect();
    let table: BTreeSet<Signature> =
        METRICS.iter().map(|metric| (kind(metric), metric.name.to_owned(), labels(metric))).collect();
    assert_eq!(recorded, table);
    assert_eq!(table.len(), METRICS.len(), "a name stands twice in the table");
}

#[test]
fn every_function_is_called_above() {
    let here = include_str!("tests.rs");
    let called = here.split("fn record_everything() {").nth(1).unwrap().split("\n}").next().unwrap();
    let sources = folder();
    let functions = sources.iter().flat_map(|(_, code)| code.lines()).filter_map(|line| {
        let rest = line.strip_prefix("pub(crate) fn ")?;
        rest.split('(').next()
    });
    let functions: Vec<&str> = functions.collect();
    assert!(functions.len() > 40, "{functions:?}");
    let missing: Vec<_> = functions.iter().filter(|name| !called.contains(&format!("    {name}("))).collect();
    assert!(missing.is_empty(), "not called by `record_everything`: {missing:?}");
}

#[test]
fn constants_are_described_once_and_tell_their_labels() {
    let mut declared = BTreeMap::new();
    let mut docs = String::new();
    for line in include_str!("names.rs").lines() {
        if let Some(doc) = line.strip_prefix("/// ") {
            docs.push_str(doc);
            docs.push(' ');
        } else if line.starts_with("pub const ") {
            let name = line.split('"').nth(1).unwrap();
            let docs = std::mem::take(&mut docs);
            let labels = docs.split("Labels: ").nth(1).unwrap_or_default();
            let labels: Vec<String> = labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            assert!(declared.insert(name, labels).is_none(), "{name} is declared twice");
        }
    }
    let labels = |metric: &Metric| metric.labels.iter().map(|label| label.name.to_owned()).collect();
    let table: BTreeMap<&str, Vec<String>> = METRICS.iter().map(|metric| (metric.name, labels(metric))).collect();
    assert_eq!(declared, table);
}

#[test]
fn counters_start_at_nothing() {
    let started: BTreeSet<_> =
        recorded(describe).into_iter().map(|(signature, labels)| (signature.1, labels)).collect();
    let all = recorded(record_everything);
    let counted = all.into_iter().filter(|((kind, ..), _)| *kind == MetricKind::Counter);
    for ((_, name, _), labels) in counted {
        assert!(started.contains(&(name.clone(), labels.clone())), "{name}{labels:?} has no start");
    }
    let gauges = METRICS.iter().filter(|metric| metric.kind != Kind::Counter);
    for metric in gauges {
        assert!(!started.iter().any(|(name, _)| name == metric.name), "{} was never measured", metric.name);
    }
}
