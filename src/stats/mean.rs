//! The mean of values between 0 and 1.

use super::Bounds;

/// The most that is bet on one value, between 0 and 1: a half, as the source proposes.
const MOST: f64 = 0.5;

/// Takes values one after the other, in the order in which they came, and says where their mean lies.
#[derive(Clone, Copy, Debug)]
pub struct MeanBounds {
    level: f64,
    samples: u64,
    sum: f64,
    /// Of squared distances of each value from the mean as it was guessed with it.
    spread: f64,
    weights: f64,
    weighted: f64,
    penalty: f64,
}

impl MeanBounds {
    /// Without values: bounds at all times at once but for a probability of `level`.
    pub fn new(level: f64) -> Self {
        Self { level, samples: 0, sum: 0.0, spread: 0.0, weights: 0.0, weighted: 0.0, penalty: 0.0 }
    }

    /// Takes a value; what is not between 0 and 1 counts as the nearer end.
    pub fn add(&mut self, value: f64) {
        let value = value.clamp(0.0, 1.0);
        let before = self.samples as f64;
        // Guesses from the values before this one, which is what keeps the bounds honest.
        let mean = (0.5 + self.sum) / (before + 1.0);
        let variance = (0.25 + self.spread) / (before + 1.0);
        let time = before + 1.0;
        let bet = ((2.0 * (2.0 / self.level).ln()) / (variance * time * (time + 1.0).ln())).sqrt().min(MOST);
        self.weights += bet;
        self.weighted += bet * value;
        // 4 (x - mean)^2 times psi(bet), where psi(bet) = (-ln(1 - bet) - bet) / 4.
        self.penalty += (value - mean).powi(2) * (-(-bet).ln_1p() - bet);
        self.samples += 1;
        self.sum += value;
        let mean = (0.5 + self.sum) / (time + 1.0);
        self.spread += (value - mean).powi(2);
    }

    /// How many values there were.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Their mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.sum / self.samples as f64)
    }

    /// Where the true mean lies.
    pub fn bounds(&self) -> Bounds {
        if self.samples == 0 {
            return Bounds::UNKNOWN_SHARE;
        }
        let (center, reach) = (self.weighted / self.weights, ((2.0 / self.level).ln() + self.penalty) / self.weights);
        Bounds { lower: (center - reach).clamp(0.0, 1.0), upper: (center + reach).clamp(0.0, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    fn ever_wrong(truth: f64, draw: impl Fn(&mut dyn Rng) -> f64) -> u32 {
        let mut random = StdRng::seed_from_u64(13);
        let mut wrong = 0;
        for _ in 0..400 {
            let mut mean = MeanBounds::new(0.1);
            wrong += u32::from((0..1_000).any(|_| {
                mean.add(draw(&mut random));
                !mean.bounds().contains(truth)
            }));
        }
        wrong
    }

    #[test]
    fn the_true_mean_is_hardly_ever_outside_at_any_look() {
        let even = ever_wrong(0.5, |random| random.random());
        let rare = ever_wrong(0.02, |random| f64::from(u8::from(random.random_bool(0.02))));
        let mostly_whole = ever_wrong(0.97, |random| if random.random_bool(0.9) { 1.0 } else { 0.7 });
        for wrong in [even, rare, mostly_whole] {
            // 40 of 400 are allowed in the mean; three standard deviations of that more.
            assert!(wrong <= 58, "{wrong}");
        }
    }

    #[test]
    fn bounds_close_in_and_the_faster_the_less_the_values_differ() {
        let width = |samples: u32, values: &[f64]| {
            let mut mean = MeanBounds::new(0.05);
            (0..samples).for_each(|n| mean.add(values[n as usize % values.len()]));
            mean.bounds().upper - mean.bounds().lower
        };
        assert!(width(2_000, &[0.0, 1.0]) < width(200, &[0.0, 1.0]) / 2.0);
        assert!(width(2_000, &[1.0, 0.9]) < width(2_000, &[0.0, 1.0]) / 3.0);
    }

    proptest! {
        #[test]
        fn bounds_are_always_within_0_and_1_and_hold_values_that_never_change(value in 0.0f64..=1.0, samples in 1u32..500) {
            let mut mean = MeanBounds::new(0.05);
            (0..samples).for_each(|_| mean.add(value));
            let bounds = mean.bounds();
            prop_assert!(0.0 <= bounds.lower && bounds.upper <= 1.0 && bounds.contains(value));
        }
    }
}
