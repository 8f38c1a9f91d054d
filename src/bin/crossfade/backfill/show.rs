//! Jobs for people.

use crossfade::backfill::{FailedRow, FailureCause, Job, Throttle, source::SourceDescription};

use crate::output::{columns, plain};

/// One line about copying.
pub(super) fn copying(job: &Job) -> String {
    let mut line = rows(job);
    if let Some(rate) = job.rows_per_second {
        line.push_str(&format!(", {rate:.0}/s"));
    }
    if let Some(eta) = job.backfill_eta_seconds {
        line.push_str(&format!(", {} left", span(eta)));
    }
    if job.failed_rows > 0 {
        line.push_str(&format!(", {} failed", job.failed_rows));
    }
    if let Some(why) = &job.throttled_by {
        line.push_str(&format!(", waiting ({why})"));
    }
    line
}

fn rows(job: &Job) -> String {
    match (job.total_rows, job.fraction()) {
        (Some(total), Some(fraction)) => {
            let about = if job.total_is_exact { "" } else { "about " };
            format!("{} of {about}{total} rows ({:.1} %)", job.processed_rows, fraction * 100.0)
        }
        (Some(total), None) if total > 0 => {
            format!("{} rows, more than the {total} there were to be", job.processed_rows)
        }
        _ => format!("{} rows", job.processed_rows),
    }
}

fn span(seconds: f64) -> String {
    let whole = seconds.ceil() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

pub(super) fn ended(outcome: &str, job: &Job) -> String {
    let Job { job_id, target, processed_rows, written_rows, stale_rows, failed_rows, .. } = job;
    let mut text = format!(
        "{job_id} {outcome}: {processed_rows} rows for `{target}`, {written_rows} written, {stale_rows} beaten by something newer, {failed_rows} failed"
    );
    if *failed_rows > 0 {
        text.push_str(&format!(
            "\nlook at those with `crossfade backfill failures {job_id}`, and try them again with `crossfade backfill retry-failed {job_id}`"
        ));
    }
    match outcome {
        "paused" | "stopped" => text.push_str(&format!("\ngo on with `crossfade backfill resume {job_id}`")),
        _ => {}
    }
    text
}

pub(super) fn status(job: &Job, causes: &[FailureCause]) -> String {
    let mut lines = vec![
        format!("job        {}", job.job_id),
        format!("index      {}", job.target),
        format!("source     {}", job.source.as_ref().map_or("of another program".to_owned(), source)),
        format!("status     {}, {}", job.status, job.stage),
        format!("rows       {}", copying(job)),
        format!(
            "           {} written, {} beaten by something newer, {} failed of {} that may",
            job.written_rows, job.stale_rows, job.failed_rows, job.max_failed_rows
        ),
        format!("shards     {} of {} done, {} workers", job.shards_done, job.shards, job.workers),
        format!("throttled  {}", job.throttled_by.as_deref().unwrap_or("no")),
        format!("limits     {}", throttle(&job.throttle)),
    ];
    if let Some(watermark) = job.high_watermark_seq {
        lines.push(format!("watermark  {watermark}: the outbox brings what comes after"));
    }
    if let Some(share) = job.postings_built {
        lines.push(format!(
            "postings   {:.0} % built: they are left out of the load, and searches are refused until all are there",
            share * 100.0
        ));
    }
    if !job.deferred_indexes.is_empty() {
        lines.push(format!(
            "indexes    {} are built after the load: writing rows is several times faster without them, and nothing reads from PostgreSQL",
            job.deferred_indexes.len()
        ));
    }
    for FailureCause { reason, rows, example } in causes {
        lines.push(format!("failed     {rows} {reason}, for instance: {}", plain(example)));
    }
    if let Some(error) = &job.error_message {
        lines.push(format!("error      {error}"));
    }
    let times = [Some(job.created_at), job.started_at, job.completed_at]
        .map(|at| at.map_or("-".to_owned(), |at| at.to_string()));
    let [created, started, completed] = times;
    lines.push(format!("made {created}, copying since {started}, over {completed}"));
    lines.join("\n")
}

fn source(source: &SourceDescription) -> String {
    match source {
        SourceDescription::Meili { index, .. } => format!("the index `{index}` of Meilisearch"),
        SourceDescription::Sql(options) => format!("a query, by {}", options.keys.join(", ")),
        SourceDescription::Jsonl { path, .. } => format!("the file {}", plain(path)),
    }
}

pub(super) fn throttle(throttle: &Throttle) -> String {
    let limit = |what: &str, limit: Option<f64>| limit.map(|limit| format!("{what} {limit}"));
    let limits = [
        limit("rows a second", throttle.max_rows_per_second),
        limit("nice", Some(throttle.nice_ratio).filter(|nice| *nice > 0.0)),
        limit("milliseconds of a live write", throttle.max_write_millis),
        limit("writes in the journals", throttle.max_journal_pending.map(|limit| limit as f64)),
        limit("active sessions", throttle.max_active_sessions.map(f64::from)),
        limit("bytes a standby lags", throttle.max_replication_lag_bytes.map(|limit| limit as f64)),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    if limits.is_empty() { "none".to_owned() } else { limits.join(", ") }
}

pub(super) fn list(jobs: &[Job]) -> String {
    let row = |job: &Job| {
        [
            job.job_id.clone(),
            job.target.clone(),
            job.status.to_string(),
            job.stage.to_string(),
            rows(job),
            job.failed_rows.to_string(),
            job.updated_at.to_string(),
        ]
    };
    columns(["JOB", "INDEX", "STATUS", "STAGE", "ROWS", "FAILED", "CHANGED"], &jobs.iter().map(row).collect::<Vec<_>>())
}

pub(super) fn failures(failed: &[FailedRow]) -> String {
    let row = |row: &FailedRow| {
        [
            plain(&row.place),
            plain(row.document_id.as_deref().unwrap_or("-")),
            row.reason.clone(),
            row.attempts.to_string(),
            plain(&row.why),
        ]
    };
    columns(["PLACE", "DOCUMENT", "REASON", "ATTEMPTS", "WHY"], &failed.iter().map(row).collect::<Vec<_>>())
}
