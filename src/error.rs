//! Errors a person can act on: which side, what was being done, what kind of failure, what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The two stores of a migration. An identity: it never flips, whoever answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Meilisearch, the source.
    Meili,
    /// PostgreSQL, the target.
    Pg,
}

/// A boxed cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A side could not answer a search.
#[derive(Debug)]
pub struct BackendError {
    side: Side,
    kind: BackendErrorKind,
    doing: String,
    source: Option<BoxError>,
    nothing_done: bool,
}

/// What kind of failure it was. Closed, so that it can be a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackendErrorKind {
    /// The server cannot be reached, refuses connections, or its pool is exhausted.
    Unavailable,
    /// It did not answer within the deadline.
    Timeout,
    /// The key or password is wrong, or lacks a right.
    Unauthorized,
    /// The index does not exist there.
    IndexNotFound,
    /// The query uses something this side does not offer.
    Unsupported,
    /// The query itself is wrong; the other side would refuse it too.
    InvalidQuery,
    /// The caller may not search here.
    Forbidden,
    /// A document itself is refused: writing it again will fail again.
    Rejected,
    /// The implementation panicked.
    Panic,
    /// Anything else.
    Internal,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Meili => Self::Pg,
            Self::Pg => Self::Meili,
        }
    }

    /// `meili` or `pg`: the value used in flags, columns and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meili => "meili",
            Self::Pg => "pg",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl BackendError {
    /// An error of `side` while `doing` (a phrase that completes "while …").
    pub fn new(side: Side, kind: BackendErrorKind, doing: impl Into<String>) -> Self {
        Self { side, kind, doing: doing.into(), source: None, nothing_done: false }
    }

    /// The same with its cause.
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same, known to have changed nothing: the request never left, or was answered with a refusal.
    pub fn with_nothing_done(mut self) -> Self {
        self.nothing_done = true;
        self
    }

    /// Whether a write that failed like this may stand even so, now or in a while.
    pub fn may_be_done(&self) -> bool {
        let unclear = match self.kind {
            BackendErrorKind::Unavailable
            | BackendErrorKind::Timeout
            | BackendErrorKind::Panic
            | BackendErrorKind::Internal => true,
            BackendErrorKind::Unauthorized
            | BackendErrorKind::IndexNotFound
            | BackendErrorKind::Unsupported
            | BackendErrorKind::InvalidQuery
            | BackendErrorKind::Forbidden
            | BackendErrorKind::Rejected => false,
        };
        unclear && !self.nothing_done
    }

    /// Which side failed.
    pub fn side(&self) -> Side {
        self.side
    }

    /// How it failed.
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }
}

impl BackendErrorKind {
    /// The value of metric labels and log columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::IndexNotFound => "index_not_found",
            Self::Unsupported => "unsupported",
            Self::InvalidQuery => "invalid_query",
            Self::Forbidden => "forbidden",
            Self::Rejected => "rejected",
            Self::Panic => "panic",
            Self::Internal => "internal",
        }
    }

    /// Whether it says something about the health of the side, rather than about this one query.
    pub fn is_outage(self) -> bool {
        // An index is named by the query; one that is really gone shows in the share of reads that fall back.
        !matches!(self, Self::IndexNotFound | Self::Unsupported | Self::InvalidQuery | Self::Forbidden | Self::Rejected)
    }

    /// What to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Unavailable => "check that the server runs and that its address and pool size are right",
            Self::Timeout => "raise the deadline or look for slow queries on that side",
            Self::Unauthorized => "check the key or password and its rights",
            Self::IndexNotFound => "create the index there, or correct its name",
            Self::Unsupported => "leave this query on the other side, or rewrite it",
            Self::InvalidQuery => "correct the query; the other side refuses it too",
            Self::Forbidden => "search with a key that is known here",
            Self::Rejected => "correct the document; see the cause",
            Self::Panic => "a bug: report the backtrace from the log",
            Self::Internal => "see the cause",
        }
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed ({}) while {}; {}", self.side, self.kind.as_str(), self.doing, self.kind.hint())?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BackendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_open_what_was_done_unless_it_says() {
        for (kind, open) in [
            (BackendErrorKind::Unavailable, true),
            (BackendErrorKind::Timeout, true),
            (BackendErrorKind::Panic, true),
            (BackendErrorKind::Internal, true),
            // Whoever says so has understood the request, and refuses it.
            (BackendErrorKind::Unauthorized, false),
            (BackendErrorKind::IndexNotFound, false),
            (BackendErrorKind::Unsupported, false),
            (BackendErrorKind::InvalidQuery, false),
            (BackendErrorKind::Forbidden, false),
            (BackendErrorKind::Rejected, false),
        ] {
            let error = || BackendError::new(Side::Meili, kind, "sending documents");
            assert_eq!(error().may_be_done(), open, "{kind:?}");
            assert_eq!(error().caused_by("why").may_be_done(), open, "{kind:?}");
            assert!(!error().with_nothing_done().caused_by("why").may_be_done(), "{kind:?}");
        }
    }
}
