//! `crossfade report`: what the shadow log says.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use clap::Args;
use crossfade::{
    backfill::BackfillJobs,
    cutover::CutoverError,
    gates::{Look, Policy, decide},
    page::Page,
    store::{Overview, Report as Figures, ReportOptions, Store},
};
use jiff::Timestamp;

use crate::{failure::Failure, gate::file::GateFile, output};

#[derive(Args)]
#[command(after_help = "\
Examples:
  crossfade report --since 24h
  crossfade report --since 7d --endpoint 'GET /v1/search' --json
  crossfade report --since 24h --html report.html

The page needs no network and runs no script: it can be mailed, archived, or opened from disk. It shows query texts and
document ids as the log has them: give it to those only who may see the log.")]
pub(crate) struct Report {
    /// How far to look back: 90m, 24h, 7d.
    #[arg(long, default_value = "24h", value_name = "SPAN", value_parser = crate::span::positive)]
    since: Duration,
    /// Only this endpoint, by the name its layer was given.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// One JSON object in place of a page.
    #[arg(long)]
    json: bool,
    /// One HTML page with plots, written to this file in one step; - is the standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    #[command(flatten)]
    gates: GateFile,
}

pub(crate) async fn run(store: &Store, report: Report) -> Result<(), Failure> {
    // Further back than time goes is: from the beginning.
    let since = Timestamp::now().checked_sub(report.since).unwrap_or(Timestamp::UNIX_EPOCH);
    let options = ReportOptions { endpoint: report.endpoint };
    if let Some(file) = report.html {
        return html(store, since, options, &report.gates.read()?, &file).await;
    }
    let figures = Figures::compute(store, since, &options).await?;
    if report.json {
        output::json(&figures)?
    } else {
        output::text(figures.to_string().trim_end())?
    }
    Ok(())
}

async fn html(
    store: &Store,
    since: Timestamp,
    options: ReportOptions,
    policy: &Policy,
    file: &Path,
) -> Result<(), Failure> {
    let look = Look::take(store, policy).await?;
    let decision = decide(policy, &look).map_err(CutoverError::Flags)?;
    let overview = Overview::compute(store, since, &options).await?;
    let jobs = BackfillJobs::new(store).list().await?;
    let page = Page::new(overview)
        .endpoint(options.endpoint)
        .jobs(jobs)
        .decision(&decision, look.latch())
        .compared(store.evidence().last_drift().await?)
        .render()?;
    if file == Path::new("-") {
        return Ok(output::text(&page)?);
    }
    replace(file, page.as_bytes()).map_err(|error| Failure::Unwritable(file.to_owned(), error))?;
    Ok(output::text(&format!("{}: {} bytes", file.display(), page.len()))?)
}

/// Whoever reads the file meanwhile sees the old or the new one, and so does everybody after a failure.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = file.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.tmp", process::id()));
    let beside = file.with_file_name(beside);
    let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // What is left of it, if anything, is of no use; the error that counts is the first.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}
