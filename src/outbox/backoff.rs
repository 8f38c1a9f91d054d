//! How long to wait before trying again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);

/// Exponential backoff with full jitter: drawn from 0 to a ceiling that doubles with every failure in a row.
pub(crate) fn pause(failures: u32, longest: Duration) -> Duration {
    ceiling(failures, longest).mul_f64(rand::random())
}

fn ceiling(failures: u32, longest: Duration) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_a_limit() {
        let longest = Duration::from_secs(10);
        let ceilings = [0, 1, 2, 3, 8, 1_000].map(|failures| ceiling(failures, longest).as_millis());
        assert_eq!(ceilings, [100, 100, 200, 400, 10_000, 10_000]);
        assert!((0..100).all(|_| pause(2, longest) <= Duration::from_millis(200)));
    }
}
