//! What can go wrong with the control tables. No message holds a URL, so none holds a password.

use std::fmt;

use sqlx::{FromRow, error::DatabaseError, migrate::MigrateError, postgres::PgDatabaseError};

use crate::plan::{FlagSourceError, Refusal};

/// A control table could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL cannot be read. It is not shown, because it may hold a password.
    #[error("the database URL cannot be read; give postgres://user:password@host:port/database")]
    InvalidUrl,
    /// The name of the schema is not a plain identifier.
    #[error("`{0}` is no schema name; give up to 63 of a-z, 0-9 and _, not starting with a digit")]
    InvalidSchema(String),
    /// The server cannot be reached, or did not answer in time.
    #[error("the database cannot be reached while {doing} ({source}); check that it runs and that its URL is right")]
    Unreachable {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: sqlx::Error,
    },
    /// The control tables are not there.
    #[error(
        "the control tables are missing in this schema; run `crossfade migrate`, or name the right one by --schema"
    )]
    NotMigrated,
    /// A rule of the flags refused the change.
    #[error("{message}")]
    Refused {
        /// The rule, by its stable name: see [`crate::plan::rules`].
        rule: String,
        /// Rule, meaning and advice.
        message: String,
    },
    /// Somebody has changed flags since they were read to decide by.
    #[error(
        "the flags have changed meanwhile (revision {found}, and {expected} was decided by); nothing was changed: look \
         again and decide again"
    )]
    Moved {
        /// The revision that was decided by.
        expected: i64,
        /// The revision that was found.
        found: i64,
    },
    /// Another session holds what the change needs, in a transaction that has not ended.
    #[error(
        "the flags are locked while {doing}: {blocker} has changed them and not committed; end that transaction \
         (`SELECT pg_terminate_backend(<pid>)`). To roll back now, without the database, set the flag in the flag file"
    )]
    Locked {
        /// What was being done.
        doing: &'static str,
        /// Who holds it, as far as it can be seen.
        blocker: Blocker,
    },
    /// The tables could not be brought up to date.
    #[error("the control tables could not be brought up to date: {0}")]
    Migration(#[source] MigrateError),
    /// The server refused, for another reason.
    #[error("the database refused while {doing}: {source}")]
    Sql {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: sqlx::Error,
    },
}

/// A session that holds a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Blocker {
    /// The process of the server that serves it; `None` when it could not be seen.
    pub pid: Option<i32>,
    /// The role it logged in with.
    pub role: Option<String>,
    /// What it calls itself: `psql`, for instance.
    pub application: Option<String>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pid) = self.pid else { return f.write_str("another session") };
        write!(f, "the session with pid {pid}")?;
        match (&self.role, self.application.as_deref()) {
            (Some(role), None | Some("")) => write!(f, " (role {role})"),
            (Some(role), Some(application)) => write!(f, " (role {role}, application {application})"),
            (None, _) => Ok(()),
        }
    }
}

/// SQLSTATE of a relation or a function that does not exist.
const MISSING: [&str; 2] = ["42P01", "42883"];

/// SQLSTATE of a lock that was not given in time.
const LOCK_TIMEOUT: &str = "55P03";

impl StoreError {
    /// Sorts an error of sqlx; `doing` completes "while …".
    pub(crate) fn of(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match &source {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::Unreachable { doing, source }
            }
            sqlx::Error::Database(error) if is_down(error.as_ref()) => Self::Unreachable { doing, source },
            sqlx::Error::Database(error) => match Self::of_database(doing, error.as_ref()) {
                Some(known) => known,
                None => Self::Sql { doing, source },
            },
            _ => Self::Sql { doing, source },
        }
    }

    /// As the watcher of the plan takes it.
    pub(super) fn into_source_error(self) -> FlagSourceError {
        let refusal = match &self {
            Self::Refused { rule, message } => Refusal::of_database(rule, message),
            _ => None,
        };
        refusal.map_or_else(|| FlagSourceError::Unreachable(self.into()), FlagSourceError::Refused)
    }

    fn of_database(doing: &'static str, error: &dyn DatabaseError) -> Option<Self> {
        let error = error.try_downcast_ref::<PgDatabaseError>()?;
        match (error.code(), error.constraint(), error.table()) {
            (code, ..) if MISSING.contains(&code) => Some(Self::NotMigrated),
            // The rules raise check violations of no table, named after the rule.
            (LOCK_TIMEOUT, ..) => Some(Self::Locked { doing, blocker: Blocker::default() }),
            ("23514", Some(rule), None) => {
                Some(Self::Refused { rule: rule.to_owned(), message: error.message().to_owned() })
            }
            _ => None,
        }
    }
}

/// Starting up, shutting down, or out of connections.
fn is_down(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("57P0") || code.starts_with("08") || code == "53300")
}
