//! `crossfade report`: what the shadow log says.

use clap::Args;
use crossfade::store::{Report as Figures, ReportOptions, Store};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::{failure::Failure, output};

#[derive(Args)]
pub(crate) struct Report {
    /// How far to look back: 90m, 24h, 7d.
    #[arg(long, default_value = "24h", value_name = "SPAN", value_parser = look_back)]
    since: SignedDuration,
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

/// A span of time, with a day taken as 24 hours.
fn look_back(text: &str) -> Result<SignedDuration, String> {
    let advice = "give a span of time like 90m, 24h or 7d";
    let span: Span = text.parse().map_err(|_| advice.to_owned())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| advice.to_owned())?;
    if duration.is_positive() { Ok(duration) } else { Err(advice.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::look_back;

    #[test]
    fn spans_of_hours_and_days_are_taken() {
        for (text, hours) in [("24h", 24), ("7d", 168), ("1d 12h", 36), ("2w", 336)] {
            assert_eq!(look_back(text).map(|span| span.as_hours()), Ok(hours), "{text}");
        }
        for text in ["", "24", "-1h", "0h", "tomorrow", "1mo"] {
            assert!(look_back(text).is_err(), "{text:?} was taken");
        }
    }
}
