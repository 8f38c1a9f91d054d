//! The connections of the journal, of its own: it may live on another server than the target.

use std::time::Duration;

use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};
use tokio::time::timeout;

use super::{PostgresJournalOptions, error::Failure};
use crate::journal::{JournalError, JournalErrorKind};

/// How long requests wait for the journal, before it counts as not available.
pub(super) const REQUEST_DEADLINE: Duration = Duration::from_secs(2);
/// How long the worker does.
pub(super) const WORK_DEADLINE: Duration = Duration::from_secs(10);
/// How long to wait for a connection, a new one included.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(1500);

/// A connection that was used within this time is taken to be alive.
const FRESH: Duration = Duration::from_millis(500);

/// Three pools: an append never waits for a place behind anything else, a resolution only behind its like. Their sessions
/// also differ in what a commit waits for.
pub(super) struct Pools {
    /// Commits wait for the disk.
    pub(super) appends: PgPool,
    /// Commits do not; the server writes them within its `wal_writer_delay` three times over.
    pub(super) marks: PgPool,
    /// The same.
    pub(super) work: PgPool,
}

impl Pools {
    /// Connects with the first use; must be called inside a runtime.
    pub(super) fn new(url: &str, options: &PostgresJournalOptions) -> Result<Self, JournalError> {
        // The cause is left out: it may quote the URL, which may hold a password.
        let connect: PgConnectOptions = url
            .parse()
            .map_err(|_| JournalError::new(JournalErrorKind::Internal, "reading the URL of its database"))?;
        let pool = |name, connections: u32, fresh: Duration, deadline: Duration, commit: &str| {
            let connect = connect.clone().application_name(name).options([
                ("search_path", &*format!("\"{}\",pg_temp", options.schema.replace('"', "\"\""))),
                ("statement_timeout", &*deadline.as_millis().to_string()),
                ("idle_in_transaction_session_timeout", "10s"),
                ("synchronous_commit", commit),
                // Every statement is made for an index, and the table is empty now and has a million rows then, which
                // statistics only ever learn late.
                ("enable_seqscan", "off"),
                ("jit", "off"),
                ("tcp_keepalives_idle", "30"),
                ("tcp_keepalives_interval", "10"),
                ("tcp_keepalives_count", "3"),
            ]);
            PgPoolOptions::new()
                // One more, for the time in which one that was given back is looked at.
                .max_connections(connections.max(1).saturating_add(1))
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                // The server may have been restarted. One that has just been used need not be asked: that would cost every
                // append a round trip.
                .before_acquire(move |connection, meta| {
                    Box::pin(async move {
                        if meta.idle_for > fresh {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
                // A statement that was given up is read to its end here, with a deadline; see `Store`.
                .after_release(|connection, _| {
                    Box::pin(async move { Ok(matches!(timeout(ACQUIRE_TIMEOUT, connection.ping()).await, Ok(Ok(())))) })
                })
                .connect_lazy_with(connect)
        };
        Ok(Self {
            appends: pool("crossfade journal appends", options.appenders, FRESH, REQUEST_DEADLINE, "on"),
            marks: pool("crossfade journal marks", options.appenders, FRESH, REQUEST_DEADLINE, "off"),
            work: pool("crossfade journal", options.workers, Duration::ZERO, WORK_DEADLINE, "off"),
        })
    }
}

/// Runs a statement with a deadline, since a connection that is cut off never answers.
pub(super) async fn within<T>(
    deadline: Duration,
    doing: &'static str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Failure> {
    match timeout(deadline, statement).await {
        Ok(outcome) => outcome.map_err(Failure::of(doing)),
        Err(_) => Err(Failure::late(doing)),
    }
}
