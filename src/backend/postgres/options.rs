//! Where the database is and how much of it may be used.

use std::{fmt, sync::Arc, time::Duration};

use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};
use tokio::time::timeout;

use super::{PostgresIndex, PostgresWriter};
use crate::{
    error::{BackendError, BackendErrorKind, Side},
    tokens::{Bigrams, Segmenter},
};

/// Where the database is and how much of it may be used. Nothing connects before the first query.
#[derive(Clone)]
pub struct PostgresOptions {
    connect: PgConnectOptions,
    schema: String,
    shared: PoolSize,
    isolated: PoolSize,
    writes: PoolSize,
    read_only: bool,
    application_name: Arc<str>,
    segmenter: Arc<dyn Segmenter>,
}

/// The size and patience of a connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSize {
    /// Connections at most.
    pub max_connections: u32,
    /// How long a query waits for a connection, a new one included.
    pub acquire_timeout: Duration,
    /// After how long the server gives a statement up.
    pub statement_timeout: Duration,
}

/// How long a connection may take to answer after its query.
const LONGEST_PING: Duration = Duration::from_millis(250);

impl PostgresOptions {
    /// The database of a URL, with the schema `cn_search`, 10 connections and statements of 1.2 s, a little more than the
    /// read deadline of a [`Migration`](crate::migration::Migration): a statement that nobody waits for holds its
    /// connection no longer than that. For [isolated](crate::backend::SearchBackend::isolated) reads 4 connections, as
    /// many as a [`ShadowPolicy`](crate::shadow::ShadowPolicy) has pairs under way, and statements of 1 s. For writes 8
    /// connections and statements of 30 s.
    pub fn new(url: &str) -> Result<Self, BackendError> {
        // The cause is left out: it may quote the URL, which may hold a password.
        let connect = url
            .parse()
            .map_err(|_| BackendError::new(Side::Pg, BackendErrorKind::Internal, "reading the connection URL"))?;
        let seconds = Duration::from_secs;
        let (reads, shadows) = (Duration::from_millis(1_200), seconds(1));
        Ok(Self {
            connect,
            schema: "cn_search".to_owned(),
            shared: PoolSize { max_connections: 10, acquire_timeout: seconds(5), statement_timeout: reads },
            isolated: PoolSize { max_connections: 4, acquire_timeout: seconds(1), statement_timeout: shadows },
            writes: PoolSize { max_connections: 8, acquire_timeout: seconds(5), statement_timeout: seconds(30) },
            read_only: false,
            application_name: "crossfade".into(),
            segmenter: Arc::new(Bigrams),
        })
    }

    /// The schema that holds the tables.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// What the connections call themselves, for those who look at the server. `crossfade`
    pub fn application_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.application_name = name.into();
        self
    }

    /// The pool of the reads that users wait for.
    pub fn pool(mut self, size: PoolSize) -> Self {
        self.shared = size;
        self
    }

    /// The pool of shadow reads. With fewer connections than pairs may be under way
    /// ([`ShadowPolicy::concurrency`](crate::shadow::ShadowPolicy::concurrency)), the latencies measured hold our own queue.
    pub fn isolated_pool(mut self, size: PoolSize) -> Self {
        self.isolated = size;
        self
    }

    /// The pool of a [writer](Self::writer). Its statements may hold thousands of documents, and wait for others that write
    /// the same.
    pub fn writer_pool(mut self, size: PoolSize) -> Self {
        self.writes = size;
        self
    }

    /// Transactions may only read: the server refuses whatever would write.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// What cuts Chinese and Japanese, [`Bigrams`] unless another is given: with a dictionary ([`Ipadic`](crate::tokens::Ipadic)) rankings are those of
    /// a source that cuts with it. Everything that writes or searches an index must cut alike.
    pub fn with_segmenter(mut self, segmenter: Arc<dyn Segmenter>) -> Self {
        self.segmenter = segmenter;
        self
    }

    pub(super) fn segmenter(&self) -> &Arc<dyn Segmenter> {
        &self.segmenter
    }

    /// A writer to the indexes of the schema, with connections of its own: writes never wait for reads, nor reads for
    /// writes.
    pub fn writer(self) -> PostgresWriter {
        PostgresWriter::open(Self { shared: self.writes, ..self })
    }

    /// The index `uid`. Whether it is there is found out by the first query.
    pub fn index(self, uid: impl Into<Arc<str>>) -> PostgresIndex {
        PostgresIndex::open(self, uid.into())
    }

    /// The same with the isolated pool as the shared one.
    pub(super) fn for_isolated(&self) -> Self {
        Self { shared: self.isolated, ..self.clone() }
    }

    /// The same with one connection, for what is done in the background.
    pub(super) fn for_upkeep(&self) -> Self {
        Self { shared: PoolSize { max_connections: 1, ..self.writes }, ..self.clone() }
    }

    /// A new pool. Runs nothing before its first use, but must be called inside a runtime.
    pub(super) fn connect_lazy(&self) -> PgPool {
        let PoolSize { max_connections, acquire_timeout, statement_timeout } = self.shared;
        let settings = [
            ("search_path", format!("\"{}\"", self.schema.replace('"', "\"\""))),
            ("statement_timeout", statement_timeout.as_millis().to_string()),
            // Plans depend on how frequent the words and values are; a plan that is made for none of them does not.
            ("plan_cache_mode", "force_custom_plan".to_owned()),
            // Compiling takes longer than these queries do.
            ("jit", "off".to_owned()),
        ];
        // Not otherwise: a server, or a database, may say so itself.
        let read_only = self.read_only.then(|| ("default_transaction_read_only", "on".to_owned()));
        let settings = settings.into_iter().chain(read_only);
        PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(acquire_timeout)
            // A query that was given up is still running: its connection is closed unless it comes free soon, since
            // until then nobody else can have its place.
            .after_release(|connection, _| {
                Box::pin(async move { Ok(matches!(timeout(LONGEST_PING, connection.ping()).await, Ok(Ok(())))) })
            })
            .connect_lazy_with(self.connect.clone().application_name(&self.application_name).options(settings))
    }
}

impl fmt::Debug for PostgresOptions {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("schema", &self.schema)
            .field("pool", &self.shared)
            .field("isolated_pool", &self.isolated)
            .field("writer_pool", &self.writes)
            .finish_non_exhaustive()
    }
}
