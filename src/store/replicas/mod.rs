//! The processes of the service, as they tell of themselves: who writes what, and how it fares.

mod report;
pub(super) mod tallies;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, PgExecutor, query, query_as};

pub use self::{
    report::{PgReads, ReplicaReport},
    tallies::ReadTally,
};
use super::{Store, StoreError, StoredFlags, timestamp};
use crate::plan::{Flag, ReadBackend};

/// The table of replicas.
#[derive(Clone, Debug)]
pub struct Replicas {
    store: Store,
}

/// A process of the service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replica {
    /// Its name, drawn at random with every start.
    pub replica: String,
    /// The machine.
    pub host: String,
    /// The version of the plan it goes by, counted by itself.
    pub plan_version: i64,
    /// The phase of that plan.
    pub phase: String,
    /// Its write mode.
    pub write_mode: String,
    /// Where its reads go.
    pub read_backend: String,
    /// The share of readers on PostgreSQL, while reads go there.
    pub read_pg_percent: String,
    /// The share of its reads that is compared.
    pub shadow_sample_rate: String,
    /// Whether it takes PostgreSQL for stale.
    pub target_stale: bool,
    /// Whether it is latched by a rollback.
    pub latched: bool,
    /// The revision of the flags that its plan goes by; 0 if it has read none.
    pub revision: i64,
    /// Reads that PostgreSQL was to answer, since the process started.
    pub wanted: i64,
    /// Those that it answered.
    pub answered: i64,
    /// Those that it did not.
    pub fallbacks: i64,
    /// Reads that PostgreSQL was being asked at the last report.
    pub under_way: i64,
    /// When PostgreSQL last answered a read here, by the clock of the database; `None`: never.
    pub answered_at: Option<Timestamp>,
    /// How long ago that was, in seconds.
    pub answered_seconds: Option<f64>,
    /// Since when it has been in this write mode, as far as it has told.
    pub mode_since: Timestamp,
    /// For how long it has been in it, in seconds, by the clock of the database.
    pub mode_seconds: f64,
    /// Writes that wait in its journal.
    pub journal_pending: Option<i64>,
    /// The age of the oldest of them, in seconds.
    pub journal_oldest_seconds: Option<f64>,
    /// Its dead letters.
    pub journal_dead_letters: Option<i64>,
    /// How long its writes have lately taken, in milliseconds.
    pub write_millis: Option<f64>,
    /// When it last reported, in seconds from now.
    pub seen_seconds: f64,
    /// Whether it reports as it said it would. One that does not may be gone, or may only be cut off from this database and go on as it
    /// did.
    pub live: bool,
}

/// Reports that may be missed before a process counts as silent.
const MISSED: f64 = 4.0;
/// Silent processes are remembered for an hour, in seconds.
const REMEMBERED: f64 = 3_600.0;

pub(crate) const ALL: &str = "
    SELECT replica, host, plan_version, phase, write_mode, read_backend, read_pg_percent, shadow_sample_rate, target_stale,
        latched, revision, pg_answered AS answered, pg_failed + pg_held_back + pg_unfit AS fallbacks,
        pg_under_way AS under_way, (extract(epoch FROM pg_answered_at) * 1000000)::bigint AS answered_micros,
        extract(epoch FROM clock_timestamp() - pg_answered_at)::float8 AS answered_seconds,
        (extract(epoch FROM mode_since) * 1000000)::bigint AS mode_micros,
        extract(epoch FROM clock_timestamp() - mode_since)::float8 AS mode_seconds,
        journal_pending, journal_oldest_seconds, journal_dead_letters, write_millis,
        extract(epoch FROM clock_timestamp() - seen_at)::float8 AS seen_seconds, report_seconds
    FROM replicas WHERE seen_at > clock_timestamp() - make_interval(secs => $1) ORDER BY started_at, replica";

const FORGET: &str = "DELETE FROM replicas WHERE replica = $1";

#[derive(FromRow)]
struct Row {
    replica: String,
    host: String,
    plan_version: i64,
    phase: String,
    write_mode: String,
    read_backend: String,
    read_pg_percent: String,
    shadow_sample_rate: String,
    target_stale: bool,
    latched: bool,
    revision: i64,
    answered: i64,
    fallbacks: i64,
    under_way: i64,
    answered_micros: Option<i64>,
    answered_seconds: Option<f64>,
    mode_micros: i64,
    mode_seconds: f64,
    journal_pending: Option<i64>,
    journal_oldest_seconds: Option<f64>,
    journal_dead_letters: Option<i64>,
    write_millis: Option<f64>,
    seen_seconds: f64,
    report_seconds: f64,
}

impl Store {
    /// The processes of the service.
    pub fn replicas(&self) -> Replicas {
        Replicas { store: self.clone() }
    }
}

impl Replicas {
    /// All that have reported within the last hour and not been forgotten since.
    pub async fn all(&self) -> Result<Vec<Replica>, StoreError> {
        Self::all_on(self.store.pool()).await
    }

    pub(super) async fn all_on(executor: impl PgExecutor<'_>) -> Result<Vec<Replica>, StoreError> {
        let rows: Vec<Row> = query_as(ALL)
            .bind(REMEMBERED)
            .fetch_all(executor)
            .await
            .map_err(StoreError::of("reading which processes there are"))?;
        Ok(rows.into_iter().map(Row::into_replica).collect())
    }

    /// Forgets a process that has ended; whether it was there. One that lives comes back with its next report.
    pub async fn forget(&self, replica: &str) -> Result<bool, StoreError> {
        let forgotten = query(FORGET).bind(replica).execute(self.store.pool()).await;
        Ok(forgotten.map_err(StoreError::of("forgetting a process"))?.rows_affected() > 0)
    }
}

impl Replica {
    /// Whether it goes by these flags, and nothing else: the same four, the same marks. One that overrides a flag by a local
    /// file does not, even if it has read them.
    pub fn follows(&self, stored: &StoredFlags) -> bool {
        let Ok(plan) = stored.plan() else { return false };
        let own = [&self.write_mode, &self.read_backend, &self.read_pg_percent, &self.shadow_sample_rate];
        Flag::ALL.into_iter().zip(own).all(|(flag, own)| plan.flags.text(flag) == *own)
            && (self.target_stale, self.latched) == (plan.target_stale, plan.latched)
    }

    /// Whether Meilisearch answers every read here.
    pub fn reads_meili(&self) -> bool {
        self.read_backend == ReadBackend::Meili.as_str() || self.read_pg_percent == "0"
    }
}

impl Row {
    fn into_replica(self) -> Replica {
        Replica {
            live: self.seen_seconds <= self.report_seconds * MISSED,
            replica: self.replica,
            host: self.host,
            plan_version: self.plan_version,
            phase: self.phase,
            write_mode: self.write_mode,
            read_backend: self.read_backend,
            read_pg_percent: self.read_pg_percent,
            shadow_sample_rate: self.shadow_sample_rate,
            target_stale: self.target_stale,
            latched: self.latched,
            revision: self.revision,
            wanted: self.answered + self.fallbacks,
            answered: self.answered,
            fallbacks: self.fallbacks,
            under_way: self.under_way,
            answered_at: self.answered_micros.map(timestamp),
            answered_seconds: self.answered_seconds,
            mode_since: timestamp(self.mode_micros),
            mode_seconds: self.mode_seconds,
            journal_pending: self.journal_pending,
            journal_oldest_seconds: self.journal_oldest_seconds,
            journal_dead_letters: self.journal_dead_letters,
            write_millis: self.write_millis,
            seen_seconds: self.seen_seconds,
        }
    }
}
