//! Where flags come from.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;

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

    /// Keeps the stale mark for every replica: someone pulled the emergency brake by the file.
    fn mark_stale(&mut self) -> BoxFuture<'_, Result<(), FlagSourceError>>;
}

/// What a source holds: names and texts, not yet judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagReading {
    /// Flag names and their texts; a flag that is not there is not set by this source.
    pub texts: BTreeMap<String, String>,
    /// Whether the source holds the stale mark.
    pub target_stale: bool,
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
