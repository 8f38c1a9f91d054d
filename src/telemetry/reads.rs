//! Reads that PostgreSQL was to answer.

use super::{
    names::{CANARY_ANONYMOUS, READ_FALLBACK, READ_REFUSED},
    record::count,
};
use crate::error::BackendErrorKind;

/// Why a read that PostgreSQL was to answer was answered by Meilisearch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackReason {
    /// PostgreSQL failed.
    Failed(BackendErrorKind),
    /// PostgreSQL has failed so often that it is not asked for now.
    BreakerOpen,
}

impl FallbackReason {
    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed(kind) => kind.as_str(),
            Self::BreakerOpen => "breaker_open",
        }
    }
}

/// A read that PostgreSQL was to answer was answered by Meilisearch.
pub(crate) fn read_fallback(reason: FallbackReason) {
    count(READ_FALLBACK, [("reason", reason.as_str())], 1);
}

/// A read was answered by nobody.
pub(crate) fn read_refused(kind: BackendErrorKind) {
    count(READ_REFUSED, [("reason", kind.as_str())], 1);
}

/// A read during the canary named no reader.
pub(crate) fn canary_anonymous() {
    count(CANARY_ANONYMOUS, [], 1);
}
