//! What a gate says. Pure.

use serde::{Deserialize, Serialize};

use super::{Gate, Goal};
use crate::stats::Bounds;

/// What a gate says, or all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence says that the goal is met.
    Pass,
    /// There is not enough evidence. Nothing goes on, and nothing goes back because of it.
    Hold,
    /// The evidence says that it is not met.
    Fail,
}

/// What was seen of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It was taken of samples.
    Sampled {
        /// The figure; `None` without samples.
        value: Option<f64>,
        /// Where the truth lies.
        bounds: Bounds,
        /// How many samples there were.
        samples: u64,
    },
    /// It is known.
    Known {
        /// The figure.
        value: f64,
        /// What it was taken of, for people; may be empty.
        of: String,
    },
    /// It is not known, and why.
    Unknown(String),
}

impl Verdict {
    /// The word of answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Hold => "hold",
            Self::Fail => "fail",
        }
    }

    /// All of several: one that fails is enough to fail, one that holds to hold. Of none: nothing speaks for going on.
    pub fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Hold)
    }
}

impl Goal {
    /// What is to be said when the truth lies within these bounds.
    pub fn judge(self, bounds: Bounds) -> Verdict {
        let (worst, best, threshold) = match self {
            Self::AtLeast(threshold) => (bounds.lower, bounds.upper, threshold),
            // The other way round, so that more is better.
            Self::AtMost(threshold) => (-bounds.upper, -bounds.lower, -threshold),
        };
        if worst >= threshold {
            Verdict::Pass
        } else if best < threshold {
            Verdict::Fail
        } else {
            Verdict::Hold
        }
    }
}

impl Gate {
    /// What it says of what was seen, and why.
    pub fn judge(&self, seen: &Seen) -> (Verdict, String) {
        match seen {
            Seen::Unknown(why) => (Verdict::Hold, why.clone()),
            Seen::Known { value, of } => (self.goal.judge(Bounds::exactly(*value)), of.clone()),
            Seen::Sampled { samples, .. } if *samples < self.min_samples => {
                (Verdict::Hold, format!("{samples} of {} samples", self.min_samples))
            }
            Seen::Sampled { bounds, .. } => match self.goal.judge(*bounds) {
                Verdict::Hold => (Verdict::Hold, "the bounds hold the threshold: more samples will tell".to_owned()),
                told => (told, String::new()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_of_several() {
        use Verdict::{Fail, Hold, Pass};
        assert_eq!(Verdict::all([Pass, Pass]), Pass);
        assert_eq!(Verdict::all([Pass, Hold]), Hold);
        assert_eq!(Verdict::all([Fail, Hold, Pass]), Fail);
        assert_eq!(Verdict::all([]), Hold);
    }

    #[test]
    fn the_threshold_itself_meets_the_goal() {
        assert_eq!(Goal::AtMost(0.0).judge(Bounds::exactly(0.0)), Verdict::Pass);
        assert_eq!(Goal::AtLeast(1.0).judge(Bounds::exactly(1.0)), Verdict::Pass);
        assert_eq!(Goal::AtMost(0.0).judge(Bounds::exactly(1.0)), Verdict::Fail);
    }

    proptest! {
        /// Whatever the truth is within the bounds: a pass is right, a fail is right.
        #[test]
        fn no_verdict_is_wrong_while_the_truth_is_within(lower in 0.0f64..1.0, width in 0.0f64..1.0, at in 0.0f64..=1.0, threshold in 0.0f64..1.5, least: bool) {
            let bounds = Bounds { lower, upper: lower + width };
            let truth = (lower + at * width).min(bounds.upper);
            let goal = if least { Goal::AtLeast(threshold) } else { Goal::AtMost(threshold) };
            let met = if least { truth >= threshold } else { truth <= threshold };
            match goal.judge(bounds) {
                Verdict::Pass => prop_assert!(met),
                Verdict::Fail => prop_assert!(!met),
                Verdict::Hold => prop_assert!(width > 0.0),
            }
        }
    }
}
