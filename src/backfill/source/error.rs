//! What can go wrong with a source. No message holds a URL, so none holds a password.

use std::fmt;

use crate::error::BoxError;

/// A source could not be read.
#[derive(Debug)]
pub struct SourceError {
    kind: SourceErrorKind,
    doing: String,
    source: Option<BoxError>,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// It cannot be reached, or did not answer in time: trying again may help.
    Unavailable,
    /// It is there and cannot be read like this: a column is missing, a right, a file. Trying again does not help.
    Unfit,
}

impl SourceError {
    /// An error while `doing` (a phrase that completes "while …").
    pub fn new(kind: SourceErrorKind, doing: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> SourceErrorKind {
        self.kind
    }
}

impl SourceErrorKind {
    /// What to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Unavailable => "check that it runs and can be reached; the job goes on where it stopped",
            Self::Unfit => "correct what the cause names and start again; the job goes on where it stopped",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the source failed while {}; {}", self.doing, self.kind.hint())?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
