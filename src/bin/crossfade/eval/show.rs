//! The report for people.

use crossfade::eval::{EvalReport, Figures};

use super::worst;
use crate::output::plain;

/// Failed queries that are listed; all are counted.
const LISTED: usize = 5;

/// One column of the table: its head and the figure of each row.
type Column = (&'static str, fn(&Figures) -> String);

const COUNT: Column = ("queries", |figures| figures.queries.to_string());
const PARITY: [Column; 6] = [
    ("overlap@10", |figures| share(figures.overlap_at_10)),
    ("95 % interval", |figures| interval(figures.overlap_at_10_interval)),
    ("same top 20", |figures| share(figures.identical_top_20)),
    ("same first", |figures| share(figures.top1)),
    ("rbo", |figures| share(figures.rbo)),
    ("same total", |figures| share(figures.totals_equal)),
];
const LATENCY: [Column; 3] = [
    ("p50 ms", |figures| ms(figures.p50_ms)),
    ("p95 ms", |figures| ms(figures.p95_ms)),
    ("p99 ms", |figures| ms(figures.p99_ms)),
];
const QUALITY: [Column; 2] = [
    ("ndcg@10 pg", |figures| share(figures.ndcg_at_10)),
    ("95 % interval", |figures| interval(figures.ndcg_at_10_interval)),
];
const SOURCE_QUALITY: [Column; 3] = [
    ("meili", |figures| share(figures.source.as_ref().and_then(|source| source.ndcg_at_10))),
    ("pg - meili", |figures| signed(figures.ndcg_at_10_delta)),
    ("95 % interval", |figures| {
        figures.ndcg_at_10_delta_interval.map_or_else(none, |[low, high]| format!("{low:+.3} to {high:+.3}"))
    }),
];
const SOURCE_LATENCY: [Column; 3] = [
    ("meili p50", |figures| ms(figures.source.as_ref().and_then(|source| source.p50_ms))),
    ("p95", |figures| ms(figures.source.as_ref().and_then(|source| source.p95_ms))),
    ("p99", |figures| ms(figures.source.as_ref().and_then(|source| source.p99_ms))),
];

pub(super) fn report(report: &EvalReport, against: &str) -> String {
    let overall = &report.overall;
    let mut parts = vec![format!("PostgreSQL against {against}, {} queries", overall.queries)];
    if overall.source.is_some() {
        parts.push(table("parity", report, &[&[COUNT], &PARITY]));
    }
    if overall.judged > 0 {
        let of_source: &[Column] = if overall.source.is_some() { &SOURCE_QUALITY } else { &[] };
        let judged: Column = ("judged", |figures| figures.judged.to_string());
        parts.push(table("quality", report, &[&[judged], &QUALITY, of_source]));
    }
    let timed = overall.source.as_ref().is_some_and(|source| source.p50_ms.is_some());
    let of_source: &[Column] = if timed { &SOURCE_LATENCY } else { &[] };
    parts.push(table("latency", report, &[&[COUNT], &LATENCY, of_source]));
    parts.extend(remarks(report));
    if !report.worst.is_empty() {
        parts.push(worst::text(&report.worst));
    }
    parts.join("\n\n")
}

/// All queries, then each class, figures to the right.
fn table(head: &str, report: &EvalReport, columns: &[&[Column]]) -> String {
    let columns: Vec<Column> = columns.concat();
    let row = |name: &str, figures: &Figures| -> Vec<String> {
        [plain(name)].into_iter().chain(columns.iter().map(|(_, figure)| figure(figures))).collect()
    };
    let mut rows = vec![[head].into_iter().chain(columns.iter().map(|(head, _)| *head)).map(str::to_owned).collect()];
    rows.push(row("all", &report.overall));
    rows.extend(report.by_class.iter().map(|(class, figures)| row(class, figures)));
    let width = |at: usize| rows.iter().map(|row: &Vec<String>| row[at].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..=columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let first = format!("{:<width$}", row[0], width = widths[0]);
        let cells = row.iter().zip(&widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
        [first].into_iter().chain(cells).collect::<String>()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn remarks(report: &EvalReport) -> Option<String> {
    let mut lines = Vec::new();
    let Figures { both_empty, totals_error, .. } = report.overall;
    if both_empty > 0 {
        lines.push(format!("nothing on both sides: {both_empty}, which count as alike"));
    }
    if let Some(error) = totals_error.filter(|error| *error > 0.0) {
        lines.push(format!("totals are {:.1} % apart on average", error * 100.0));
    }
    if !report.failed.is_empty() {
        lines.push(format!("not answered: {}, which count as empty and unlike:", report.failed.len()));
        let failed = report.failed.iter().take(LISTED);
        lines.extend(failed.map(|failed| format!("  {}: {}", plain(&failed.query_id), plain(&failed.error))));
        if report.failed.len() > LISTED {
            lines.push(format!("  ... and {} more; --json lists them", report.failed.len() - LISTED));
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn none() -> String {
    "-".to_owned()
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:.3}"))
}

fn signed(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:+.3}"))
}

fn interval(value: Option<[f64; 2]>) -> String {
    value.map_or_else(none, |[low, high]| format!("{low:.3} to {high:.3}"))
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:.1}"))
}
