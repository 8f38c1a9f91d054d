use std::time::Duration;

use crate::{
    error::{BackendError, BackendErrorKind, Side},
    journal::JournalError,
    plan::WriteMode,
};

/// Why the sides could not be compared, or not be made alike. A report of part of the documents is never given in its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriftError {
    /// A side failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Documents are deleted faster than Meilisearch can be listed.
    #[error(
        "documents are deleted from Meilisearch faster than it can be listed, so that some may have been missed; \
         check again when fewer are deleted"
    )]
    Unsteady,
    /// Nothing is repaired while only one side is written.
    #[error(
        "drift is repaired only while both sides are written, and search_write_mode is `{}`; {}",
        .mode.as_str(), what_to_do(*.mode)
    )]
    NotDual {
        /// The write mode in force.
        mode: WriteMode,
    },
    /// Writes name one index for both sides.
    #[error(
        "drift is repaired by writes that name one index for both sides, and it is called otherwise in Meilisearch than in \
         PostgreSQL; give both the same name"
    )]
    TwoNames,
    /// More would be deleted than is likely to be meant.
    #[error(
        "{deletions} of the {documents} documents in {side} would be deleted, because the other side, which decides, does not \
         have them; see that both sides are the right ones and that the one that decides is complete, and allow deletions \
         if that is meant"
    )]
    TooManyDeletions {
        /// Documents that would have been deleted, those that were already included.
        deletions: u64,
        /// Documents that side holds.
        documents: u64,
        /// The side they would be deleted from.
        side: Side,
    },
    /// Another side has become the one that decides.
    #[error(
        "the flags have changed during the repair: it began with another side as the one that decides, and has stopped; \
         repair again"
    )]
    PlanChanged,
    /// Nothing has come forward for too long.
    #[error("the repair has not come forward for {} s with {pending} documents to go; {why}", .after.as_secs())]
    Stuck {
        /// Documents that were under way.
        pending: u64,
        /// How long.
        after: Duration,
        /// What last went wrong.
        why: String,
    },
    /// The journal of the repair failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl DriftError {
    /// Whether a side cannot be reached, or does not answer in time.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Backend(error) => matches!(error.kind(), BackendErrorKind::Unavailable | BackendErrorKind::Timeout),
            Self::Stuck { .. } => true,
            Self::Unsteady
            | Self::NotDual { .. }
            | Self::TwoNames
            | Self::TooManyDeletions { .. }
            | Self::PlanChanged
            | Self::Journal(_) => false,
        }
    }
}

fn what_to_do(mode: WriteMode) -> &'static str {
    match mode {
        WriteMode::MeiliOnly => "set it to `dual` first, so that PostgreSQL does not miss what is written meanwhile",
        WriteMode::PgOnly => "Meilisearch is no longer kept current: set it to `dual` first if it is to be again",
        WriteMode::Dual => "repair again",
    }
}
