//! The share of trials that end in one way.

use super::Bounds;

/// The parameter of the beta prior, on both sides: Jeffreys' prior, which is tight for shares near 0 and 1.
const PRIOR: f64 = 0.5;
/// Halvings of an interval within 0 and 1: below what a double can tell apart.
const HALVINGS: u32 = 60;

/// Where the true share lies when `hits` of `trials` ended so, at all times at once but for a probability of `level`.
pub fn share(hits: u64, trials: u64, level: f64) -> Bounds {
    if trials == 0 {
        return Bounds::UNKNOWN_SHARE;
    }
    let evidence = Evidence::of(hits.min(trials), trials);
    let limit = -level.ln();
    // The evidence against a share grows to both sides of the one that was seen.
    let seen = hits.min(trials) as f64 / trials as f64;
    let lower = if hits == 0 { 0.0 } else { halve(0.0, seen, |share| evidence.against(share) >= limit) };
    let upper = if hits >= trials { 1.0 } else { halve(1.0, seen, |share| evidence.against(share) >= limit) };
    Bounds { lower, upper }
}

/// What was seen, as evidence against a supposed share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    hits: f64,
    misses: f64,
    /// The logarithm of the likelihood under the prior.
    mixture: f64,
}

impl Evidence {
    pub(super) fn of(hits: u64, trials: u64) -> Self {
        let (hits, misses) = (hits as f64, (trials - hits) as f64);
        Self { hits, misses, mixture: ln_beta(PRIOR + hits, PRIOR + misses) - ln_beta(PRIOR, PRIOR) }
    }

    /// The logarithm of the likelihood ratio. Under the true share its exponential is a martingale from 1, so that it ever
    /// reaches 1/level with a probability of at most the level (Ville).
    pub(super) fn against(&self, share: f64) -> f64 {
        self.mixture - times_ln(self.hits, share) - times_ln(self.misses, 1.0 - share)
    }
}

/// Between a place that is `outside` and one that is not, the last that is outside.
fn halve(mut outer: f64, mut inner: f64, outside: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = outer.midpoint(inner);
        if outside(middle) {
            outer = middle;
        } else {
            inner = middle;
        }
    }
    outer
}

fn times_ln(count: f64, share: f64) -> f64 {
    if count == 0.0 { 0.0 } else { count * share.ln() }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    const LEVEL: f64 = 0.1;

    /// How many of `streams` exclude the truth at some look, of all looks after each sample.
    fn ever_wrong(truth: f64, streams: u64, bounds: impl Fn(u64, u64) -> bool) -> u64 {
        let mut random = StdRng::seed_from_u64(7);
        let mut wrong = 0;
        for _ in 0..streams {
            let mut hits = 0;
            wrong += u64::from((1..=1_000u64).any(|trials| {
                hits += u64::from(random.random_bool(truth));
                !bounds(hits, trials)
            }));
        }
        wrong
    }

    #[test]
    fn the_truth_is_hardly_ever_outside_at_any_look() {
        for truth in [0.002, 0.1, 0.5, 0.95] {
            let wrong = ever_wrong(truth, 400, |hits, trials| Evidence::of(hits, trials).against(truth) < -LEVEL.ln());
            // 40 are allowed in the mean; three standard deviations of that more.
            assert!(wrong <= 58, "{wrong} of 400 streams with {truth}");
        }
    }

    /// What the sequence is for, and the proof that the test above can fail.
    #[test]
    fn an_interval_for_one_look_is_wrong_much_more_often() {
        let truth = 0.5;
        let wrong = ever_wrong(truth, 400, |hits, trials| {
            let (seen, trials) = (hits as f64 / trials as f64, trials as f64);
            trials < 10.0 || (seen - truth).abs() <= 1.645 * (seen * (1.0 - seen) / trials).sqrt()
        });
        assert!(wrong > 120, "{wrong}");
    }

    /// By hand, level 0.05, nothing seen in n trials: the mixture is B(1/2, n + 1/2) / B(1/2, 1/2), which for n = 2 is
    /// 3/8, and 3/8 = 20 (1 - p)^2 has no solution below; for the upper bound 3/8 / (1 - p)^2 = 20, p = 1 - sqrt(3/160).
    #[test]
    fn the_bound_of_two_misses_is_that_of_a_calculation_by_hand() {
        let bounds = share(0, 2, 0.05);
        assert_eq!(bounds.lower, 0.0);
        assert!((bounds.upper - (1.0 - (3.0f64 / 160.0).sqrt())).abs() < 1e-9, "{bounds:?}");
    }

    #[test]
    fn nothing_seen_is_nothing_known() {
        assert_eq!(share(0, 0, 0.05), Bounds::UNKNOWN_SHARE);
    }

    proptest! {
        #[test]
        fn bounds_are_where_the_evidence_reaches_the_level(hits in 0u64..5_000, misses in 0u64..5_000, at in 0.0f64..1.0) {
            prop_assume!(hits + misses > 0);
            let bounds = share(hits, hits + misses, LEVEL);
            let seen = hits as f64 / (hits + misses) as f64;
            prop_assert!(0.0 <= bounds.lower && bounds.lower <= seen && seen <= bounds.upper && bounds.upper <= 1.0);
            let outside = Evidence::of(hits, hits + misses).against(at) >= -LEVEL.ln();
            // Not on the very edge.
            if (at - bounds.lower).abs() > 1e-9 && (at - bounds.upper).abs() > 1e-9 {
                prop_assert_eq!(!bounds.contains(at), outside);
            }
        }

        #[test]
        fn a_lower_level_is_a_wider_bound(hits in 0u64..500, misses in 0u64..500) {
            let (wide, narrow) = (share(hits, hits + misses, 0.01), share(hits, hits + misses, 0.1));
            prop_assert!(wide.lower <= narrow.lower && narrow.upper <= wide.upper);
        }
    }
}
