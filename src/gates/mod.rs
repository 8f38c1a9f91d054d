//! Gates: whether a migration may take its next step.
//!
//! A [`Policy`] declares gates: a [`Metric`], what it is to be, over which window, of how many samples at least, and before which
//! [steps](StepKind). A [`Look`] reads what is known; [`decide`] makes a [`Decision`] of both, without reading anything.
//!
//! ```no_run
//! # async fn example(store: crossfade::store::Store) -> Result<(), Box<dyn std::error::Error>> {
//! use crossfade::gates::{Look, Policy, Verdict, decide};
//!
//! let policy = Policy::parse("[gates.overlap_median]\nat_least = 0.85")?;
//! let decision = decide(&policy, &Look::take(&store, &policy).await?)?;
//! match decision.verdict {
//!     Verdict::Pass => println!("may go on"),
//!     Verdict::Hold => println!("not enough is known yet"),
//!     Verdict::Fail => println!("PostgreSQL is not good enough"),
//! }
//! # Ok(()) }
//! ```
//!
//! # Three verdicts
//!
//! *pass*: the truth is on the right side of the threshold, with all of its bounds. *fail*: it is on the wrong side, with
//! all of them. *hold*: not enough is known. A hold is never a pass, and never a reason to go back.
//!
//! [Bounds](crate::stats) hold however often one looks, so there is no harm in asking every minute. Samples count from
//! the beginning of the step that the migration is at, so that what was seen under other conditions says nothing; a window that
//! is full moves by quarters, each at a smaller level, so that all looks at a step together are wrong at most with the
//! probability of `level`.
//!
//! # What counts
//!
//! Quality is taken of pairs that were [settled](crate::backend::Settlement) only, and the share of the others is shown.
//! Pairs that failed are no pairs with an overlap of 0, and are not left out either: they have a gate of their own.

mod decide;
mod decision;
mod facts;
mod gate;
mod ladder;
mod look;
mod metric;
mod policy;
mod samples;
mod verdict;
mod window;
mod words;

pub use self::{
    decide::{decide, last_step},
    decision::{ClassQuality, Decision, Judged, NextStep, Noise, WorstClass},
    gate::{Class, Gate, Goal},
    ladder::{Ladder, Step, StepKind},
    look::Look,
    metric::{Kind, Metric, Statistic, Unit},
    policy::{DEFAULTS, Policy, PolicyError},
    verdict::{Seen, Verdict},
};
