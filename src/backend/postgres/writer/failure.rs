//! How a transaction that writes goes wrong.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{
    backend::postgres::error,
    error::{BackendError, BackendErrorKind, Side},
};

/// Transactions in the way of each other are begun anew this often, the first time included.
const ATTEMPTS: usize = 5;

/// What becomes of a transaction that did not come through.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another one was in its way: it may come through if it is begun anew.
    Conflict(BackendError),
    /// Anything else.
    Final(BackendError),
}

/// What a code says about a write, where that is another thing than about a read.
enum Verdict {
    Conflict,
    Final(BackendErrorKind),
}

/// The error of PostgreSQL while `doing`.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Failure {
    move |failure| {
        let code = failure.as_database_error().and_then(|failure| failure.code());
        match code.as_deref().and_then(verdict) {
            Some(Verdict::Conflict) => Failure::Conflict(of(BackendErrorKind::Unavailable, doing).caused_by(failure)),
            Some(Verdict::Final(kind)) => Failure::Final(of(kind, doing).caused_by(failure)),
            None => Failure::Final(error::failed(doing)(failure)),
        }
    }
}

fn verdict(code: &str) -> Option<Verdict> {
    match code {
        // A deadlock, and what a stricter default isolation level brings.
        "40P01" | "40001" => Some(Verdict::Conflict),
        // A standby, or a server that is told to take no writes.
        "25006" => Some(Verdict::Final(BackendErrorKind::Unavailable)),
        "55P03" => Some(Verdict::Final(BackendErrorKind::Timeout)),
        _ => match code.get(..2) {
            // A value the server cannot hold, or not so large or so deep a one.
            Some("22" | "54") => Some(Verdict::Final(BackendErrorKind::Rejected)),
            _ => None,
        },
    }
}

/// An error of `kind`.
pub(super) fn of(kind: BackendErrorKind, doing: impl Into<String>) -> BackendError {
    BackendError::new(Side::Pg, kind, doing)
}

/// Begins anew while others are in the way.
pub(super) async fn retrying<'a, T>(
    mut attempt: impl FnMut() -> BoxFuture<'a, Result<T, Failure>>,
) -> Result<T, BackendError> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(Failure::Final(error)) => return Err(error),
            // Not at once, and not all at the same time.
            Err(Failure::Conflict(_)) => {
                tokio::time::sleep(Duration::from_millis(rand::random_range(1..=20))).await;
            }
        }
    }
    attempt().await.map_err(Failure::into_error)
}

impl Failure {
    pub(super) fn into_error(self) -> BackendError {
        match self {
            Self::Conflict(error) | Self::Final(error) => error,
        }
    }
}

impl From<Failure> for BackendError {
    fn from(failure: Failure) -> Self {
        failure.into_error()
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self::Final(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_verdicts() {
        for code in ["40P01", "40001"] {
            assert!(matches!(verdict(code), Some(Verdict::Conflict)), "{code}");
        }
        for (code, kind) in [
            ("25006", BackendErrorKind::Unavailable),
            ("55P03", BackendErrorKind::Timeout),
            ("22P05", BackendErrorKind::Rejected),
            ("22021", BackendErrorKind::Rejected),
            ("54000", BackendErrorKind::Rejected),
            ("54001", BackendErrorKind::Rejected),
        ] {
            assert!(matches!(verdict(code), Some(Verdict::Final(found)) if found == kind), "{code}");
        }
        // As for reads: a full disk is an outage, a statement given up a timeout, an unknown code internal.
        for code in ["53100", "57014", "XX000", ""] {
            assert!(verdict(code).is_none(), "{code}");
        }
    }
}
