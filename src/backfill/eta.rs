//! How long it will take.

/// A rate that is older than this says nothing of what comes, in seconds.
const STALE: f64 = 15.0;

/// Seconds until `total` rows are processed. `None` where nobody can know: no total, one that has turned out too small, no rate,
/// or an old one. A job that is throttled has the rate of a throttled job, pauses included.
pub(super) fn eta(total: Option<i64>, processed: i64, rate: Option<f64>, rate_age: Option<f64>) -> Option<f64> {
    let left = total?.checked_sub(processed).filter(|left| *left >= 0)?;
    let rate = rate.filter(|rate| rate.is_finite() && *rate > 0.0)?;
    rate_age.filter(|age| *age <= STALE)?;
    Some(left as f64 / rate)
}

/// Whether a rate may be shown.
pub(super) fn is_recent(rate_age: Option<f64>) -> bool {
    rate_age.is_some_and(|age| age <= STALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_known_is_absent() {
        assert_eq!(eta(Some(1_000), 400, Some(100.0), Some(1.0)), Some(6.0));
        assert_eq!(eta(Some(1_000), 1_000, Some(100.0), Some(1.0)), Some(0.0));
        for (total, processed, rate, age) in [
            (None, 400, Some(100.0), Some(1.0)),
            (Some(300), 400, Some(100.0), Some(1.0)),
            (Some(1_000), 400, None, Some(1.0)),
            (Some(1_000), 400, Some(0.0), Some(1.0)),
            (Some(1_000), 400, Some(f64::NAN), Some(1.0)),
            (Some(1_000), 400, Some(100.0), None),
            (Some(1_000), 400, Some(100.0), Some(16.0)),
        ] {
            assert_eq!(eta(total, processed, rate, age), None, "{total:?} {processed} {rate:?} {age:?}");
        }
    }
}
