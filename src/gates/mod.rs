//! Gates.
mod gate;
mod ladder;
mod metric;
mod policy;
mod verdict;
mod window;

pub use self::{
    gate::{Class, Gate, Goal},
    ladder::{Ladder, Step, StepKind},
    metric::{Kind, Metric, Statistic, Unit},
    policy::{DEFAULTS, Policy, PolicyError},
    verdict::{Seen, Verdict},
};
