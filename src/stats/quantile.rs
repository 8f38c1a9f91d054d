//! Between which of the values a quantile lies.

use super::share::Evidence;

/// The ranks, from 1 for the least of `samples` values, between whose values the quantile `p` (0 to 1) lies: at all times at once
/// but for a probability of `level`. `None` on a side where no value bounds it yet.
///
/// At least `p` of all values are no greater than the quantile, and at most `p` are less. So of the values seen, the number
/// of those that are not greater is that of a share of at least `p`, and the number of those that are less that of a
/// share of at most `p`: what [`share`](super::share) would find too few, or too many, bounds the rank.
pub fn quantile_ranks(samples: u64, p: f64, level: f64) -> (Option<u64>, Option<u64>) {
    if samples == 0 {
        return (None, None);
    }
    let limit = -level.ln();
    let possible = |hits: u64| Evidence::of(hits, samples).against(p) < limit;
    let expected = ((samples as f64 * p).round() as u64).min(samples);
    // The evidence grows to both sides of the number to be expected.
    let least = first(0, expected, possible);
    let most = expected + first(0, samples - expected, |away| !possible(expected + away)).saturating_sub(1);
    let most = if possible(samples) { samples } else { most };
    ((least > 0).then_some(least), (most < samples).then_some(most + 1))
}

/// The first of `from..=to` for which something holds that then holds for all after it; `to` if it holds for none before.
fn first(mut from: u64, mut to: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while from < to {
        let middle = from.midpoint(to);
        if holds(middle) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    /// Values from 0 to 1, some of them alike, as overlaps are: the true quantile is known.
    #[test]
    fn the_true_quantile_is_hardly_ever_outside_at_any_look() {
        let mut random = StdRng::seed_from_u64(11);
        for (p, steps, truth) in [(0.5, 1_000_000u32, 0.5), (0.95, 1_000_000, 0.95), (0.1, 10, 0.0), (0.5, 10, 0.4)] {
            let mut wrong = 0;
            for _ in 0..300 {
                let mut seen: Vec<f64> = Vec::new();
                wrong += u32::from((1..=300u64).any(|samples| {
                    let value = (random.random::<f64>() * f64::from(steps)).floor() / f64::from(steps);
                    seen.insert(seen.partition_point(|other| *other < value), value);
                    let (least, most) = quantile_ranks(samples, p, 0.1);
                    let at = |rank: u64| seen[rank as usize - 1];
                    // With steps, the quantile is the step itself; the steps of a million are as good as none.
                    let slack = 1.0 / f64::from(steps);
                    least.is_some_and(|rank| at(rank) > truth + slack / 2.0)
                        || most.is_some_and(|rank| at(rank) < truth - slack / 2.0)
                }));
            }
            assert!(wrong <= 45, "{wrong} of 300 streams, p = {p}, {steps} steps");
        }
    }

    proptest! {
        #[test]
        fn ranks_enclose_the_one_to_be_expected_and_are_the_widest_possible(samples in 1u64..3_000, p in 0.01f64..0.99) {
            let (least, most) = quantile_ranks(samples, p, 0.05);
            let possible = |hits: u64| Evidence::of(hits, samples).against(p) < -0.05f64.ln();
            let all: Vec<u64> = (0..=samples).filter(|hits| possible(*hits)).collect();
            prop_assert_eq!(least.unwrap_or(0), *all.first().unwrap());
            prop_assert_eq!(most.map_or(samples, |rank| rank - 1), *all.last().unwrap());
        }
    }

    #[test]
    fn few_samples_bound_nothing() {
        assert_eq!(quantile_ranks(0, 0.5, 0.05), (None, None));
        assert_eq!(quantile_ranks(3, 0.5, 0.05), (None, None));
    }
}
