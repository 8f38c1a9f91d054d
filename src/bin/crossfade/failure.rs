//! What a command fails with, and the exit code of each.

use std::{io, process::ExitCode};

use crossfade::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no database: set DATABASE_URL, or give --database-url")]
    NoDatabase,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// As the help lists them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NoDatabase | Self::Store(StoreError::InvalidUrl | StoreError::InvalidSchema(_)) => 2,
            Self::Store(StoreError::Refused { .. }) => 3,
            Self::Store(StoreError::Unreachable { .. }) => 4,
            Self::Store(_) | Self::Output(_) => 1,
        })
    }
}
