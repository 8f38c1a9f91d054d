//! What can go wrong with the intake. No message holds a URL, so none holds a password.

use std::time::Duration;

use super::Holder;

/// The outbox could not be read, or must not be read as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The URL cannot be read. It is not shown, because it may hold a password.
    #[error("the URL of the outbox's database cannot be read; give postgres://user:password@host:port/database")]
    InvalidUrl,
    /// A name that PostgreSQL cannot have.
    #[error("{0:?} is no name of a table, column or schema; give 1 to 63 bytes without NUL")]
    InvalidName(String),
    /// Settings that do not go together.
    #[error("the outbox cannot be read so: {0}")]
    InvalidOptions(&'static str),
    /// The outbox is not there, or not as configured.
    #[error("the outbox {table} is not there as configured ({source}); check schema, table and columns")]
    NoOutbox {
        /// The table.
        table: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// Nobody knows where its numbers come from.
    #[error(
        "the numbers of {0} come from no sequence that can be found, so nobody can tell which are still to come; \
         name it with `OutboxOptions::sequence`"
    )]
    NoSequence(String),
    /// Its numbers are not given out in order.
    #[error(
        "the sequence {sequence} has CACHE {cache}, INCREMENT {increment}{}: a row could come to stand below rows that \
         were read long ago, and be skipped; run `ALTER SEQUENCE {sequence} INCREMENT 1 CACHE 1 NO CYCLE` and let the \
         service connect anew", if *.cycle { ", CYCLE" } else { "" }
    )]
    UnsafeSequence {
        /// The sequence.
        sequence: String,
        /// How many numbers a session takes at once.
        cache: i64,
        /// Its step.
        increment: i64,
        /// Whether it begins again at its end.
        cycle: bool,
    },
    /// The lookup query is refused by the database.
    #[error("the lookup query does not work ({0}); see `Lookup::new` for what it is given and has to return")]
    Lookup(#[source] sqlx::Error),
    /// The lookup query fails for every document of a batch.
    #[error("the lookup query fails for every document ({0}); correct it, or what it reads")]
    LookupRefused(String),
    /// The control tables are not there.
    #[error("the control tables are missing in the schema {0}; run `crossfade migrate`, or name the right one")]
    NotMigrated(String),
    /// Transactions that have drawn numbers of the outbox have not ended in time.
    #[error(
        "transactions that have drawn numbers of the outbox have not ended within {waited:?}: {}; end them \
         (`SELECT pg_terminate_backend(<pid>)`), or wait", Holder::list(.by)
    )]
    Held {
        /// How long was waited.
        waited: Duration,
        /// Which.
        by: Vec<Holder>,
    },
    /// The database failed.
    #[error("the database failed while {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: sqlx::Error,
    },
}

impl OutboxError {
    /// An error of the database while `doing` (a phrase that completes "while …").
    pub(super) fn of(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// Whether it will be the same again until somebody changes something.
    pub(super) fn is_lasting(&self) -> bool {
        !matches!(self, Self::Held { .. } | Self::LookupRefused(_) | Self::Database { .. })
    }
}

/// SQLSTATE of a schema, relation, column or function that does not exist.
const MISSING: [&str; 4] = ["3F000", "42P01", "42703", "42883"];

/// Whether the statement names what does not exist.
pub(super) fn names_nothing(error: &sqlx::Error) -> bool {
    code_of(error).is_some_and(|code| MISSING.contains(&&*code))
}

/// Whether a statement is wrong as it stands (SQLSTATE class 42), takes other parameters (08P01, or found by
/// sqlx), or does not return what it should.
pub(super) fn is_wrong(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    let wrong_answer = matches!(
        error,
        Error::ColumnDecode { .. } | Error::ColumnIndexOutOfBounds { .. } | Error::Decode(_) | Error::Protocol(_)
    );
    wrong_answer || code_of(error).is_some_and(|code| code.starts_with("42") || code == "08P01")
}

/// Whether a failure lies in what a row holds. SQLSTATE classes: 22 data, 54 limits, P0 raised by a function, XX damaged.
pub(super) fn blames_a_row(error: &sqlx::Error) -> bool {
    code_of(error).is_some_and(|code| ["22", "54", "P0", "XX"].iter().any(|class| code.starts_with(class)))
}

fn code_of(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
