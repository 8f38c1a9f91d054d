//! What a process tells of itself, and how it is kept.

use std::time::Duration;

use sqlx::query;

use super::{REMEMBERED, Replicas};
use crate::{
    journal::Status,
    plan::{Flag, Plan},
    store::StoreError,
    tally::Tally,
};

/// What a process tells of itself.
#[derive(Clone, Debug)]
pub struct ReplicaReport {
    /// Drawn at random with every start.
    pub replica: String,
    /// The machine, for people.
    pub host: String,
    /// The plan it goes by.
    pub plan: Plan,
    /// The revision of the flag table that the plan goes by; 0 if none was read.
    pub revision: i64,
    /// What has become of the reads that PostgreSQL is to answer.
    pub reads: PgReads,
    /// What had been reported of them before, as far as that is known to have arrived.
    pub reads_before: PgReads,
    /// Its journal; `None` if it has none, or that did not answer.
    pub journal: Option<Status>,
    /// How long its writes have taken since the last report; `None` if there were none.
    pub write: Option<Duration>,
    /// How long it is at most until the next report.
    pub every: Duration,
}

/// The reads that PostgreSQL is to answer, since the process started: see [`Tally`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PgReads {
    /// PostgreSQL answered.
    pub answered: u64,
    /// It failed.
    pub failed: u64,
    /// The breaker kept them from it.
    pub held_back: u64,
    /// It could not be asked.
    pub unfit: u64,
    /// It is being asked.
    pub under_way: u64,
    /// How long ago it last answered one.
    pub last_answer: Option<Duration>,
}

/// The counters grow in the row of the process; what they have grown by goes to the minute. Both in one statement, so that
/// a report that is made twice counts once. A process whose row somebody has removed says what it had told.
const REPORT: &str = "
    WITH told AS (
        SELECT coalesce(pg_answered, $22) AS answered, coalesce(pg_failed, $23) AS failed,
            coalesce(pg_held_back, $24) AS held_back, coalesce(pg_unfit, $25) AS unfit
        FROM (VALUES ($1)) AS this (name) LEFT JOIN replicas ON replica = name
    ), grown AS (
        INSERT INTO read_tallies AS t (replica, minute, answered, failed, held_back, unfit)
        SELECT $1, date_trunc('minute', clock_timestamp()), $17 - answered, $18 - failed, $19 - held_back, $20 - unfit
        FROM told WHERE (answered, failed, held_back, unfit) <> ($17, $18, $19, $20)
        ON CONFLICT (replica, minute) DO UPDATE SET
            answered = t.answered + excluded.answered, failed = t.failed + excluded.failed,
            held_back = t.held_back + excluded.held_back, unfit = t.unfit + excluded.unfit
    )
    INSERT INTO replicas AS r (replica, host, plan_version, phase, write_mode, read_backend, mode_since,
        journal_pending, journal_oldest_seconds, journal_dead_letters, write_millis, report_seconds,
        read_pg_percent, shadow_sample_rate, target_stale, latched, revision,
        pg_answered, pg_failed, pg_held_back, pg_unfit, pg_under_way, pg_answered_at)
    VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, clock_timestamp() - make_interval(secs => $26))
    ON CONFLICT (replica) DO UPDATE SET
        plan_version = excluded.plan_version, phase = excluded.phase, write_mode = excluded.write_mode,
        read_backend = excluded.read_backend,
        mode_since = CASE WHEN r.write_mode = excluded.write_mode THEN r.mode_since ELSE excluded.mode_since END,
        journal_pending = excluded.journal_pending, journal_oldest_seconds = excluded.journal_oldest_seconds,
        journal_dead_letters = excluded.journal_dead_letters, write_millis = excluded.write_millis,
        read_pg_percent = excluded.read_pg_percent, shadow_sample_rate = excluded.shadow_sample_rate,
        target_stale = excluded.target_stale, latched = excluded.latched, revision = excluded.revision,
        pg_answered = excluded.pg_answered, pg_failed = excluded.pg_failed, pg_held_back = excluded.pg_held_back,
        pg_unfit = excluded.pg_unfit, pg_under_way = excluded.pg_under_way, pg_answered_at = excluded.pg_answered_at,
        seen_at = clock_timestamp(), report_seconds = excluded.report_seconds";

const FORGET_OLD: &str = "DELETE FROM replicas WHERE seen_at < clock_timestamp() - make_interval(secs => $1)";

impl PgReads {
    /// What a tally stands at.
    pub fn of(tally: &Tally) -> Self {
        // First, so that the last answer is not missed by what was under way.
        let under_way = tally.under_way();
        let counts = tally.counts();
        Self {
            answered: counts.answered,
            failed: counts.failed,
            held_back: counts.held_back,
            unfit: counts.unfit,
            under_way,
            last_answer: tally.last_answer(),
        }
    }
}

impl Replicas {
    /// Tells of a process.
    pub async fn report(&self, report: &ReplicaReport) -> Result<(), StoreError> {
        let ReplicaReport { replica, host, plan, revision, reads, reads_before, journal, write, every } = report;
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
            .bind(every.as_secs_f64())
            .bind(plan.flags.text(Flag::ReadPgPercent))
            .bind(plan.flags.text(Flag::ShadowSampleRate))
            .bind(plan.target_stale)
            .bind(plan.latched)
            .bind(revision)
            .bind(count(reads.answered))
            .bind(count(reads.failed))
            .bind(count(reads.held_back))
            .bind(count(reads.unfit))
            .bind(count(reads.under_way))
            .bind(count(reads_before.answered))
            .bind(count(reads_before.failed))
            .bind(count(reads_before.held_back))
            .bind(count(reads_before.unfit))
            .bind(reads.last_answer.map(|ago| ago.as_secs_f64()));
        let doing = "reporting of this process";
        told.execute(self.store.pool()).await.map_err(StoreError::of(doing))?;
        Ok(())
    }

    /// Forgets those that have said nothing for an hour: nobody is shown them any more.
    pub(crate) async fn forget_old(&self) -> Result<(), StoreError> {
        let forgotten = query(FORGET_OLD).bind(REMEMBERED).execute(self.store.pool()).await;
        forgotten.map_err(StoreError::of("forgetting processes of long ago"))?;
        self.forget_old_tallies().await
    }
}

/// A number as the database has them.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
