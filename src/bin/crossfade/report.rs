//! `crossfade report`: what the shadow log says.

use std::time::Duration;

use clap::Args;
use crossfade::store::{Report as Figures, ReportOptions, Store};
use jiff::Timestamp;

use crate::{failure::Failure, output};

#[derive(Args)]
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
}

pub(crate) async fn run(store: &Store, report: Report) -> Result<(), Failure> {
    // Further back than time goes is: from the beginning.
    let since = Timestamp::now().checked_sub(report.since).unwrap_or(Timestamp::UNIX_EPOCH);
    let figures = Figures::compute(store, since, &ReportOptions { endpoint: report.endpoint }).await?;
    if report.json {
        output::json(&figures)?
    } else {
        output::text(figures.to_string().trim_end())?
    }
    Ok(())
}
