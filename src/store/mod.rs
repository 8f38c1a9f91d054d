//! The control tables: a small pool of its own, migrations, flags.
//!
//! Everything lives in one schema (`cn_search` unless configured), which the connections have as their `search_path`.

pub mod decisions;
mod error;
pub mod evidence;
mod flag_watch;
mod flags;
mod frequency;
mod overview;
mod replicas;
mod report;
mod shadow_log;
mod shadow_rows;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use sqlx::{
    Connection, PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::time::timeout;

pub use error::{Blocker, StoreError};
pub use flag_watch::FlagWatch;
pub use flags::{FlagChange, FlagTable, Latch, RollbackLevel, RolledBack, StoredFlag, StoredFlags};
pub use frequency::HEAD_AND_TAIL;
pub use overview::{Bucket, CHANGES, Course, Histogram, Overview, WORST, WorstQuery};
pub use replicas::{PgReads, ReadTally, Replica, ReplicaReport, Replicas};
#[cfg(feature = "html")]
pub(crate) use report::count as grouped;
pub use report::{
    Latencies, NoiseFloor, OutcomeCount, Overlap, PairStats, Percentiles, ReadStats, Report, ReportOptions, ZeroResults,
};
pub use shadow_log::{Redaction, RedactionKeyError, ShadowLog, ShadowLogOptions, ShadowLogSummary, ShadowLogWriter};
pub use shadow_rows::{NoRequest, ShadowRow, ShadowRows};

/// The schema of the control tables unless configured.
pub const DEFAULT_SCHEMA: &str = "cn_search";

/// How long to wait for a connection, a new one included, before the database counts as unreachable.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Access to the control tables. Cloning shares the pool.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    schema: Arc<str>,
}

impl Store {
    /// Connects, and fails when the database cannot be reached or refuses the login.
    pub async fn connect(url: &str, schema: &str) -> Result<Self, StoreError> {
        let store = Self::connect_lazy(url, schema)?;
        store.reach().await?;
        Ok(store)
    }

    /// Connects once, to find out whether that can be done, and why not.
    pub async fn reach(&self) -> Result<(), StoreError> {
        // Not through the pool, which tries again until its time is up and then no longer says what was wrong.
        let connection = connect(&self.pool.connect_options()).await?;
        connection.close().await.map_err(StoreError::of("connecting"))
    }

    /// Connects with the first use: a database that is down does not stop the service from starting. Fails only on a
    /// URL or a schema name that cannot be right.
    pub fn connect_lazy(url: &str, schema: &str) -> Result<Self, StoreError> {
        if !is_plain_identifier(schema) {
            return Err(StoreError::InvalidSchema(schema.to_owned()));
        }
        let options: PgConnectOptions = url.parse().map_err(|_| StoreError::InvalidUrl)?;
        let options = options.application_name("crossfade").options([
            // Otherwise temporary tables would come first.
            ("search_path", &*format!("{schema},pg_temp")),
            ("statement_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "10s"),
            // The server notices within a minute that a client is gone, and lets its locks go.
            ("tcp_keepalives_idle", "30"),
            ("tcp_keepalives_interval", "10"),
            ("tcp_keepalives_count", "3"),
        ]);
        let pool =
            PgPoolOptions::new().max_connections(4).acquire_timeout(ACQUIRE_TIMEOUT).after_release(|connection, _| {
                // A statement that its caller gave up is still read to its end here. sqlx does so as well, but without
                // a deadline: on a connection that is cut off, the place in the pool would be gone.
                Box::pin(async {
                    let alive = timeout(ACQUIRE_TIMEOUT, connection.ping()).await;
                    alive.map_err(|elapsed| sqlx::Error::Io(elapsed.into()))??;
                    Ok(true)
                })
            });
        Ok(Self { pool: pool.connect_lazy_with(options), schema: schema.into() })
    }

    /// Creates the schema and brings its tables up to date. Several replicas may do so at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut migrator = sqlx::migrate!("./migrations");
        let options = self.pool.connect_options().as_ref().clone().options([("statement_timeout", "0")]);
        let mut connection = connect(&options).await?;
        let exists = sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL").bind(&*self.schema);
        let exists: bool = exists.fetch_one(&mut connection).await.map_err(StoreError::of("looking for the schema"))?;
        if !exists {
            // Not otherwise: it asks for the right to create schemas even when there is nothing to create.
            migrator.create_schema(self.schema.to_string());
        }
        migrator.run(&mut connection).await.map_err(StoreError::Migration)?;
        connection.close().await.map_err(StoreError::of("disconnecting after the migration"))
    }

    /// The flags.
    pub fn flags(&self) -> FlagTable {
        FlagTable::new(self.clone())
    }

    /// The name of the schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// A connection for notifications, which takes no place in the pool.
    async fn listener(&self) -> Result<PgListener, sqlx::Error> {
        let options = self.pool.connect_options().as_ref().clone().application_name("crossfade flags");
        let alone = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
        PgListener::connect_with(&alone.connect_lazy_with(options)).await
    }

    /// A transaction that sees the tables at one instant and changes nothing.
    async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut snapshot = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        // A long window takes longer than what the others of this pool may.
        sqlx::query("SET LOCAL statement_timeout = '10min'").execute(&mut *snapshot).await?;
        Ok(snapshot)
    }

    /// The pool, for the other tables of the schema.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connection = timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(options)).await;
    connection.unwrap_or_else(|elapsed| Err(sqlx::Error::Io(elapsed.into()))).map_err(StoreError::of("connecting"))
}

/// A name that needs no quoting anywhere.
fn is_plain_identifier(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    starts_well && name.len() <= 63 && name.bytes().all(is_plain)
}

/// A time of the tables, which travels as microseconds since 1970. PostgreSQL's range is wider than jiff's; nothing this crate
/// writes is out of either.
fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
