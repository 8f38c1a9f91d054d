//! How a sampled read can end. Every one ends in exactly one of these.

use serde::{Deserialize, Serialize};

/// How a sampled read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Both sides answered and were compared.
    Compared,
    /// The side that answers failed (or another had to answer in its place): nothing to compare with.
    PrimaryError,
    /// The compared side failed, panicked, or cannot express the query.
    ShadowError,
    /// The compared side exceeded its deadline.
    ShadowTimeout,
    /// The queue to the worker was full.
    DroppedQueueFull,
    /// It waited in the queue until it was no longer concurrent with the primary.
    DroppedLate,
    /// The caller went away before the answer was complete.
    DroppedCancelled,
    /// A body was over the limit.
    DroppedBodyTooLarge,
    /// The request or the response was not in the shape the codec expects.
    DroppedUndecodable,
    /// The request uses something that is not carried over to the other side.
    DroppedUnsupported,
    /// The worker had stopped, or stopped before the pair was complete.
    DroppedShutdown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Compared,
        Self::PrimaryError,
        Self::ShadowError,
        Self::ShadowTimeout,
        Self::DroppedQueueFull,
        Self::DroppedLate,
        Self::DroppedCancelled,
        Self::DroppedBodyTooLarge,
        Self::DroppedUndecodable,
        Self::DroppedUnsupported,
        Self::DroppedShutdown,
    ];

    /// The value of labels and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compared => "compared",
            Self::PrimaryError => "primary_error",
            Self::ShadowError => "shadow_error",
            Self::ShadowTimeout => "shadow_timeout",
            Self::DroppedQueueFull => "dropped_queue_full",
            Self::DroppedLate => "dropped_late",
            Self::DroppedCancelled => "dropped_cancelled",
            Self::DroppedBodyTooLarge => "dropped_body_too_large",
            Self::DroppedUndecodable => "dropped_undecodable",
            Self::DroppedUnsupported => "dropped_unsupported",
            Self::DroppedShutdown => "dropped_shutdown",
        }
    }
}
