//! Connections of a source, and its errors in the words of the house.

use std::{sync::OnceLock, time::Duration};

use sqlx::{
    Connection, Error, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::backfill::source::{
    SourceError,
    fields::{unavailable, unfit},
};

/// How long to wait for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How much longer than the server a statement is waited for.
const GRACE: Duration = Duration::from_secs(10);
/// The longest wait for the answer of a connection that comes back, before it is closed.
const LONGEST_PING: Duration = Duration::from_secs(2);
/// As many shards are read at once.
const CONNECTIONS: u32 = 16;

/// How to connect. Nothing does before the first statement.
pub(super) struct Database {
    options: PgConnectOptions,
    seconds: u32,
    pool: OnceLock<PgPool>,
}

impl Database {
    pub(super) fn new(url: &str, seconds: u32) -> Result<Self, SourceError> {
        // The cause is left out: it may quote the URL, which may hold a password.
        let options: PgConnectOptions =
            url.parse().map_err(|_| unfit("reading the connection URL of the database: it is none"))?;
        let options = options.application_name("crossfade backfill").options([
            ("default_transaction_read_only", "on"),
            ("statement_timeout", &*format!("{seconds}s")),
            // A job that waits keeps no cursor open.
            ("idle_in_transaction_session_timeout", "5s"),
            ("tcp_keepalives_idle", "30"),
            // Keys travel as text, and have to come back as they were.
            ("DateStyle", "ISO,MDY"),
            ("TimeZone", "UTC"),
            ("IntervalStyle", "postgres"),
            ("extra_float_digits", "1"),
            ("bytea_output", "hex"),
        ]);
        Ok(Self { options, seconds, pool: OnceLock::new() })
    }

    /// Made at the first use, when a runtime is there for certain.
    pub(super) fn pool(&self) -> &PgPool {
        self.pool.get_or_init(|| {
            PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(ACQUIRE)
                // A page that was given up is still being read.
                .after_release(|connection, _| {
                    Box::pin(async move { Ok(matches!(timeout(LONGEST_PING, connection.ping()).await, Ok(Ok(())))) })
                })
                .connect_lazy_with(self.options.clone())
        })
    }

    /// `times` the milliseconds that the server gives a statement; 0 is for ever.
    pub(super) fn milliseconds(&self, times: u64) -> u64 {
        u64::from(self.seconds) * 1000 * times
    }

    /// Waits for a statement a little longer than the server does, `times` as long as for others: a connection may be dead
    /// without saying so.
    pub(super) async fn attempt<T>(
        &self,
        doing: &'static str,
        times: u64,
        statement: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, SourceError> {
        let done = match self.milliseconds(times) {
            0 => Ok(statement.await),
            longest => timeout(Duration::from_millis(longest) + ACQUIRE + GRACE, statement).await,
        };
        match done {
            Ok(done) => done.map_err(failed(doing)),
            Err(_) => Err(unavailable(format!("{doing}: the database does not answer"))),
        }
    }
}

/// The error of a statement. Its message says what of the query is wrong.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(Error) -> SourceError {
    move |error| match &error {
        _ if is_timeout(&error) => {
            let next = "make it faster, by an index on the key columns, or raise `statement_timeout`";
            unavailable(format!("{doing}: it takes longer than a statement may; {next}")).caused_by(error)
        }
        Error::Database(answer) => {
            let code = answer.code().unwrap_or_default();
            let passing = matches!(code.get(..2), Some("08" | "53" | "55" | "57" | "58" | "40"));
            let says = if passing { unavailable(doing) } else { unfit(doing) };
            says.caused_by(error)
        }
        Error::Configuration(_) | Error::ColumnDecode { .. } | Error::Decode(_) => unfit(doing).caused_by(error),
        _ => unavailable(doing).caused_by(error),
    }
}

/// Whether the server gave up because it took too long.
pub(super) fn is_timeout(error: &Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("57014")
}
