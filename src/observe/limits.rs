//! Where values begin to be a matter of concern. Dashboard and alerts share them.

/// Mean overlap@10 below which the sides do not answer alike; what a migration is usually gated at.
pub(super) const OVERLAP: f64 = 0.7;
/// The share of shadow reads that may fail or time out.
pub(super) const SHADOW_ERRORS: f64 = 0.01;
/// The share of sampled reads that the worker may be too slow for.
pub(super) const SHADOW_DROPS: f64 = 0.05;
/// Pairs, or reads, that a share must be of before it means anything.
pub(super) const FEWEST: f64 = 100.0;
/// Fallbacks a second: single failures are what falling back is for.
pub(super) const FALLBACKS: f64 = 0.1;
/// Intents in the journal.
pub(super) const PENDING: f64 = 1_000.0;
/// Seconds that a write may be on its way to the other side.
pub(super) const OLDEST: f64 = 300.0;
/// Seconds without knowing the flags.
pub(super) const STALE: f64 = 60.0;
/// Changes that every search reads beside the postings: ten folds.
pub(super) const CHANGES: f64 = 10_000.0;
