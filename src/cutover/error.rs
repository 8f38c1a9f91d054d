//! Why a step was not taken.

use crate::{gates::Decision, plan::Refusal, store::StoreError};

/// A step was not taken, or nobody could say whether it may be.
#[derive(Debug, thiserror::Error)]
pub enum CutoverError {
    /// The control tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The table of flags holds something that this version does not know.
    #[error("the flags cannot be read: {0}")]
    Flags(#[from] Refusal),
    /// The verdict is no pass.
    #[error("the verdict is {}, so nothing was changed; `crossfade gate` shows why, --override --why takes the step anyway", .0.verdict.as_str())]
    NotPassed(Box<Decision>),
    /// Something stands in the way that cannot be overridden.
    #[error("the step cannot be taken, and nothing was changed: {}", .0.blocked.join("; "))]
    Blocked(Box<Decision>),
    /// There is no further step.
    #[error("the migration is at its end: there is no further step")]
    AtTheEnd,
    /// The step was taken, but that could not be kept.
    #[error("the step was taken (revision {revision}), but could not be kept among the steps: {source}")]
    NotKept {
        /// The revision of the flags after it.
        revision: i64,
        /// The cause.
        source: StoreError,
    },
}
