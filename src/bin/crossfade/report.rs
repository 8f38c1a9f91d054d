//! `crossfade report`: what the shadow log says.

use crossfade::{
    error::BoxError,
    store::{Report, ReportOptions, Store},
};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Shows what the shadow reads of the last hours or days say: how alike the sides answer, and how fast.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportCommand {
    /// How far to look back, for example 90m, 24h or 7d
    #[arg(long, default_value = "24h", value_parser = look_back)]
    since: SignedDuration,
    /// Only this endpoint, by the name its layer was given
    #[arg(long)]
    endpoint: Option<String>,
    /// One JSON object instead of a page
    #[arg(long)]
    json: bool,
}

impl ReportCommand {
    /// Prints the report to the standard output.
    pub(crate) async fn run(self, store: &Store) -> Result<(), BoxError> {
        let since = Timestamp::now().checked_sub(self.since)?;
        let report = Report::compute(store, since, &ReportOptions { endpoint: self.endpoint }).await?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{report}");
        }
        Ok(())
    }
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
