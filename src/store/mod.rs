//! The control tables: a small pool of its own, migrations, flags.
//!
//! Everything lives in one schema (`cn_search` unless configured), which the connections have as their `search_path`.

mod error;
mod flag_watch;
mod flags;
mod report;
mod shadow_log;

use std::{sync::Arc, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

pub use error::{Blocker, StoreError};
pub use flag_watch::FlagWatch;
pub use flags::{FlagChange, FlagTable, StoredFlag, StoredFlags};
pub use report::{
    Latencies, OutcomeCount, Overlap, PairStats, Percentiles, ReadStats, Report, ReportOptions, ZeroResults,
};
pub use shadow_log::{Redaction, RedactionKeyError, ShadowLog, ShadowLogOptions, ShadowLogSummary, ShadowLogWriter};

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
        // Not through the pool, which tries again until its time is up and then no longer says what was wrong.
        let options = store.pool.connect_options();
        let connection = timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(&options));
        let outcome =
            connection.await.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(StoreError::of("connecting"))?;
        outcome.close().await.map_err(StoreError::of("connecting"))?;
        Ok(store)
    }

    /// Connects with the first use: a database that is down does not stop the service from starting. Fails only on a
    /// URL or a schema name that cannot be right.
    pub fn connect_lazy(url: &str, schema: &str) -> Result<Self, StoreError> {
        if !is_plain_identifier(schema) {
            return Err(StoreError::InvalidSchema(schema.to_owned()));
        }
        let options: PgConnectOptions = url.parse().map_err(|_| StoreError::InvalidUrl)?;
        let options = options.application_name("crossfade").options([("search_path", schema)]);
        // One listens, the others are for flags, jobs and the shadow log.
        let pool = PgPoolOptions::new().max_connections(4).acquire_timeout(ACQUIRE_TIMEOUT);
        Ok(Self { pool: pool.connect_lazy_with(options), schema: schema.into() })
    }

    /// Creates the schema and brings its tables up to date. Several replicas may do so at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut migrator = sqlx::migrate!("./migrations");
        let exists = sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL").bind(&*self.schema);
        let exists: bool = exists.fetch_one(&self.pool).await.map_err(StoreError::of("looking for the schema"))?;
        if !exists {
            // Not otherwise: it asks for the right to create schemas even when there is nothing to create.
            migrator.create_schema(self.schema.to_string());
        }
        migrator.run(&self.pool).await.map_err(StoreError::Migration)
    }

    /// The flags.
    pub fn flags(&self) -> FlagTable {
        FlagTable::new(self.clone())
    }

    /// The name of the schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The pool, for the other tables of the schema.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// A name that needs no quoting anywhere.
fn is_plain_identifier(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    starts_well && name.len() <= 63 && name.bytes().all(is_plain)
}
