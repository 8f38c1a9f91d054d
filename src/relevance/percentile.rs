//! Percentiles of a sample.

/// The percentile `p` (0 to 1) of values in ascending order, by definition 7 of Hyndman and Fan, "Sample Quantiles in
/// Statistical Packages", The American Statistician 50(4), 1996: linear between the two values around rank
/// `1 + p (n − 1)`. PostgreSQL's `percentile_cont`, R's default and NumPy's default are the same. `None` for no values.
pub fn percentile(ascending: &[f64], p: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let rank = p.clamp(0.0, 1.0) * last as f64;
    let (below, share) = (rank.floor() as usize, rank.fract());
    let (low, high) = (ascending.get(below)?, ascending.get((below + 1).min(last))?);
    Some(low + share * (high - low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The NIST/SEMATECH e-Handbook of Statistical Methods (7.2.6.2) lists this definition as an alternative to its
    /// own; on 15 20 35 40 50 the 40th percentile is 29 by this one and 26 by that one.
    #[test]
    fn definition_seven() {
        assert_eq!(percentile(&[15.0, 20.0, 35.0, 40.0, 50.0], 0.4), Some(29.0));
        assert_eq!(percentile(&[15.0, 20.0, 35.0, 40.0, 50.0], 0.5), Some(35.0));
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.5));
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
    }

    proptest! {
        #[test]
        fn lies_within_and_grows_with_p(mut values in prop::collection::vec(-1e6f64..1e6, 1..60), p in 0.0f64..=1.0, q in 0.0f64..=1.0) {
            values.sort_by(f64::total_cmp);
            let (low, high) = (percentile(&values, p.min(q)).unwrap(), percentile(&values, p.max(q)).unwrap());
            prop_assert!(low <= high + 1e-9);
            prop_assert!(values[0] <= low && high <= values[values.len() - 1]);
            prop_assert_eq!(percentile(&values, 0.0), Some(values[0]));
            prop_assert_eq!(percentile(&values, 1.0), Some(values[values.len() - 1]));
        }
    }
}
