//! Drift: documents on which the two sides disagree after everything has settled, found by comparing content, and repaired.
//!
//! [`DriftCheck`] compares all documents of an index. It reads both sides once and adds up what it reads in 4,096 ranges, by a
//! hash of the id; where all ranges agree that is all, and takes no more memory for a million documents than for one. The
//! ranges that differ are read again document by document, and what seems to differ there is looked at once more by its id,
//! after a settle delay: a write that was on its way is no drift.
//!
//! [`DriftRepair`] copies what differs from the side that decides to the other, by the way of all writes. [`RepairPlan`] says
//! what that would do. [`DriftSample`] and [`DriftAudit`] look at some documents only, again and again.
//!
//! # Examples
//!
//! Until nothing differs, three times at most:
//!
//! ```
//! # use std::sync::Arc;
//! # use crossfade::{backend::{meili::MeiliOptions, postgres::PostgresOptions}, drift::*, plan::PlanHandle};
//! # async fn example(meili: MeiliOptions, postgres: PostgresOptions, plan: PlanHandle) -> Result<(), DriftError> {
//! let check = DriftCheck::new(meili.clone().index("posts"), postgres.clone().index("posts"));
//! let repair = DriftRepair::new(check, Arc::new(meili.writer()), Arc::new(postgres.writer()), plan);
//! for round in 1..=3 {
//!     let report = repair.run(|progress| println!("{progress:?}")).await?;
//!     println!("round {round}: {} found, {} repaired", report.check.counts.total(), report.repaired);
//!     if report.check.agrees {
//!         break;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod check;
mod content;
mod error;
mod listing;
mod looks;
mod ranges;
mod repair;
mod report;
mod sample;
mod scan;
mod settings;
mod stitch;

pub use check::{DriftCheck, DriftPass, DriftProgress};
pub use error::DriftError;
pub use repair::{DriftRepair, LeftOver, RepairPlan, RepairReport, RepairWrites, deciding_side};
pub use report::{Difference, DriftCounts, DriftKind, DriftReport, PerSide, Values};
pub use sample::{DriftAudit, DriftSample, DriftSampled};
pub use settings::{SettingDifference, compare_settings};
