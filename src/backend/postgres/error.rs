//! What went wrong, in the words of the house.

use crate::{
    error::{BackendError, BackendErrorKind, Side},
    filter::FilterError,
    settings::NotAllowed,
    sort::SortError,
};

/// The error of PostgreSQL while `doing`.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> BackendError {
    move |error| {
        let doing = if has_no_tables(&error) {
            format!("{doing}: the tables are not in that schema; run the migrations")
        } else {
            doing.to_owned()
        };
        BackendError::new(Side::Pg, kind_of(&error), doing).caused_by(error)
    }
}

/// The query is wrong.
fn invalid(why: &'static str) -> BackendError {
    BackendError::new(Side::Pg, BackendErrorKind::InvalidQuery, why)
}

/// The query asks for what is not offered.
pub(super) fn unsupported(what: impl Into<String>) -> BackendError {
    BackendError::new(Side::Pg, BackendErrorKind::Unsupported, what)
}

/// What should not happen.
pub(super) fn internal(doing: &'static str) -> BackendError {
    BackendError::new(Side::Pg, BackendErrorKind::Internal, doing)
}

pub(super) fn index_not_found(uid: &str) -> BackendError {
    BackendError::new(
        Side::Pg,
        BackendErrorKind::IndexNotFound,
        format!("looking up the index `{}`", uid.escape_debug()),
    )
}

pub(super) fn of_filter(error: FilterError) -> BackendError {
    match error {
        FilterError::Unsupported(_) => unsupported("reading the filter").caused_by(error),
        _ => invalid("reading the filter").caused_by(error),
    }
}

pub(super) fn of_sort(error: SortError) -> BackendError {
    match error {
        SortError::Unsupported(_) => unsupported("reading the sort criteria").caused_by(error),
        SortError::Syntax => invalid("reading the sort criteria").caused_by(error),
    }
}

pub(super) fn not_allowed(error: NotAllowed) -> BackendError {
    invalid("holding the query against the settings of the index").caused_by(error)
}

fn kind_of(error: &sqlx::Error) -> BackendErrorKind {
    use sqlx::Error;
    match error {
        Error::Database(error) => error.code().map_or(BackendErrorKind::Internal, |code| kind_of_code(&code)),
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => {
            BackendErrorKind::Unavailable
        }
        _ => BackendErrorKind::Internal,
    }
}

fn kind_of_code(code: &str) -> BackendErrorKind {
    match code {
        "57014" => BackendErrorKind::Timeout,
        "42501" => BackendErrorKind::Unauthorized,
        // No such database.
        "3D000" => BackendErrorKind::Unavailable,
        _ => match code.get(..2) {
            Some("28") => BackendErrorKind::Unauthorized,
            // Connection lost, out of resources, shutting down.
            Some("08" | "53" | "57") => BackendErrorKind::Unavailable,
            // A value that the server cannot hold came with the query.
            Some("22") => BackendErrorKind::InvalidQuery,
            // Larger or deeper than the server takes.
            Some("54") => BackendErrorKind::Unsupported,
            _ => BackendErrorKind::Internal,
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
            ("57014", BackendErrorKind::Timeout),
            ("57P01", BackendErrorKind::Unavailable),
            ("53300", BackendErrorKind::Unavailable),
            ("28P01", BackendErrorKind::Unauthorized),
            ("42501", BackendErrorKind::Unauthorized),
            ("42P01", BackendErrorKind::Internal),
            ("54000", BackendErrorKind::Unsupported),
            ("22021", BackendErrorKind::InvalidQuery),
            ("XX000", BackendErrorKind::Internal),
            ("", BackendErrorKind::Internal),
        ] {
            assert_eq!(kind_of_code(code), kind, "{code}");
        }
        assert_eq!(kind_of(&sqlx::Error::PoolTimedOut), BackendErrorKind::Unavailable);
        assert_eq!(kind_of(&sqlx::Error::RowNotFound), BackendErrorKind::Internal);
    }
}
