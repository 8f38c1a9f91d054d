//! The way back, and the latch that keeps reads there.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, query, query_scalar};

use super::{
    FlagTable, StoredFlags,
    change::{locked, revision, set},
    timestamp,
};
use crate::{
    plan::{Flag, ReadBackend, WriteMode},
    store::StoreError,
};

/// A latch that is set: reads stay on Meilisearch until a person clears it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Latch {
    /// Who set it.
    pub by: String,
    /// Why.
    pub why: String,
    /// When, by the clock of the database.
    pub at: Timestamp,
}

/// How far to go back. Each level does what the one before it does, and latches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackLevel {
    /// Every reader is answered by Meilisearch.
    #[default]
    Reads,
    /// And nothing more is compared: PostgreSQL is only written.
    Dual,
    /// The emergency brake: PostgreSQL is not written either, and stale from then on.
    MeiliOnly,
}

/// A rollback that the table has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    /// The revision it made.
    pub revision: i64,
    /// When, by the clock of the database.
    pub at: Timestamp,
    /// What the flags were before.
    pub was: StoredFlags,
}

impl FlagTable {
    /// Sends reads back to Meilisearch and keeps them there until [`clear_latch`](Self::clear_latch). Latched already,
    /// it stays so for the reason it was.
    ///
    /// # Errors
    /// As [`set`](Self::set); refused under `pg_only`, with what to do.
    pub async fn latch(&self, by: &str, why: &str) -> Result<(), StoreError> {
        self.set_latch(true, by, why).await
    }

    /// Allows reads from PostgreSQL again. Brings none back: that is a step of its own.
    pub async fn clear_latch(&self, by: &str, why: &str) -> Result<(), StoreError> {
        self.set_latch(false, by, why).await
    }

    async fn set_latch(&self, latched: bool, by: &str, why: &str) -> Result<(), StoreError> {
        let set = query("SELECT set_rollback_latch($1, $2, $3)").bind(latched).bind(by).bind(why);
        self.change("setting the latch", set).await
    }

    /// Goes back, in one transaction; asks no gate.
    ///
    /// # Errors
    /// As [`latch`](Self::latch).
    pub async fn rollback(&self, level: RollbackLevel, by: &str, why: &str) -> Result<RolledBack, StoreError> {
        let doing = "rolling back";
        let back = async {
            let mut transaction = self.begin(doing).await?;
            let done = go_back(&mut transaction, doing, level, by, why).await?;
            transaction.commit().await.map_err(StoreError::of(doing))?;
            Ok(done)
        };
        self.in_time(doing, back).await
    }

    /// What [`rollback`](Self::rollback) would do or be refused for; changes nothing.
    pub async fn rehearse_rollback(&self, level: RollbackLevel) -> Result<RolledBack, StoreError> {
        let doing = "rehearsing a rollback";
        let rehearsal = async {
            let mut transaction = self.begin(doing).await?;
            let done = go_back(&mut transaction, doing, level, "drill", "rehearsal").await?;
            transaction.rollback().await.map_err(StoreError::of(doing))?;
            Ok(done)
        };
        self.in_time(doing, rehearsal).await
    }
}

async fn go_back(
    connection: &mut PgConnection,
    doing: &'static str,
    level: RollbackLevel,
    by: &str,
    why: &str,
) -> Result<RolledBack, StoreError> {
    let was = locked(&mut *connection, doing).await?;
    let latch = query("SELECT set_rollback_latch(TRUE, $1, $2)").bind(by).bind(why).execute(&mut *connection).await;
    latch.map_err(StoreError::of(doing))?;
    let changes = level.changes();
    if !changes.is_empty() {
        set(&mut *connection, doing, &changes, by, why).await?;
    }
    let at = query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT");
    let at: i64 = at.fetch_one(&mut *connection).await.map_err(StoreError::of(doing))?;
    Ok(RolledBack { revision: revision(connection, doing).await?, at: timestamp(at), was })
}

impl RollbackLevel {
    /// From the mildest to the hardest.
    pub const ALL: [Self; 3] = [Self::Reads, Self::Dual, Self::MeiliOnly];

    /// The name in commands and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Dual => "dual",
            Self::MeiliOnly => "meili_only",
        }
    }

    /// The flags it sets, for a file that overrides those of the table.
    pub fn overrides(self) -> Vec<(Flag, String)> {
        let reads = (Flag::ReadBackend, ReadBackend::Meili.as_str().to_owned());
        [vec![reads], self.changes()].concat()
    }

    /// The flags it sets beyond the reads, which the latch takes along.
    fn changes(self) -> Vec<(Flag, String)> {
        let rate = (Flag::ShadowSampleRate, "0".to_owned());
        match self {
            Self::Reads => Vec::new(),
            Self::Dual => vec![rate],
            Self::MeiliOnly => vec![rate, (Flag::WriteMode, WriteMode::MeiliOnly.as_str().to_owned())],
        }
    }
}

impl fmt::Display for RollbackLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
