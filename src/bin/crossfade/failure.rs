//! What a command fails with, and the exit code of each.

use std::{io, path::PathBuf, process::ExitCode};

use crossfade::{
    journal::{JournalError, JournalErrorKind},
    store::StoreError,
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no database: set DATABASE_URL, or give --database-url")]
    NoDatabase,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no journal: give --journal PATH for a file, or --journal-url (or DATABASE_URL) for a database")]
    NoJournal,
    #[error("there is no file {}; give the path that the service opens its journal at", .0.display())]
    NoSuchFile(PathBuf),
    #[error(
        "another process has this journal open: stop the service first, or read `journal_pending`, `journal_oldest_seconds` \
         and `journal_dead_letters` among its metrics; a file is open to one process at a time, also for reading"
    )]
    InUse,
    #[error("there is no dead letter {0}, and nothing was changed; `crossfade journal list` shows those there are")]
    NoSuchLetter(String),
    #[error(
        "dropped dead letters are writes that will never stand on the side that refused them, and nothing was dropped yet; \
         look at them with `crossfade journal list`, and give --yes to drop them"
    )]
    NotConfirmed,
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// As the help lists them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NoJournal | Self::NoSuchFile(_) | Self::NotConfirmed => 2,
            Self::NoDatabase | Self::Store(StoreError::InvalidUrl | StoreError::InvalidSchema(_)) => 2,
            Self::Store(StoreError::Refused { .. }) => 3,
            Self::Store(StoreError::Unreachable { .. }) => 4,
            Self::Journal(error) if error.kind() == JournalErrorKind::Unavailable => 4,
            Self::InUse => 4,
            Self::Store(_) | Self::Journal(_) | Self::NoSuchLetter(_) | Self::Output(_) => 1,
        })
    }
}
