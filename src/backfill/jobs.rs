//! The jobs in the control tables: made, looked at, steered.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, Postgres, postgres::PgArguments, query, query::Query, query_as, query_scalar, types::Json};

use super::{
    BackfillError, Job, JobOptions, JobStatus, Stage, Throttle,
    eta::{eta, is_recent},
    job::Preparation,
    source::SourceDescription,
    sql,
};
use crate::store::{Store, StoreError};

/// Makes, shows and steers backfills; from any process.
#[derive(Clone, Debug)]
pub struct BackfillJobs {
    store: Store,
}

/// A row that could not be copied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedRow {
    /// Where the source has it.
    pub place: String,
    /// The id of its document, if one could be read.
    pub document_id: Option<String>,
    /// `unreadable` (it is no document), or `rejected` (by PostgreSQL).
    pub reason: String,
    /// The same in more words.
    pub why: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it last failed.
    pub failed_at: Timestamp,
}

/// How many rows have failed for a reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureCause {
    /// The reason.
    pub reason: String,
    /// How many rows.
    pub rows: i64,
    /// What one of them said.
    pub example: String,
}

#[derive(FromRow)]
struct JobRow {
    job_id: String,
    target: String,
    status: String,
    stage: String,
    source: Json<serde_json::Value>,
    high_watermark_seq: Option<i64>,
    row_version: Option<i64>,
    processed_rows: i64,
    written_rows: i64,
    stale_rows: i64,
    failed_rows: i64,
    max_failed_rows: i64,
    total_rows: Option<i64>,
    total_is_exact: bool,
    shards: i64,
    shards_done: i64,
    workers: i64,
    recent_rate: Option<f64>,
    rate_age: Option<f64>,
    throttled_by: Option<String>,
    #[sqlx(flatten)]
    throttle: Throttle,
    deferred_indexes: Vec<String>,
    postings_built: Option<f64>,
    error_message: Option<String>,
    created_micros: i64,
    started_micros: Option<i64>,
    completed_micros: Option<i64>,
    updated_micros: i64,
}

impl BackfillJobs {
    /// The jobs of these control tables.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    /// All of them, oldest first.
    pub async fn list(&self) -> Result<Vec<Job>, BackfillError> {
        Ok(self.read(None).await?.into_iter().map(JobRow::into_job).collect())
    }

    /// One of them.
    pub async fn get(&self, job: &str) -> Result<Job, BackfillError> {
        let row = self.read(Some(job)).await?.pop();
        row.map(JobRow::into_job).ok_or_else(|| BackfillError::NoSuchJob(job.to_owned()))
    }

    async fn read(&self, job: Option<&str>) -> Result<Vec<JobRow>, StoreError> {
        let rows = query_as(sql::JOBS).bind(job).fetch_all(self.store.pool()).await;
        rows.map_err(StoreError::of("reading the backfill jobs"))
    }

    /// Makes a job. It does nothing until somebody works on it.
    ///
    /// # Errors
    /// [`JobExists`](BackfillError::JobExists), and [`IndexBusy`](BackfillError::IndexBusy) if another job that is not over fills the index.
    pub async fn create(
        &self,
        job: &str,
        target: &str,
        source: &SourceDescription,
        options: &JobOptions,
    ) -> Result<(), BackfillError> {
        let failed = || StoreError::of("making a backfill job");
        let mut change = self.store.pool().begin().await.map_err(failed())?;
        query(sql::LOCK_JOBS).execute(&mut *change).await.map_err(failed())?;
        let other: Option<String> = query_scalar(sql::UNFINISHED_OF_TARGET)
            .bind(target)
            .bind(job)
            .fetch_optional(&mut *change)
            .await
            .map_err(failed())?;
        if let Some(other) = other {
            return Err(BackfillError::IndexBusy { target: target.to_owned(), other });
        }
        let made = query(sql::CREATE)
            .bind(job)
            .bind(target)
            .bind(Json(source))
            .bind(Json(Preparation::of(options)))
            .bind(i64::try_from(options.max_failed_rows).unwrap_or(i64::MAX))
            .bind(options.lease.as_secs_f64())
            .bind(options.chunk.as_secs_f64() * 1e3);
        let made = with_limits(made, &options.throttle);
        if made.execute(&mut *change).await.map_err(failed())?.rows_affected() == 0 {
            return Err(BackfillError::JobExists(job.to_owned()));
        }
        change.commit().await.map_err(failed())?;
        Ok(())
    }

    /// Stops a job for a while: workers finish their chunk, and nobody works on it until it is resumed.
    pub async fn pause(&self, job: &str) -> Result<(), BackfillError> {
        let from = [JobStatus::Pending, JobStatus::Running];
        self.set_status(job, JobStatus::Paused, &from, None, "only what is pending or running can be paused").await
    }

    /// Lets a job that was paused, has failed, or whose process has died go on where it stopped. Somebody has to work on it.
    pub async fn resume(&self, job: &str) -> Result<(), BackfillError> {
        let from = [JobStatus::Pending, JobStatus::Running, JobStatus::Paused, JobStatus::Failed];
        self.set_status(job, JobStatus::Running, &from, None, "it is over; start another one").await
    }

    /// Gives a job up. What it has copied stays.
    pub async fn cancel(&self, job: &str) -> Result<(), BackfillError> {
        let from = [JobStatus::Pending, JobStatus::Running, JobStatus::Paused, JobStatus::Failed];
        self.set_status(job, JobStatus::Cancelled, &from, None, "it is over already").await
    }

    pub(super) async fn fail(&self, job: &str, why: &str) -> Result<(), BackfillError> {
        self.set_status(job, JobStatus::Failed, &[JobStatus::Running], Some(why), "it does not run").await
    }

    pub(super) async fn succeed(&self, job: &str) -> Result<(), BackfillError> {
        self.set_status(job, JobStatus::Succeeded, &[JobStatus::Running], None, "it does not run").await
    }

    /// Takes the lead of a job, or holds it; for how long. `None`: another process has it.
    pub(super) async fn lead(&self, job: &str, owner: &str) -> Result<Option<Duration>, StoreError> {
        let lead = query_scalar(sql::LEAD).bind(job).bind(owner).fetch_optional(self.store.pool()).await;
        let seconds: Option<f64> = lead.map_err(StoreError::of("taking the lead of a backfill"))?;
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
    }

    pub(super) async fn let_lead_go(&self, job: &str, owner: &str) -> Result<(), StoreError> {
        let let_go = query(sql::LET_LEAD_GO).bind(job).bind(owner).execute(self.store.pool()).await;
        let_go.map_err(StoreError::of("giving the lead of a backfill back"))?;
        Ok(())
    }

    /// From one stage to the next; nothing if the job is elsewhere by now, or does not run.
    pub(super) async fn advance(&self, job: &str, from: Stage, to: Stage) -> Result<(), BackfillError> {
        let set = query(sql::SET_STAGE).bind(job).bind(from.as_str()).bind(to.as_str());
        set.execute(self.store.pool()).await.map_err(StoreError::of("changing the stage of a backfill"))?;
        Ok(())
    }

    async fn set_status(
        &self,
        job: &str,
        to: JobStatus,
        from: &[JobStatus],
        why: Option<&str>,
        advice: &'static str,
    ) -> Result<(), BackfillError> {
        let from: Vec<&str> = from.iter().map(|status| status.as_str()).collect();
        let set = query(sql::SET_STATUS).bind(job).bind(to.as_str()).bind(from).bind(why);
        let set = set.execute(self.store.pool()).await.map_err(StoreError::of("changing the status of a backfill"))?;
        if set.rows_affected() == 0 {
            let status = self.get(job).await?.status.to_string();
            return Err(BackfillError::WrongStatus { job: job.to_owned(), status, advice });
        }
        Ok(())
    }

    /// Changes what a job minds, also while it runs: workers see it within a second.
    pub async fn set_throttle(&self, job: &str, throttle: &Throttle) -> Result<(), BackfillError> {
        let set = with_limits(query(sql::SET_THROTTLE).bind(job), throttle);
        let set =
            set.execute(self.store.pool()).await.map_err(StoreError::of("changing the throttle of a backfill"))?;
        if set.rows_affected() == 0 { Err(BackfillError::NoSuchJob(job.to_owned())) } else { Ok(()) }
    }

    /// Changes how many rows may fail.
    pub async fn set_max_failed_rows(&self, job: &str, rows: u64) -> Result<(), BackfillError> {
        let set = query(sql::SET_MAX_FAILED).bind(job).bind(i64::try_from(rows).unwrap_or(i64::MAX));
        let set = set.execute(self.store.pool()).await.map_err(StoreError::of("changing a backfill"))?;
        if set.rows_affected() == 0 { Err(BackfillError::NoSuchJob(job.to_owned())) } else { Ok(()) }
    }

    /// Rows that could not be copied, by place, after the one given.
    pub async fn failed_rows(
        &self,
        job: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<FailedRow>, BackfillError> {
        let rows: Vec<(String, Option<String>, String, String, i32, i64)> = query_as(sql::FAILED_ROWS)
            .bind(job)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(self.store.pool())
            .await
            .map_err(StoreError::of("reading the rows that failed"))?;
        let row = |(place, document_id, reason, why, attempts, micros)| FailedRow {
            place,
            document_id,
            reason,
            why,
            attempts,
            failed_at: Timestamp::from_microsecond(micros).unwrap_or_default(),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Why rows could not be copied, the most frequent reason first.
    pub async fn failure_causes(&self, job: &str) -> Result<Vec<FailureCause>, BackfillError> {
        let rows: Vec<(String, i64, String)> = query_as(sql::FAILED_BY_REASON)
            .bind(job)
            .fetch_all(self.store.pool())
            .await
            .map_err(StoreError::of("reading the rows that failed"))?;
        Ok(rows.into_iter().map(|(reason, rows, example)| FailureCause { reason, rows, example }).collect())
    }

    pub(super) async fn preparation(&self, job: &str) -> Result<Preparation, BackfillError> {
        let found: Option<Json<Preparation>> = query_scalar(sql::PREPARATION)
            .bind(job)
            .fetch_optional(self.store.pool())
            .await
            .map_err(StoreError::of("reading a backfill job"))?;
        found.map(|found| found.0).ok_or_else(|| BackfillError::NoSuchJob(job.to_owned()))
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }
}

/// Binds the limits, in the order of the columns in both statements that set them.
fn with_limits<'a>(
    statement: Query<'a, Postgres, PgArguments>,
    throttle: &Throttle,
) -> Query<'a, Postgres, PgArguments> {
    statement
        .bind(throttle.max_rows_per_second)
        .bind(throttle.nice_ratio)
        .bind(throttle.max_write_millis)
        .bind(throttle.max_journal_pending)
        .bind(throttle.max_active_sessions)
        .bind(throttle.max_replication_lag_bytes)
}

impl JobRow {
    fn into_job(self) -> Job {
        let at = |micros| Timestamp::from_microsecond(micros).unwrap_or_default();
        let recent = self.recent_rate.filter(|_| is_recent(self.rate_age));
        // What another program has written there: it is not ours to say more of it.
        let status = JobStatus::parse(&self.status).unwrap_or(JobStatus::Failed);
        let stage = Stage::parse(&self.stage).unwrap_or(Stage::Preparing);
        let runs = status == JobStatus::Running && stage == Stage::Copying;
        let eta = eta(self.total_rows, self.processed_rows, self.recent_rate, self.rate_age).filter(|_| runs);
        Job {
            job_id: self.job_id,
            target: self.target,
            status,
            stage,
            source: serde_json::from_value(self.source.0).ok(),
            high_watermark_seq: self.high_watermark_seq,
            row_version: self.row_version,
            processed_rows: self.processed_rows,
            written_rows: self.written_rows,
            stale_rows: self.stale_rows,
            failed_rows: self.failed_rows,
            max_failed_rows: self.max_failed_rows,
            total_rows: self.total_rows,
            total_is_exact: self.total_is_exact,
            shards: self.shards,
            shards_done: self.shards_done,
            workers: self.workers,
            rows_per_second: recent.filter(|_| runs),
            backfill_eta_seconds: eta,
            throttled_by: self.throttled_by.filter(|_| runs),
            throttle: self.throttle,
            deferred_indexes: self.deferred_indexes,
            postings_built: self.postings_built,
            error_message: self.error_message,
            created_at: at(self.created_micros),
            started_at: self.started_micros.map(at),
            completed_at: self.completed_micros.map(at),
            updated_at: at(self.updated_micros),
        }
    }
}
