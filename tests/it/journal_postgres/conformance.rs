//! That it is a journal: the suite of all of them.

use std::sync::Arc;

use crossfade::{
    journal::{
        Journal,
        postgres::{PostgresJournal, PostgresJournalOptions},
    },
    testing::TestDatabase,
};
use futures_util::future::BoxFuture;
use sqlx::PgPool;

use super::{migrated, outside};
use crate::journal::conformance::{self, OPTIONS, Place, each_promise};

struct Shared {
    database: TestDatabase,
    look: PgPool,
}

impl Place for Shared {
    /// The lease of the process from before, which is dead, runs out now. What waits goes on waiting in this journal, since
    /// the process that died is one of many; the suite is about the only one.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async {
            let end_lease = "UPDATE journal_processes
                SET alive_until = clock_timestamp(), works_until = least(works_until, clock_timestamp())";
            sqlx::query(end_lease).execute(&self.look).await.unwrap();
            let end_waits = "UPDATE journal_entries SET meili_due = NULL, pg_due = NULL, reconcile_due = NULL,
                meili_why = NULL, pg_why = NULL, reconcile_why = NULL WHERE outcome = 'accepted'";
            sqlx::query(end_waits).execute(&self.look).await.unwrap();
            let options = PostgresJournalOptions { journal: OPTIONS, ..PostgresJournalOptions::default() };
            let journal = PostgresJournal::connect(self.database.url(), options).await.unwrap();
            Arc::new(journal) as Arc<dyn Journal>
        })
    }
}

async fn place() -> Shared {
    let database = migrated().await;
    let look = outside(database.url()).await;
    Shared { database, look }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                conformance::$name(&place().await).await;
            }
        )*
    };
}
each_promise!(tests);
