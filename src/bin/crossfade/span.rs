//! Spans of time as people write them: 500ms, 2s, 1m, 24h, 7d.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// A span of time, with a day taken as 24 hours; 0s is one.
pub(crate) fn any(text: &str) -> Result<Duration, String> {
    let advice = || "give a span of time like 500ms, 90m, 24h or 7d".to_owned();
    let span: Span = text.parse().map_err(|_| advice())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| advice())?;
    duration.try_into().map_err(|_| advice())
}

/// One that is longer than nothing.
pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    let span = any(text)?;
    if span.is_zero() { Err("give a span of time that is longer than nothing".to_owned()) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_taken_and_what_is_none_is_not() {
        for (text, millis) in [
            ("2s", 2000),
            ("500ms", 500),
            ("1m", 60_000),
            ("24h", 86_400_000),
            ("1d 12h", 129_600_000),
            ("2w", 1_209_600_000),
            ("0s", 0),
        ] {
            assert_eq!(any(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "2", "-1s", "soon", "1mo"] {
            assert!(any(text).is_err(), "{text:?} was taken");
        }
        assert!(positive("0s").is_err() && positive("1ms").is_ok());
    }
}
