//! Numbers and times as people read them. A number and its unit are not torn apart: the space between them does not break.

use jiff::Timestamp;

/// Where nothing was measured.
pub(super) const NOTHING: &str = "–";

pub(super) use crate::store::grouped as count;

/// A number from 0 to 1, with three decimals.
pub(super) fn unit(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| NOTHING.to_owned(), |value| format!("{value:.3}"))
}

/// A share as a percentage. What is not all is never rounded to it, nor what is not nothing to that.
pub(super) fn percent(share: Option<f64>) -> String {
    let Some(share) = share.filter(|share| share.is_finite()) else { return NOTHING.to_owned() };
    let text = format!("{:.1}\u{a0}%", share * 100.0);
    match text.as_str() {
        "0.0\u{a0}%" if share > 0.0 => "<\u{a0}0.1\u{a0}%".to_owned(),
        "100.0\u{a0}%" if share < 1.0 => ">\u{a0}99.9\u{a0}%".to_owned(),
        "0.0\u{a0}%" | "-0.0\u{a0}%" => "0\u{a0}%".to_owned(),
        "100.0\u{a0}%" => "100\u{a0}%".to_owned(),
        _ => text,
    }
}

/// Milliseconds in the unit that suits them, three digits or so.
pub(super) fn millis(value: Option<f64>) -> String {
    let Some(ms) = value.filter(|value| value.is_finite()) else { return NOTHING.to_owned() };
    let size = ms.abs();
    match () {
        () if size == 0.0 => "0\u{a0}ms".to_owned(),
        () if size < 0.9995 => format!("{}\u{a0}µs", digits(ms * 1e3)),
        () if size < 999.5 => format!("{}\u{a0}ms", digits(ms)),
        () if size < 59_950.0 => format!("{}\u{a0}s", digits(ms / 1e3)),
        () => format!("{}\u{a0}min", digits(ms / 60e3)),
    }
}

/// The same with its sign, also in front of what is positive.
pub(super) fn signed_millis(value: Option<f64>) -> String {
    let text = millis(value);
    match value.filter(|value| value.is_finite()) {
        Some(ms) if ms > 0.0 => format!("+{text}"),
        Some(ms) if ms < 0.0 => text.replacen('-', "−", 1),
        _ => text,
    }
}

/// Three digits, without zeros at the end of the decimals.
pub(super) fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Seconds as a span of time.
pub(super) fn seconds(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return NOTHING.to_owned();
    }
    let whole = value.round() as u64;
    match whole {
        0..60 => format!("{}\u{a0}s", digits(value)),
        60..3_600 => two(whole / 60, "min", whole % 60, "s"),
        3_600..86_400 => two(whole / 3_600, "h", whole % 3_600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3_600, "h"),
    }
}

fn two(many: u64, unit: &str, rest: u64, smaller: &str) -> String {
    if rest == 0 { format!("{many}\u{a0}{unit}") } else { format!("{many}\u{a0}{unit} {rest}\u{a0}{smaller}") }
}

/// Date and time to the second, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Date and time to the minute, in UTC, without saying so.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// At most `most` characters of a text. What is cut off is shown by an ellipsis.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: String) -> String {
        text.replace('\u{a0}', " ")
    }

    #[test]
    fn milliseconds_take_the_unit_that_suits() {
        for (ms, expected) in [
            (0.0, "0 ms"),
            (0.001, "1 µs"),
            (0.25, "250 µs"),
            (0.9996, "1 ms"),
            (1.5, "1.5 ms"),
            (42.04, "42 ms"),
            (999.6, "1 s"),
            (59_960.0, "1 min"),
            (600_000.0, "10 min"),
            (-1_234.0, "-1.23 s"),
        ] {
            assert_eq!(plain(millis(Some(ms))), expected, "{ms}");
        }
        assert_eq!([millis(None), millis(Some(f64::NAN))], [NOTHING, NOTHING]);
        assert_eq!([signed_millis(Some(2.0)), signed_millis(Some(-2.0))].map(plain), ["+2 ms", "−2 ms"]);
    }

    #[test]
    fn shares_are_not_rounded_to_all_or_nothing() {
        let texts = [0.0, 0.0001, 0.5, 0.99999, 1.0].map(|share| plain(percent(Some(share))));
        assert_eq!(texts, ["0 %", "< 0.1 %", "50.0 %", "> 99.9 %", "100 %"]);
    }

    #[test]
    fn spans_take_two_units() {
        let texts = [2.5, 59.4, 60.0, 90.0, 3_600.0, 90_000.0].map(seconds).map(plain);
        assert_eq!(texts, ["2.5 s", "59.4 s", "1 min", "1 min 30 s", "1 h", "1 d 1 h"]);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!([cut("東京タワー", 2), cut("ab", 2)], ["東京…", "ab"]);
    }
}
