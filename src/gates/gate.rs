//! A gate: a figure, what it is to be, and before which steps.

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

use super::{Metric, Statistic, StepKind};
use crate::search::QueryClass;

/// A condition that is met before a step is taken. Made by a [`Policy`](super::Policy), which checks it.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// Its name in the gate file.
    pub name: String,
    /// What it looks at.
    pub metric: Metric,
    /// What of its values; `None` for a metric that is one figure.
    pub statistic: Option<Statistic>,
    /// What it is to be.
    pub goal: Goal,
    /// How far back is looked at most: pairs and reads of that time, a check or a run no older.
    pub window: Duration,
    /// Samples below which it holds, whatever they say.
    pub min_samples: u64,
    /// The steps it stands before.
    pub before: BTreeSet<StepKind>,
    /// Of which queries.
    pub class: Class,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// Of which queries a gate takes its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Of all.
    #[default]
    All,
    /// Of one class.
    One(QueryClass),
    /// Of each class that has samples enough, and the worst of them counts.
    Worst,
}

impl Goal {
    /// The figure that is to be reached or kept.
    pub fn threshold(self) -> f64 {
        match self {
            Self::AtLeast(threshold) | Self::AtMost(threshold) => threshold,
        }
    }

    /// Whether one figure is worse than another.
    pub fn is_worse(self, one: f64, other: f64) -> bool {
        match self {
            Self::AtLeast(_) => one < other,
            Self::AtMost(_) => one > other,
        }
    }
}
