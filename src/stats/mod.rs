//! Bounds that hold however often one looks.
//!
//! A confidence interval of the usual kind is right 95 times in 100 if it is looked at once, after a number of samples that
//! was fixed before. Who looks at it every minute and stops as soon as it says what he hopes for is right much more rarely.
//! A *confidence sequence* holds at all times at once: the probability that the truth is ever outside, at whatever look, is
//! at most the level. So a gate may be asked at any time, and a migration may go on as soon as it passes.
//!
//! | of | by | source |
//! | --- | --- | --- |
//! | a share | [`share`]: mixture of likelihood ratios under a beta prior (1/2, 1/2), Ville's inequality | Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49(2), 2021 |
//! | a mean of values between 0 and 1 | [`MeanBounds`]: predictable plug-in empirical Bernstein | Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86(1), 2024, theorem 2 |
//! | a quantile | [`quantile_ranks`]: the share of values below it, turned around | Howard, Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm identification", Bernoulli 28(3), 2022 |
//!
//! All of them take the values in the order in which they came, or their number only, and assume that each has the same mean
//! whatever came before it. Readers who ask the same thing again and again make the truth move more slowly than that; a
//! gate by class of query is the answer to it, not a wider bound.

mod mean;
mod quantile;
mod share;

pub use mean::MeanBounds;
pub use quantile::quantile_ranks;
pub use share::share;

use serde::Serialize;

/// Where a figure lies, as far as the samples tell. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounds {
    /// It is no less than this.
    pub lower: f64,
    /// It is no more than this.
    pub upper: f64,
}

impl Bounds {
    /// Anything from 0 to 1: what is known of a share without samples.
    pub const UNKNOWN_SHARE: Self = Self { lower: 0.0, upper: 1.0 };

    /// A figure that is known exactly.
    pub fn exactly(value: f64) -> Self {
        Self { lower: value, upper: value }
    }

    /// Whether it may be this.
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }

    /// The bounds of a quotient of two figures that are not negative. They hold at the sum of both levels. Unbounded above where the
    /// divisor may be 0.
    pub fn over(self, divisor: Self) -> Self {
        let quotient = |a: f64, b: f64| if b > 0.0 { a / b } else { f64::INFINITY };
        let lower = if divisor.upper > 0.0 { self.lower / divisor.upper } else { 0.0 };
        Self { lower, upper: quotient(self.upper, divisor.lower) }
    }
}
