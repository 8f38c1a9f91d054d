//! How far a mean over queries can be trusted.

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::relevance::percentile;

/// How often queries are drawn again.
const RESAMPLES: usize = 2_000;

/// The mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The 95 % interval of the mean by the percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap",
/// 1993, chapter 13): of 2,000 samples drawn with replacement from the values, the means of all but the lowest and the
/// highest 2.5 %. It contains the mean, and is the same for the same seed. `None` of nothing.
///
/// It says what other queries of the same kind would have given; not what queries of another kind would.
pub fn bootstrap_interval(values: &[f64], seed: u64) -> Option<[f64; 2]> {
    let mean = mean(values)?;
    let mut random = SmallRng::seed_from_u64(seed);
    let mut draw = || {
        let drawn = (0..values.len()).map(|_| values[random.random_range(..values.len())]);
        drawn.sum::<f64>() / values.len() as f64
    };
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| draw()).collect();
    means.sort_unstable_by(f64::total_cmp);
    // Sums of the same values in another order may differ in their last digit.
    Some([percentile(&means, 0.025)?.min(mean), percentile(&means, 0.975)?.max(mean)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_and_one_value() {
        assert_eq!((mean(&[]), bootstrap_interval(&[], 1)), (None, None));
        assert_eq!(bootstrap_interval(&[0.25], 1), Some([0.25, 0.25]));
    }

    /// Of 400 coins the mean is 0.5 ± 1.96 · 0.5 / 20.
    #[test]
    fn of_many_values_it_is_the_normal_interval() {
        let coins: Vec<f64> = (0..400).map(|n| f64::from(n % 2)).collect();
        let [low, high] = bootstrap_interval(&coins, 1).unwrap();
        assert!((low - 0.451).abs() < 0.006 && (high - 0.549).abs() < 0.006, "{low} {high}");
        assert_eq!(bootstrap_interval(&coins, 1), Some([low, high]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn it_contains_the_mean_and_lies_within_the_values(
            values in prop::collection::vec(0.0f64..=1.0, 1..40),
            seed in any::<u64>(),
        ) {
            let ([low, high], mean) = (bootstrap_interval(&values, seed).unwrap(), mean(&values).unwrap());
            prop_assert!(low <= mean && mean <= high);
            prop_assert!(values.iter().any(|value| *value <= low + 1e-9));
            prop_assert!(values.iter().any(|value| *value >= high - 1e-9));
        }
    }
}
