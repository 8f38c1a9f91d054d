//! What goes wrong with a journal.

use std::fmt;

use crate::error::BoxError;

/// The journal could not do what was asked.
#[derive(Debug)]
pub struct JournalError {
    kind: JournalErrorKind,
    doing: String,
    source: Option<BoxError>,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalErrorKind {
    /// It cannot be reached, or did not answer in time.
    Unavailable,
    /// There is no room left.
    Full,
    /// What it holds cannot be read.
    Damaged,
    /// Another process has it open.
    InUse,
    /// Another worker has taken over what this one had claimed.
    Fenced,
    /// Anything else.
    Internal,
}

impl JournalError {
    /// An error of `kind` while `doing` (a phrase that completes "while …").
    pub fn new(kind: JournalErrorKind, doing: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), source: None }
    }

    /// The same with its cause.
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How it failed.
    pub fn kind(&self) -> JournalErrorKind {
        self.kind
    }
}

impl JournalErrorKind {
    /// The value of metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Full => "full",
            Self::Damaged => "damaged",
            Self::InUse => "in_use",
            Self::Fenced => "fenced",
            Self::Internal => "internal",
        }
    }

    /// What to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Unavailable => "check that its disk or database can be reached",
            Self::Full => "make room on its disk; nothing was lost, the write was not taken",
            Self::Damaged => {
                "move the file aside and start anew, then run a drift check: what was waiting in it is on one side only"
            }
            Self::InUse => "stop the other process, or give each its own journal",
            Self::Fenced => "nothing: the other worker goes on",
            Self::Internal => "see the cause",
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the journal failed ({}) while {}; {}", self.kind.as_str(), self.doing, self.kind.hint())?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
