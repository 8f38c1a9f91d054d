//! Backfill and drift: whether the data is there.

use maud::{Markup, html};

use super::{
    format::{count, minute, percent, seconds, time},
    none, said, section, table,
};
use crate::{
    backfill::{Job, JobStatus},
    page::{DriftSeen, Verdict},
};

/// Jobs shown at most, the latest ones.
const JOBS: usize = 20;

pub(super) fn backfill(jobs: Option<&[Job]>) -> Markup {
    let content = match jobs {
        None => none("Not known here; `crossfade backfill list` shows them."),
        Some([]) => none("There was no backfill."),
        Some(jobs) => html! {
            @for job in jobs.iter().rev().take(JOBS) { (one(job)) }
            @if jobs.len() > JOBS { p.note { "And " (jobs.len() - JOBS) " earlier ones." } }
        },
    };
    section("backfill", "Backfill", content)
}

fn one(job: &Job) -> Markup {
    let word = match job.status {
        JobStatus::Succeeded => Verdict::Pass,
        JobStatus::Failed | JobStatus::Cancelled => Verdict::Fail,
        _ => Verdict::Hold,
    };
    let rows = |rows: i64| count(rows.unsigned_abs());
    let of = match job.total_rows {
        Some(total) if job.fraction().is_some() => {
            format!(" of {}{}", if job.total_is_exact { "" } else { "about " }, rows(total))
        }
        _ => String::new(),
    };
    html! {
        div.job {
            p {
                span class={ "badge " (word.as_str()) } { (job.status.as_str()) } " "
                strong { (said(&job.job_id, 100)) } " for index " strong { (said(&job.target, 100)) }
                @if !job.status.is_over() { ", " (job.stage.as_str()) }
            }
            @if let Some(done) = job.fraction() {
                progress max="1" value={ (format!("{done:.4}")) } aria-label="rows that are done" { (percent(Some(done))) }
            }
            p.note {
                (rows(job.processed_rows)) (of) " rows"
                @if job.fraction().is_some() { " (" (percent(job.fraction())) ")" }
                ": " (rows(job.written_rows)) " written, " (rows(job.stale_rows)) " beaten by something newer, " (rows(job.failed_rows)) " failed of "
                (rows(job.max_failed_rows)) " that may. " (job.shards_done) " of " (job.shards) " shards done"
                @if let Some(rate) = job.rows_per_second { ", " (count(rate.max(0.0).round() as u64)) " rows/s" }
                @if let Some(eta) = job.backfill_eta_seconds { ", " (seconds(eta)) " left" }
                @if let Some(why) = &job.throttled_by { ", waiting: " (said(why, 200)) }
                ". Made " (minute(job.created_at)) ", changed " (minute(job.updated_at)) " UTC."
            }
            @if let Some(error) = &job.error_message { p.error { (said(error, 500)) } }
        }
    }
}

pub(super) fn drift(checks: Option<&[DriftSeen]>) -> Markup {
    let content = match checks {
        None => none("Not known here; `crossfade drift check` compares the documents of both sides."),
        Some([]) => none("No drift check so far: `crossfade drift check` compares the documents of both sides."),
        Some(checks) => {
            let row = |check: &DriftSeen| {
                let kinds: Vec<String> =
                    check.differing.iter().map(|(kind, documents)| format!("{kind} {}", count(*documents))).collect();
                vec![
                    said(&check.index, 100),
                    html! {
                        span class={ "badge " (if check.total() == 0 { "pass" } else { "fail" }) } { (count(check.total())) " differ" }
                    },
                    said(&kinds.join(", "), 200),
                    table::cell(count(check.meili_documents)),
                    table::cell(count(check.pg_documents)),
                    table::cell(time(check.checked_at)),
                ]
            };
            let head = ["index", "drift", "how", "in Meilisearch", "in PostgreSQL", "checked"];
            table::words("The last drift checks", &head, &checks.iter().map(row).collect::<Vec<_>>())
        }
    };
    section("drift", "Drift", content)
}
