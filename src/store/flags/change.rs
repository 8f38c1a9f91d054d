//! Changes: one transaction each, one after the other, within a deadline.

use std::{future::Future, time::Duration};

use sqlx::{PgConnection, Postgres, Transaction, postgres::PgArguments, query, query::Query, query_as, query_scalar};
use tokio::time::timeout;

use super::{FlagTable, StoredFlags};
use crate::{
    plan::Flag,
    store::{ACQUIRE_TIMEOUT, Blocker, StoreError},
};

/// How long a change may take in all: a connection, a lock, an answer.
const CHANGE_DEADLINE: Duration = Duration::from_secs(6);

/// Changes nothing and counts as a change: takes its place in the row of changes, and is told to every watcher.
const TOUCH: &str = "INSERT INTO runtime_flags (flag_name, flag_value, updated_by) SELECT '', '', '' WHERE FALSE";

/// Several flags at once: the rules judge what they come to together.
const SET: &str = "
    INSERT INTO runtime_flags (flag_name, flag_value, updated_by, why)
    SELECT flag, text, $3, $4 FROM unnest($1::TEXT[], $2::TEXT[]) AS given (flag, text)
    ON CONFLICT (flag_name) DO UPDATE
    SET flag_value = EXCLUDED.flag_value, updated_by = EXCLUDED.updated_by, why = EXCLUDED.why";

impl FlagTable {
    /// Sets several flags in one transaction, all or none, if nobody has changed any since `expected_revision`: for
    /// whoever has decided by what he had read. Gives the new revision.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when somebody has; otherwise as [`set`](Self::set).
    pub async fn step(
        &self,
        changes: &[(Flag, String)],
        expected_revision: i64,
        by: &str,
        why: &str,
    ) -> Result<i64, StoreError> {
        let doing = "taking a step";
        let step = async {
            let mut transaction = self.begin(doing).await?;
            let found = locked(&mut transaction, doing).await?.revision;
            if found != expected_revision {
                return Err(StoreError::Moved { expected: expected_revision, found });
            }
            set(&mut transaction, doing, changes, by, why).await?;
            let revision = revision(&mut transaction, doing).await?;
            transaction.commit().await.map_err(StoreError::of(doing))?;
            Ok(revision)
        };
        self.in_time(doing, step).await
    }

    /// Changes nothing, but is told to every process as a change is; gives the revision they have seen then. To find out
    /// how long a change takes to reach them. A [`step`](Self::step) that was decided on before is refused, as after any
    /// change.
    pub async fn touch(&self) -> Result<i64, StoreError> {
        self.change("sending a revision around", query(TOUCH)).await?;
        Ok(self.read().await?.revision)
    }

    /// One change of one statement.
    pub(super) async fn change(
        &self,
        doing: &'static str,
        change: Query<'_, Postgres, PgArguments>,
    ) -> Result<(), StoreError> {
        let changing = async {
            let mut transaction = self.begin(doing).await?;
            change.execute(&mut *transaction).await.map_err(StoreError::of(doing))?;
            transaction.commit().await.map_err(StoreError::of(doing))
        };
        self.in_time(doing, changing).await
    }

    /// A transaction that does not wait long: all changes queue at one row, so that one that was left open would hold up
    /// every rollback.
    pub(super) async fn begin(&self, doing: &'static str) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut transaction = self.store.pool().begin().await.map_err(StoreError::of(doing))?;
        let patience = query("SET LOCAL lock_timeout = '3s'").execute(&mut *transaction).await;
        patience.map_err(StoreError::of(doing))?;
        Ok(transaction)
    }

    /// Gives a change up after a while, and says who holds it up.
    pub(super) async fn in_time<T>(
        &self,
        doing: &'static str,
        changing: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match timeout(CHANGE_DEADLINE, changing).await {
            Err(elapsed) => Err(StoreError::of(doing)(sqlx::Error::Io(elapsed.into()))),
            Ok(Err(StoreError::Locked { doing, .. })) => {
                Err(StoreError::Locked { doing, blocker: self.blocker().await })
            }
            Ok(outcome) => outcome,
        }
    }

    /// The session that has held the flags longest, should it still do so.
    async fn blocker(&self) -> Blocker {
        let holder = query_as(
            "SELECT pid, usename::TEXT AS role, application_name AS application
             FROM pg_stat_activity AS session
             WHERE pid <> pg_backend_pid()
               AND EXISTS (SELECT FROM pg_locks WHERE pg_locks.pid = session.pid AND granted AND mode <> 'AccessShareLock'
                           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                           AND relation IN ('flag_state'::REGCLASS, 'runtime_flags'::REGCLASS))
               -- It holds, and does not wait in the same queue.
               AND NOT EXISTS (SELECT FROM pg_locks WHERE pg_locks.pid = session.pid AND NOT granted)
             ORDER BY xact_start LIMIT 1",
        );
        let found = timeout(ACQUIRE_TIMEOUT, holder.fetch_optional(self.store.pool())).await;
        found.ok().and_then(Result::ok).flatten().unwrap_or_default()
    }
}

/// What the flags are, with every other change kept waiting until the transaction ends. The revision is that before it.
pub(super) async fn locked(connection: &mut PgConnection, doing: &'static str) -> Result<StoredFlags, StoreError> {
    // By what the rights on the flags allow: the row itself may not be locked with them.
    query(TOUCH).execute(&mut *connection).await.map_err(StoreError::of(doing))?;
    let stored = FlagTable::read_on(&mut *connection).await?;
    Ok(StoredFlags { revision: stored.revision - 1, ..stored })
}

pub(super) async fn set(
    connection: &mut PgConnection,
    doing: &'static str,
    changes: &[(Flag, String)],
    by: &str,
    why: &str,
) -> Result<(), StoreError> {
    let (names, texts): (Vec<&str>, Vec<&str>) = changes.iter().map(|(flag, text)| (flag.name(), &**text)).unzip();
    let set = query(SET).bind(names).bind(texts).bind(by).bind(why).execute(connection).await;
    set.map_err(StoreError::of(doing))?;
    Ok(())
}

pub(super) async fn revision(connection: &mut PgConnection, doing: &'static str) -> Result<i64, StoreError> {
    query_scalar("SELECT revision FROM flag_state").fetch_one(connection).await.map_err(StoreError::of(doing))
}
