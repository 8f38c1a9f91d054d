//! What all gates say, and what follows from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Goal, Metric, Statistic, Step, StepKind, Unit, Verdict};
use crate::{plan::Phase, search::QueryClass, stats::Bounds, store::Overlap};

/// What is known, and whether the next step may be taken. Made by [`decide`](super::decide), kept as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// When it was reached, by the clock of the database.
    pub at: Timestamp,
    /// Where the migration stands.
    pub phase: Phase,
    /// Since when; `None`: no flag was ever changed.
    pub since: Option<Timestamp>,
    /// The flags that were seen, by name.
    pub flags: BTreeMap<&'static str, String>,
    /// Their revision, the same for all processes.
    pub revision: i64,
    /// The next step; `None` at the end of the way.
    pub step: Option<NextStep>,
    /// Whether it may be taken.
    pub verdict: Verdict,
    /// What stands in its way apart from gates. It cannot be overridden.
    pub blocked: Vec<String>,
    /// Every gate, also those that do not stand before this step.
    pub gates: Vec<Judged>,
    /// Quality by class of query, in the longest window of a gate.
    pub classes: Vec<ClassQuality>,
    /// What the source reaches with itself; `None`: it was not asked twice.
    pub noise: Option<Noise>,
    /// Share of pairs that say nothing of quality, since writes were under way or nobody knew.
    pub unsettled: Option<f64>,
}

/// A step, for people and programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextStep {
    /// Its kind.
    pub kind: StepKind,
    /// The share it goes to, in percent; empty where it goes to none.
    pub share: String,
    /// In words.
    pub what: String,
    /// The flags it sets, in this order.
    pub sets: Vec<(&'static str, String)>,
}

/// What one gate says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Its name.
    pub gate: String,
    /// What it looks at.
    pub metric: Metric,
    /// What of its values.
    pub statistic: Option<Statistic>,
    /// The class of query the figures are of; `None`: all.
    pub class: Option<QueryClass>,
    /// Whether it stands before the next step.
    pub counts: bool,
    /// What it says.
    pub verdict: Verdict,
    /// The figure; `None`: nothing is known.
    pub value: Option<f64>,
    /// No less than this; `None`: not bounded.
    pub lower: Option<f64>,
    /// No more than this; `None`: not bounded.
    pub upper: Option<f64>,
    /// What it is to be.
    pub goal: Goal,
    /// In what it is measured.
    pub unit: Unit,
    /// How many samples; `None`: it is not taken of samples.
    pub samples: Option<u64>,
    /// Below how many it holds.
    pub min_samples: u64,
    /// Since when they count; `None`: it is not taken of samples.
    pub since: Option<Timestamp>,
    /// Why it says so; may be empty.
    pub why: String,
    /// The class in which the figure is worst, where it is known by class.
    pub worst: Option<WorstClass>,
}

/// The class in which a figure is worst.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorstClass {
    /// Which.
    pub class: QueryClass,
    /// What the gate would say of it.
    pub verdict: Verdict,
    /// The figure.
    pub value: Option<f64>,
    /// Of how many samples.
    pub samples: u64,
}

/// How alike the sides are for a class of query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassQuality {
    /// Which.
    pub class: QueryClass,
    /// Settled pairs.
    pub pairs: u64,
    /// Their overlap@10.
    pub overlap_at_10: Option<Overlap>,
    /// Where the true mean of that lies.
    pub bounds: Bounds,
    /// Share of them whose first ten are the same in the same order.
    pub identical_order: Option<f64>,
    /// Their mean agreement NDCG@10.
    pub agreement_ndcg_at_10: Option<f64>,
    /// PostgreSQL's 95th percentile in milliseconds.
    pub pg_p95_ms: Option<f64>,
}

/// What the source reaches with itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Noise {
    /// overlap@10 of two answers of the source: the ceiling.
    pub overlap_at_10: Overlap,
    /// Of how many pairs.
    pub pairs: u64,
    /// Mean overlap@10 of both sides as a share of it.
    pub relative: Option<f64>,
}

impl From<Step> for NextStep {
    fn from(step: Step) -> Self {
        Self {
            kind: step.kind,
            share: step.share.map_or(String::new(), |share| share.to_string()),
            what: step.to_string(),
            sets: step.changes().into_iter().map(|(flag, value)| (flag.name(), value)).collect(),
        }
    }
}
