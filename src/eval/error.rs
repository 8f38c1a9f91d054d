//! Why nothing could be measured.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{error::BackendError, store::StoreError};

/// Nothing could be measured, or what was made for it could not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A file cannot be read or written.
    #[error("the file {} cannot be {doing}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A line of a file is not what it should be.
    #[error("{}, line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong. Nothing of a document is quoted.
        why: String,
    },
    /// A file does not go with the others.
    #[error("{}: {why}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A side could not be loaded, or answered no query at all.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The scratch schema could not be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The scratch schema could not be dropped.
    #[error("the scratch schema {schema} was left behind ({source}); take it away with `DROP SCHEMA {schema} CASCADE`")]
    NotDropped {
        /// Its name.
        schema: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// The scratch index could not be deleted.
    #[error("the scratch index {index} was left behind in Meilisearch ({source}); delete it by hand")]
    NotDeleted {
        /// Its name.
        index: String,
        /// The cause.
        source: BackendError,
    },
}

impl EvalError {
    pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), doing: "read", source }
    }

    pub(super) fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), doing: "written", source }
    }

    pub(super) fn line(path: &Path, line: usize, why: impl Into<String>) -> Self {
        Self::Line { path: path.to_owned(), line, why: why.into() }
    }

    pub(super) fn content(path: &Path, why: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), why: why.into() }
    }
}
