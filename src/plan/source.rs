//! Where flags come from.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::error::BoxError;

/// A place that holds flags and can say when they may have changed.
///
/// The [watcher](super::PlanWatcher) reads a source at the start, and then again whenever [`changed`](Self::changed)
/// returns.
pub trait FlagSource: Send {
    /// Reads all flags, at one instant.
    fn read(&mut self) -> BoxFuture<'_, Result<FlagReading, FlagSourceError>>;

    /// Returns when it is worth reading again: something may have changed, or has not been looked at for a while.
    /// Dropping the future loses no change.
    fn changed(&mut self) -> BoxFuture<'_, ()>;

    /// Keeps a mark for every replica. Marking twice is no error.
    fn mark<'a>(&'a mut self, mark: &'a Mark) -> BoxFuture<'a, Result<(), FlagSourceError>>;
}

/// What one process has found out or done, and all are to go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// PostgreSQL has missed writes: someone pulled the emergency brake by the file, or the table was away.
    TargetStale,
    /// Reads were rolled back, and stay so.
    Latched(Cause),
}

/// Who did something, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Who.
    pub by: Arc<str>,
    /// Why.
    pub why: Arc<str>,
}

/// What a source holds: names and texts, not yet judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagReading {
    /// Flag names and their texts; a flag that is not there is not set by this source.
    pub texts: BTreeMap<String, String>,
    /// Whether the source holds the stale mark.
    pub target_stale: bool,
    /// Whether the source holds the latch of a rollback.
    pub latched: bool,
    /// Counts the changes of the source, if it does; 0 otherwise.
    pub revision: i64,
}

/// Why a source gave no flags.
#[derive(Debug, thiserror::Error)]
pub enum FlagSourceError {
    /// It cannot be asked. Nothing changes, the staleness gauge grows.
    #[error("the flags cannot be read: {0}")]
    Unreachable(BoxError),
    /// It answered, with something that is no set of flags. Nothing changes, the refusal is counted.
    #[error(transparent)]
    Refused(#[from] Refusal),
}
