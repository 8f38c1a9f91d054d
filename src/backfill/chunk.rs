//! How many rows the next chunk has.

use std::time::Duration;

/// Rows of a chunk, at least and at most: two pages are in memory at a time, and more rows are written no faster.
const ROWS: (u32, u32) = (10, 2_500);
/// Bytes of documents that a chunk should have at most: a page is held in memory twice.
const BYTES: usize = 4 << 20;

/// The size of the next chunk, given how one of `rows` rows went: towards the time a chunk should take, by no more than a factor of two at
/// a time, and bounded by the bytes that so many rows have had.
pub(super) fn next(size: u32, rows: usize, bytes: usize, took: Duration, target: Duration) -> u32 {
    // A short page, the last one for instance, says nothing about a full one.
    let towards = if rows * 2 < size as usize {
        1.0
    } else {
        (target.as_secs_f64() / took.as_secs_f64().max(1e-6)).clamp(0.5, 2.0)
    };
    let by_time = (f64::from(size) * towards).round() as u32;
    let fits = (BYTES / (bytes / rows.max(1)).max(1)).clamp(1, ROWS.1 as usize) as u32;
    by_time.clamp(ROWS.0, ROWS.1).min(fits)
}

/// After a chunk that took too long to be finished at all.
pub(super) fn smaller(size: u32) -> u32 {
    (size / 4).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_size_follows_the_time() {
        assert_eq!(next(500, 500, 50_000, MS(125), MS(250)), 1_000);
        assert_eq!(next(500, 500, 50_000, MS(1), MS(250)), 1_000);
        assert_eq!(next(500, 500, 50_000, MS(500), MS(250)), 250);
        assert_eq!(next(500, 3, 300, MS(1), MS(250)), 500, "a short page says nothing");
        assert_eq!(next(500, 500, 500 << 20, MS(250), MS(250)), 4, "documents of a mebibyte");
        assert_eq!(smaller(500), 125);
        assert_eq!(smaller(1), 1);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(size in 1_u32..8_000, rows in 0_usize..8_000, bytes in 0_usize..1 << 30, took in 0_u64..100_000) {
            let next = next(size, rows, bytes, MS(took), MS(250));
            prop_assert!((1..=ROWS.1).contains(&next));
            prop_assert!(rows == 0 || next as usize * (bytes / rows) <= BYTES.max(bytes / rows));
        }

        #[test]
        fn a_steady_speed_is_found(micros in 20_u64..20_000) {
            let mut size = 500;
            for _ in 0..20 {
                size = next(size, size as usize, 0, Duration::from_micros(micros * u64::from(size)), MS(250));
            }
            let ideal = (250_000 / micros).clamp(u64::from(ROWS.0), u64::from(ROWS.1));
            prop_assert!(u64::from(size).abs_diff(ideal) <= 1 + ideal / 50, "{size} for {ideal}");
        }
    }
}
