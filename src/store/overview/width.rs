//! How wide the stretches are that a window is cut into.

use std::time::Duration;

/// Stretches at most, apart from one that begins before the window.
const STRETCHES: u64 = 60;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Widths that people reckon in, in seconds. Up to a day each divides the day, so that stretches begin at round times.
const ROUND: [u64; 24] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    3 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    20 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    28 * DAY,
];

/// The smallest round width of which `span` holds at most 60.
pub(super) fn width(span: Duration) -> Duration {
    let enough = |width: &u64| span <= Duration::from_secs(width * STRETCHES);
    // Longer than any log is kept: as many of the widest as it takes.
    let many = || (span.as_secs().div_ceil(28 * DAY * STRETCHES)).max(1) * 28 * DAY;
    Duration::from_secs(ROUND.into_iter().find(enough).unwrap_or_else(many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_into_round_stretches() {
        for (span, expected) in [
            (0, 1),
            (60, 1),
            (61, 2),
            (HOUR, MINUTE),
            (DAY, 30 * MINUTE),
            (7 * DAY, 3 * HOUR),
            (14 * DAY, 6 * HOUR),
            (30 * DAY, 12 * HOUR),
        ] {
            assert_eq!(width(Duration::from_secs(span)).as_secs(), expected, "{span} s");
        }
    }

    #[test]
    fn never_more_than_sixty() {
        for days in [0, 1, 3, 400, 5_000, 20_000, 1_000_000] {
            for more in [0, 1, 4_711] {
                let span = Duration::from_secs(days * DAY + more);
                let width = width(span);
                assert!(span.as_secs().div_ceil(width.as_secs()) <= STRETCHES, "{span:?} by {width:?}");
                assert!(DAY.is_multiple_of(width.as_secs()) || width.as_secs().is_multiple_of(DAY), "{width:?}");
            }
        }
    }
}
