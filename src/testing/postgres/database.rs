//! One empty database, for one test.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, migrate::MigrateDatabase, postgres::PgConnectOptions};

use super::TestPostgresError;

/// An empty database. In a foreign server it is dropped with this value; in a cluster of ours it goes with the cluster.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    drops: bool,
}

impl TestDatabase {
    pub(super) async fn create(admin_url: Arc<str>, drops: bool) -> Result<Self, TestPostgresError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let doing = TestPostgresError::sql;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // A process id alone would meet the leftovers of an earlier machine in a server that outlives us.
        let name = format!("crossfade_{}_{count}_{:08x}", process::id(), rand::random::<u32>());
        let options: PgConnectOptions = admin_url.parse().map_err(doing("reading DATABASE_URL"))?;
        let mut admin = PgConnection::connect_with(&options).await.map_err(doing("connecting to make a database"))?;
        // CREATE DATABASE takes no parameters; the name is made of digits and letters above.
        let create = sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0")));
        create.execute(&mut admin).await.map_err(doing("making a database"))?;
        admin.close().await.map_err(doing("closing a connection"))?;
        Ok(Self { url: with_database(&admin_url, &name), drops })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if !self.drops {
            return;
        }
        let url = self.url.clone();
        // A runtime of its own: drop is not async, and the test's runtime may be ending.
        let dropper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(Postgres::force_drop_database(&url))
        });
        if let Ok(Err(error)) = dropper.join() {
            eprintln!("crossfade tests: a test database was left behind: {error}");
        }
    }
}

/// The same URL with another database; its query part stays.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = base.find("://").map_or(0, |at| at + 3);
    let end = base[authority..].find('/').map_or(base.len(), |at| authority + at);
    format!("{}/{name}{query}", &base[..end])
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        for (url, expected) in [
            ("postgres://u:p@h:1/old", "postgres://u:p@h:1/new"),
            ("postgres://u:p@h:1", "postgres://u:p@h:1/new"),
            ("postgres://h/old?sslmode=disable", "postgres://h/new?sslmode=disable"),
            ("postgres:///old?host=/run/postgresql", "postgres:///new?host=/run/postgresql"),
        ] {
            assert_eq!(with_database(url, "new"), expected);
        }
    }
}
