//! Reading and changing the flags. What is allowed is decided by the triggers of the table.

mod change;
mod rollback;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, PgExecutor, query, query_as};

pub use self::rollback::{Latch, RollbackLevel, RolledBack};
use super::{FlagWatch, Store, StoreError, timestamp};
use crate::plan::{FlagReading, FlagSet, Flags, Plan, Refusal};

/// The flag table, its history, the stale mark and the latch.
#[derive(Clone, Debug)]
pub struct FlagTable {
    store: Store,
}

/// Everything the table says, at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoredFlags {
    /// Counts the changes: two readings with the same one are the same.
    pub revision: i64,
    /// Whether the target has missed writes.
    pub target_stale: bool,
    /// The latch of a rollback, if it is set.
    pub latch: Option<Latch>,
    /// The flags that are set, by name; the others have their defaults.
    pub flags: Vec<StoredFlag>,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredFlag {
    /// Its name.
    pub flag: String,
    /// Its text.
    pub value: String,
    /// Who set it.
    pub updated_by: String,
    /// When.
    pub updated_at: Timestamp,
}

/// One change of a flag, of the stale mark under the name `target_stale`, or of the latch as `rollback_latch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlagChange {
    /// Which flag.
    pub flag: String,
    /// Its text before.
    pub old: String,
    /// Its text after.
    pub new: String,
    /// Who changed it, as far as that was said.
    pub who: String,
    /// The role that was logged in to the database.
    pub db_user: String,
    /// The reason given.
    pub why: String,
    /// When.
    pub when: Timestamp,
}

/// Times travel as microseconds since the epoch.
#[derive(FromRow)]
struct FlagRow {
    revision: i64,
    target_stale: bool,
    latched: bool,
    latched_by: String,
    latched_why: String,
    latched_micros: Option<i64>,
    flag_name: Option<String>,
    flag_value: Option<String>,
    updated_by: Option<String>,
    updated_micros: Option<i64>,
}

#[derive(FromRow)]
struct ChangeRow {
    flag_name: String,
    old_value: String,
    new_value: String,
    changed_by: String,
    db_user: String,
    why: String,
    changed_micros: i64,
}

impl FlagTable {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// All flags, the mark and the latch, in one statement and so at one instant.
    pub async fn read(&self) -> Result<StoredFlags, StoreError> {
        Self::read_on(self.store.pool()).await
    }

    pub(super) async fn read_on(executor: impl PgExecutor<'_>) -> Result<StoredFlags, StoreError> {
        let rows: Vec<FlagRow> = query_as(
            "SELECT revision, target_stale, latched, latched_by, latched_why,
                    (extract(epoch FROM latched_at) * 1000000)::BIGINT AS latched_micros,
                    flag_name, flag_value, updated_by,
                    (extract(epoch FROM updated_at) * 1000000)::BIGINT AS updated_micros
             FROM flag_state LEFT JOIN runtime_flags ON TRUE
             ORDER BY flag_name",
        )
        .fetch_all(executor)
        .await
        .map_err(StoreError::of("reading the flags"))?;
        // What is not a flag stands in every row.
        let first = rows.first();
        let stored = StoredFlags {
            revision: first.map_or(0, |row| row.revision),
            target_stale: first.is_some_and(|row| row.target_stale),
            latch: first.and_then(FlagRow::latch),
            flags: Vec::new(),
        };
        Ok(StoredFlags { flags: rows.into_iter().filter_map(FlagRow::into_flag).collect(), ..stored })
    }

    /// Sets one flag; `by` and `why` go into the history. Takes effect in every replica at once.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a rule forbids it, [`StoreError::Locked`] when the transaction of another session
    /// holds the flags for more than 3 s; nothing is changed then.
    pub async fn set(&self, flag: &str, value: &str, by: &str, why: &str) -> Result<(), StoreError> {
        let set = query(
            "INSERT INTO runtime_flags (flag_name, flag_value, updated_by, why) VALUES ($1, $2, $3, $4)
             ON CONFLICT (flag_name) DO UPDATE
             SET flag_value = EXCLUDED.flag_value, updated_by = EXCLUDED.updated_by, why = EXCLUDED.why",
        );
        self.change("setting a flag", set.bind(flag).bind(value).bind(by).bind(why)).await
    }

    /// The latest changes, the newest first.
    pub async fn history(&self, limit: u32) -> Result<Vec<FlagChange>, StoreError> {
        Self::history_on(self.store.pool(), None, limit).await
    }

    /// The latest changes, or the latest of those from the first of two instants until before the second.
    pub(super) async fn history_on(
        executor: impl PgExecutor<'_>,
        between: Option<(Timestamp, Timestamp)>,
        limit: u32,
    ) -> Result<Vec<FlagChange>, StoreError> {
        let rows: Vec<ChangeRow> = query_as(
            "SELECT flag_name, old_value, new_value, changed_by, db_user, why,
                    (extract(epoch FROM changed_at) * 1000000)::BIGINT AS changed_micros
             FROM flag_history
             WHERE ($2::bigint IS NULL OR changed_at >= 'epoch'::timestamptz + $2 * interval '1 microsecond')
               AND ($3::bigint IS NULL OR changed_at < 'epoch'::timestamptz + $3 * interval '1 microsecond')
             ORDER BY id DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .bind(between.map(|(since, _)| since.as_microsecond()))
        .bind(between.map(|(_, until)| until.as_microsecond()))
        .fetch_all(executor)
        .await
        .map_err(StoreError::of("reading the history of the flags"))?;
        Ok(rows.into_iter().map(ChangeRow::into_change).collect())
    }

    /// Allows reads from PostgreSQL again, after a backfill or a drift repair has brought it up to date.
    pub async fn clear_stale(&self, by: &str, why: &str) -> Result<(), StoreError> {
        self.set_stale(false, by, why).await
    }

    /// Records that PostgreSQL has missed writes; reads go back to Meilisearch in the same transaction.
    pub async fn mark_stale(&self, by: &str, why: &str) -> Result<(), StoreError> {
        self.set_stale(true, by, why).await
    }

    async fn set_stale(&self, stale: bool, by: &str, why: &str) -> Result<(), StoreError> {
        let set = query("SELECT set_target_stale($1, $2, $3)").bind(stale).bind(by).bind(why);
        self.change("setting the stale mark", set).await
    }

    /// The table as a source of the plan.
    pub fn watch(&self) -> FlagWatch {
        FlagWatch::new(self.store.clone())
    }
}

impl StoredFlags {
    /// As the plan takes it.
    pub fn reading(&self) -> FlagReading {
        let texts = self.flags.iter().map(|flag| (flag.flag.clone(), flag.value.clone())).collect();
        FlagReading { texts, target_stale: self.target_stale, latched: self.latch.is_some(), revision: self.revision }
    }

    /// The plan that these flags make where no file overrides them.
    ///
    /// # Errors
    /// A value that this version does not know.
    pub fn plan(&self) -> Result<Plan, Refusal> {
        let set = FlagSet::parse(self.flags.iter().map(|flag| (&flag.flag, &flag.value)))?;
        let flags = set.over(Flags::default());
        Ok(Plan { target_stale: self.target_stale, latched: self.latch.is_some(), ..Plan::new(flags) })
    }
}

impl FlagRow {
    fn latch(&self) -> Option<Latch> {
        self.latched.then(|| Latch {
            by: self.latched_by.clone(),
            why: self.latched_why.clone(),
            at: timestamp(self.latched_micros.unwrap_or_default()),
        })
    }

    fn into_flag(self) -> Option<StoredFlag> {
        Some(StoredFlag {
            flag: self.flag_name?,
            value: self.flag_value?,
            updated_by: self.updated_by?,
            updated_at: timestamp(self.updated_micros?),
        })
    }
}

impl ChangeRow {
    fn into_change(self) -> FlagChange {
        FlagChange {
            flag: self.flag_name,
            old: self.old_value,
            new: self.new_value,
            who: self.changed_by,
            db_user: self.db_user,
            why: self.why,
            when: timestamp(self.changed_micros),
        }
    }
}
