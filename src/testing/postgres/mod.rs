//! A throwaway PostgreSQL for tests.
//!
//! [`TestPostgres::database`] is what most tests want: a fresh, empty database, either in the server that
//! `DATABASE_URL` names or in a cluster of the installed binaries that all tests of the process share. A test that
//! stops its server takes one for itself with [`TestPostgres::private`].
//!
//! ```no_run
//! # async fn example() -> Result<(), crossfade::testing::TestPostgresError> {
//! let database = crossfade::testing::TestPostgres::database().await?;
//! println!("{}", database.url());
//! # Ok(()) }
//! ```
//!
//! A cluster lives in the system's temporary directory, without fsync unless it is [durable](TestPostgres::durable), and is gone when its handle is dropped or its
//! process ends, SIGKILL included. Started by root, the server runs as
//! `postgres` or `nobody`, because PostgreSQL refuses to be root. Where no binaries are installed, root on Debian and
//! Ubuntu gets them with apt-get, and says so on stderr.

mod binaries;
mod cluster;
mod database;

use std::{env, io, sync::Arc};

use tokio::sync::OnceCell;

use cluster::Cluster;
pub use database::TestDatabase;

/// A server for tests.
#[derive(Debug)]
pub struct TestPostgres {
    /// The URL of a database to make others from.
    admin_url: Arc<str>,
    /// `None`: the server of `DATABASE_URL`, which is not ours to stop.
    cluster: Option<Cluster>,
}

/// Why there is no PostgreSQL to test with.
#[derive(Debug, thiserror::Error)]
pub enum TestPostgresError {
    /// No binaries, and none could be installed.
    #[error("no PostgreSQL server binaries: {0}; install the package `postgresql`, or set DATABASE_URL")]
    NoBinaries(String),
    /// Root, and no user to drop to.
    #[error("PostgreSQL refuses to run as root and there is neither a user `postgres` nor `nobody` to run it as")]
    NoUnprivilegedUser,
    /// A command of the set-up failed.
    #[error("{doing} failed: {output}")]
    Command {
        /// What was being done.
        doing: &'static str,
        /// What the command said.
        output: String,
    },
    /// The system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The server refused something.
    #[error("{doing}: {source}")]
    Sql {
        /// What was being done.
        doing: &'static str,
        /// The server's answer.
        source: sqlx::Error,
    },
    /// The server of `DATABASE_URL` is not stopped by a test.
    #[error("only a private cluster can be stopped; this is the server of DATABASE_URL")]
    NotOurs,
}

impl TestPostgres {
    /// The server of `DATABASE_URL` if that is set, else a new cluster.
    pub async fn start() -> Result<Self, TestPostgresError> {
        match env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => Ok(Self { admin_url: url.into(), cluster: None }),
            _ => Self::private().await,
        }
    }

    /// A new cluster, which may be stopped and started again.
    pub async fn private() -> Result<Self, TestPostgresError> {
        Ok(Self::of(Cluster::start(false).await?))
    }

    /// A new cluster with the durability of PostgreSQL's defaults: for measurements.
    pub async fn durable() -> Result<Self, TestPostgresError> {
        Ok(Self::of(Cluster::start(true).await?))
    }

    fn of(cluster: Cluster) -> Self {
        Self { admin_url: cluster.url().into(), cluster: Some(cluster) }
    }

    /// A fresh database in the server all tests of this process share.
    pub async fn database() -> Result<TestDatabase, TestPostgresError> {
        static SHARED: OnceCell<TestPostgres> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await?.create_database().await
    }

    /// A fresh database in this server.
    pub async fn create_database(&self) -> Result<TestDatabase, TestPostgresError> {
        TestDatabase::create(Arc::clone(&self.admin_url), self.cluster.is_none()).await
    }

    /// Shuts the server down in an orderly way (`fast`): open connections are closed.
    pub async fn stop(&mut self) -> Result<(), TestPostgresError> {
        self.ours()?.stop().await
    }

    /// Ends the server at once, as a crash does (`immediate`).
    pub async fn kill(&mut self) -> Result<(), TestPostgresError> {
        self.ours()?.kill().await
    }

    /// Starts the stopped or killed server again, under the same URL.
    pub async fn restart(&mut self) -> Result<(), TestPostgresError> {
        self.ours()?.launch().await
    }

    fn ours(&mut self) -> Result<&mut Cluster, TestPostgresError> {
        self.cluster.as_mut().ok_or(TestPostgresError::NotOurs)
    }
}

impl TestPostgresError {
    fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }

    fn sql(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Sql { doing, source }
    }
}
