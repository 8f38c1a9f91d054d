//! The processes of the service, as they tell of themselves: who writes what, and how it fares.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, PgExecutor, query, query_as};

use super::{Store, StoreError};
use crate::{journal::Status, plan::Plan};

/// The table of replicas.
#[derive(Clone, Debug)]
pub struct Replicas {
    store: Store,
}

/// What a process tells of itself.
#[derive(Clone, Debug)]
pub struct ReplicaReport {
    /// Drawn at random with every start.
    pub replica: String,
    /// The machine, for people.
    pub host: String,
    /// The plan it goes by.
    pub plan: Plan,
    /// Its journal; `None` if it has none, or that did not answer.
    pub journal: Option<Status>,
    /// How long its writes have taken since the last report; `None` if there were none.
    pub write: Option<Duration>,
    /// How long it is at most until the next report.
    pub every: Duration,
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

const REPORT: &str = "
    INSERT INTO replicas AS r (replica, host, plan_version, phase, write_mode, read_backend, mode_since,
        journal_pending, journal_oldest_seconds, journal_dead_letters, write_millis, report_seconds)
    VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7, $8, $9, $10, $11)
    ON CONFLICT (replica) DO UPDATE SET
        plan_version = excluded.plan_version, phase = excluded.phase, write_mode = excluded.write_mode,
        read_backend = excluded.read_backend,
        mode_since = CASE WHEN r.write_mode = excluded.write_mode THEN r.mode_since ELSE excluded.mode_since END,
        journal_pending = excluded.journal_pending, journal_oldest_seconds = excluded.journal_oldest_seconds,
        journal_dead_letters = excluded.journal_dead_letters, write_millis = excluded.write_millis,
        seen_at = clock_timestamp(), report_seconds = excluded.report_seconds";

const ALL: &str = "
    SELECT replica, host, plan_version, phase, write_mode, read_backend,
        (extract(epoch FROM mode_since) * 1000000)::bigint AS mode_micros,
        extract(epoch FROM clock_timestamp() - mode_since)::float8 AS mode_seconds,
        journal_pending, journal_oldest_seconds, journal_dead_letters, write_millis,
        extract(epoch FROM clock_timestamp() - seen_at)::float8 AS seen_seconds, report_seconds
    FROM replicas WHERE seen_at > clock_timestamp() - make_interval(secs => $1) ORDER BY started_at, replica";

const FORGET: &str = "DELETE FROM replicas WHERE replica = $1";

const FORGET_OLD: &str = "DELETE FROM replicas WHERE seen_at < clock_timestamp() - make_interval(secs => $1)";

#[derive(FromRow)]
struct Row {
    replica: String,
    host: String,
    plan_version: i64,
    phase: String,
    write_mode: String,
    read_backend: String,
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
    /// Tells of a process.
    pub async fn report(&self, report: &ReplicaReport) -> Result<(), StoreError> {
        let ReplicaReport { replica, host, plan, journal, write, every } = report;
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let told = query(REPORT)
            .bind(replica)
            .bind(host)
            .bind(count(plan.version))
            .bind(plan.phase().to_string())
            .bind(plan.flags.write_mode.as_str())
            .bind(plan.flags.read_backend.as_str())
            .bind(journal.as_ref().map(|journal| count(journal.pending)))
            .bind(journal.as_ref().map(|journal| journal.oldest_seconds.unwrap_or(0.0)))
            .bind(journal.as_ref().map(|journal| count(journal.dead_letters)))
            .bind(write.map(|write| write.as_secs_f64() * 1e3))
            .bind(every.as_secs_f64());
        let doing = "reporting of this process";
        told.execute(self.store.pool()).await.map_err(StoreError::of(doing))?;
        Ok(())
    }

    /// Forgets those that have said nothing for an hour: nobody is shown them any more.
    pub(crate) async fn forget_old(&self) -> Result<(), StoreError> {
        let forgotten = query(FORGET_OLD).bind(REMEMBERED).execute(self.store.pool()).await;
        forgotten.map_err(StoreError::of("forgetting processes of long ago"))?;
        Ok(())
    }

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
            mode_since: Timestamp::from_microsecond(self.mode_micros).unwrap_or_default(),
            mode_seconds: self.mode_seconds,
            journal_pending: self.journal_pending,
            journal_oldest_seconds: self.journal_oldest_seconds,
            journal_dead_letters: self.journal_dead_letters,
            write_millis: self.write_millis,
            seen_seconds: self.seen_seconds,
        }
    }
}
