//! Reading and changing the flags. What is allowed is decided by the triggers of the table.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, query, query_as};

use super::{FlagWatch, Store, StoreError};
use crate::plan::FlagReading;

/// The flag table, its history and the stale mark.
#[derive(Clone, Debug)]
pub struct FlagTable {
    store: Store,
}

/// Everything the table says, at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoredFlags {
    /// Whether the target has missed writes.
    pub target_stale: bool,
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

/// One change of a flag, or of the stale mark under the name `target_stale`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlagChange {
    /// Which flag.
    pub flag: String,
    /// Its text before.
    pub old: String,
    /// Its text after.
    pub new: String,
    /// Who changed it.
    pub who: String,
    /// The reason given.
    pub why: String,
    /// When.
    pub when: Timestamp,
}

/// Times travel as microseconds since the epoch.
#[derive(FromRow)]
struct FlagRow {
    target_stale: bool,
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
    why: String,
    changed_micros: i64,
}

impl FlagTable {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// All flags and the mark, in one statement and so at one instant.
    pub async fn read(&self) -> Result<StoredFlags, StoreError> {
        let rows: Vec<FlagRow> = query_as(
            "SELECT target_stale, flag_name, flag_value, updated_by,
                    (extract(epoch FROM updated_at) * 1000000)::BIGINT AS updated_micros
             FROM flag_state LEFT JOIN runtime_flags ON TRUE
             ORDER BY flag_name",
        )
        .fetch_all(self.store.pool())
        .await
        .map_err(StoreError::of("reading the flags"))?;
        let target_stale = rows.iter().any(|row| row.target_stale);
        Ok(StoredFlags { target_stale, flags: rows.into_iter().filter_map(FlagRow::into_flag).collect() })
    }

    /// Sets one flag; `by` and `why` go into the history. Takes effect in every replica at once.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a rule forbids it; nothing is changed then.
    pub async fn set(&self, flag: &str, value: &str, by: &str, why: &str) -> Result<(), StoreError> {
        query(
            "INSERT INTO runtime_flags (flag_name, flag_value, updated_by, why) VALUES ($1, $2, $3, $4)
             ON CONFLICT (flag_name) DO UPDATE
             SET flag_value = EXCLUDED.flag_value, updated_by = EXCLUDED.updated_by, why = EXCLUDED.why",
        )
        .bind(flag)
        .bind(value)
        .bind(by)
        .bind(why)
        .execute(self.store.pool())
        .await
        .map_err(StoreError::of("setting a flag"))?;
        Ok(())
    }

    /// The latest changes, the newest first.
    pub async fn history(&self, limit: u32) -> Result<Vec<FlagChange>, StoreError> {
        let rows: Vec<ChangeRow> = query_as(
            "SELECT flag_name, old_value, new_value, changed_by, why,
                    (extract(epoch FROM changed_at) * 1000000)::BIGINT AS changed_micros
             FROM flag_history ORDER BY id DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.store.pool())
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

    /// The table as a source of the plan.
    pub fn watch(&self) -> FlagWatch {
        FlagWatch::new(self.store.clone())
    }

    async fn set_stale(&self, stale: bool, by: &str, why: &str) -> Result<(), StoreError> {
        query("SELECT set_target_stale($1, $2, $3)")
            .bind(stale)
            .bind(by)
            .bind(why)
            .execute(self.store.pool())
            .await
            .map_err(StoreError::of("setting the stale mark"))?;
        Ok(())
    }
}

impl StoredFlags {
    /// As the plan takes it.
    pub fn reading(&self) -> FlagReading {
        let texts = self.flags.iter().map(|flag| (flag.flag.clone(), flag.value.clone())).collect();
        FlagReading { texts, target_stale: self.target_stale }
    }
}

impl FlagRow {
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
            why: self.why,
            when: timestamp(self.changed_micros),
        }
    }
}

/// PostgreSQL's range is wider than jiff's; nothing this crate writes is out of either.
fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
