//! What went wrong, in the words of the journal.

use std::{fmt, sync::Arc};

use super::super::{JournalError, JournalErrorKind};

/// A failure that several callers share.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: JournalErrorKind,
    doing: &'static str,
    source: Option<Arc<sqlx::Error>>,
}

/// The cause of one.
#[derive(Debug)]
struct Cause(Arc<sqlx::Error>);

impl Failure {
    /// Sorts an error of sqlx; `doing` completes "while …".
    pub(super) fn of(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| {
            let doing = if has_no_tables(&error) {
                "looking for its tables: they are not in this schema; run `crossfade migrate` on the journal's database"
            } else {
                doing
            };
            Self { kind: kind_of(&error), doing, source: Some(Arc::new(error)) }
        }
    }

    /// As the journal tells it. Not by `From`: a second conversion into `JournalError` would leave the compiler in doubt
    /// elsewhere.
    pub(super) fn told(self) -> JournalError {
        let error = JournalError::new(self.kind, self.doing);
        match self.source {
            Some(source) => error.caused_by(Cause(source)),
            None => error,
        }
    }

    /// No answer in time.
    pub(super) fn late(doing: &'static str) -> Self {
        Self { kind: JournalErrorKind::Unavailable, doing, source: None }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

fn kind_of(error: &sqlx::Error) -> JournalErrorKind {
    use sqlx::Error;
    match error {
        Error::Database(error) => error.code().map_or(JournalErrorKind::Internal, |code| kind_of_code(&code)),
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => {
            JournalErrorKind::Unavailable
        }
        _ => JournalErrorKind::Internal,
    }
}

fn kind_of_code(code: &str) -> JournalErrorKind {
    match code {
        "53100" => JournalErrorKind::Full,
        "XX001" | "XX002" => JournalErrorKind::Damaged,
        // A standby after a failover; given up as a victim of a deadlock or of a conflict.
        "25006" | "40P01" | "40001" => JournalErrorKind::Unavailable,
        _ => match code.get(..2) {
            // Connection lost, out of resources, shutting down or too slow, an error of the system.
            Some("08" | "53" | "57" | "58") => JournalErrorKind::Unavailable,
            _ => JournalErrorKind::Internal,
        },
    }
}

/// No such table, no such schema.
fn has_no_tables(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| matches!(&*code, "42P01" | "3F000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_failures_have_their_kinds() {
        for (code, kind) in [
            ("53100", JournalErrorKind::Full),
            ("53300", JournalErrorKind::Unavailable),
            ("57P01", JournalErrorKind::Unavailable),
            ("57014", JournalErrorKind::Unavailable),
            ("25006", JournalErrorKind::Unavailable),
            ("58030", JournalErrorKind::Unavailable),
            ("XX001", JournalErrorKind::Damaged),
            ("42P01", JournalErrorKind::Internal),
            ("28P01", JournalErrorKind::Internal),
            ("", JournalErrorKind::Internal),
        ] {
            assert_eq!(kind_of_code(code), kind, "{code}");
        }
        assert_eq!(kind_of(&sqlx::Error::PoolTimedOut), JournalErrorKind::Unavailable);
        assert_eq!(kind_of(&sqlx::Error::RowNotFound), JournalErrorKind::Internal);
    }
}
