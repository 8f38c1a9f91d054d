//! Spans of time, for people.

use std::time::Duration;

/// In the largest unit that it is two of, rounded down: `90m`, `36h`, `7d`.
pub(super) fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        172_800.. => format!("{}d", seconds / 86_400),
        7_200.. => format!("{}h", seconds / 3_600),
        120.. => format!("{}m", seconds / 60),
        2.. => format!("{seconds}s"),
        _ => format!("{}ms", span.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_largest_unit_that_says_enough() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!(words(14 * 86_400), "14d");
        assert_eq!(words(86_400), "24h");
        assert_eq!(words(5_400), "90m");
        assert_eq!(words(30), "30s");
        assert_eq!(in_words(Duration::from_millis(900)), "900ms");
    }
}
