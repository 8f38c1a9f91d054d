//! The upright axis: where it begins and ends, and which values are named.

/// Values more than this apart are drawn on a logarithmic scale.
const WIDE_APART: f64 = 200.0;

/// An axis. Values are placed on it as they are, or by their logarithm.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::page) struct Scale {
    logarithmic: bool,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Scale {
    /// From 0 to 1.
    pub(in crate::page) fn unit() -> Self {
        Self { logarithmic: false, low: 0.0, high: 1.0, ticks: vec![0.0, 0.25, 0.5, 0.75, 1.0] }
    }

    /// From 0, or from the lowest value if that is below, to the highest.
    pub(in crate::page) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values).unwrap_or((0.0, 1.0));
        let (low, high) = (low.min(0.0), high.max(0.0));
        let step = round_step((high - low).max(f64::MIN_POSITIVE) / 4.0);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        // Values that are all 0 have no height of their own.
        let last = if first == last { first + 1.0 } else { last };
        let ticks: Vec<f64> = (0..=(last - first) as u32).map(|number| (first + f64::from(number)) * step).collect();
        Self { logarithmic: false, low: first * step, high: last * step, ticks }
    }

    /// Of values that are greater than 0: by their logarithm where they are far apart, else from 0.
    pub(in crate::page) fn positive(values: impl Iterator<Item = f64> + Clone) -> Self {
        match ends(values.clone().filter(|value| *value > 0.0)) {
            Some((low, high)) if high / low > WIDE_APART => Self::logarithmic(low, high),
            _ => Self::linear(values),
        }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let every = usize::try_from((last - first) / 6).unwrap_or_default() + 1;
        let ticks = (first..=last).step_by(every).map(|power| 10_f64.powi(power)).collect();
        Self { logarithmic: true, low: 10_f64.powi(first), high: 10_f64.powi(last), ticks }
    }

    /// Where a value is drawn. On a logarithmic scale nothing is below the lowest place.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        if self.logarithmic { value.log10() } else { value }
    }

    /// The value at a place.
    pub(super) fn value(&self, place: f64) -> f64 {
        if self.logarithmic { 10_f64.powf(place) } else { place }
    }

    /// The places of both ends.
    pub(super) fn ends(&self) -> std::ops::Range<f64> {
        self.place(self.low)..self.place(self.high)
    }

    /// The places that are named.
    pub(super) fn ticks(&self) -> Vec<f64> {
        self.ticks.iter().map(|tick| self.place(*tick)).collect()
    }

    /// Whether values are placed by their logarithm.
    pub(in crate::page) fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [power, 2.0 * power, 5.0 * power];
    steps.into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_all_values() {
        for (values, expected) in [
            (vec![3.0, 97.0], vec![0.0, 50.0, 100.0]),
            (vec![-12.0, 30.0], vec![-20.0, 0.0, 20.0, 40.0]),
            (vec![-3.0, -1.0], vec![-3.0, -2.0, -1.0, 0.0]),
            (vec![0.0], vec![0.0]),
            (vec![], vec![0.0, 0.5, 1.0]),
        ] {
            let scale = Scale::linear(values.iter().copied());
            assert_eq!(scale.ticks.first(), expected.first(), "{values:?}: {scale:?}");
            for value in values {
                assert!((scale.low..=scale.high).contains(&value) && scale.low < scale.high, "{value}: {scale:?}");
            }
            assert!((2..=7).contains(&scale.ticks.len()), "{scale:?}");
        }
    }

    #[test]
    fn values_far_apart_are_placed_by_their_logarithm() {
        let scale = Scale::positive([0.001, 600_000.0].into_iter());
        assert!(scale.is_logarithmic() && scale.ticks.len() <= 7, "{scale:?}");
        assert_eq!((scale.low, scale.high), (0.001, 1e6));
        assert!((scale.value(scale.place(30.0)) - 30.0).abs() < 1e-9);
        assert_eq!(scale.place(0.0), scale.ends().start, "nothing is lost below");
        assert!(!Scale::positive([2.0, 90.0].into_iter()).is_logarithmic());
    }
}
