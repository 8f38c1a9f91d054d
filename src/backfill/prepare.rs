//! What has to be so before the first row is read: every process of the service writes both sides, for long enough that no older request
//! is under way; what the outbox brings by itself is known; the source is cut.

use std::time::Duration;

use sqlx::{query, query_scalar};
use tokio::time::{Instant, sleep};

use super::{
    Backfill, BackfillError, Note,
    job::Preparation,
    source::{SourceDescription, SourcePlan},
    sql,
};
use crate::{
    backend::postgres::LoadFailure,
    error::Side,
    plan::WriteMode,
    store::{Replica, StoreError},
};

/// How often it is looked whether what is waited for has come.
const LOOK: Duration = Duration::from_millis(250);
/// Versions that the clock of this crate makes are above: those of the year 2001. Numbers of rows, seconds, milliseconds and microseconds are below.
const CLOCK: i64 = 1_000_000_000_000 << 20;
/// Bits of such a version below the milliseconds.
const BELOW_MILLISECONDS: u32 = 20;

impl Backfill {
    /// Prepares a job; only the process that leads it does.
    pub(super) async fn prepare(&self, job: &str, note: &dyn Note) -> Result<(), BackfillError> {
        let wanted = self.jobs.preparation(job).await?;
        self.sees_both(job).await?;
        let since = self.all_write_both(&wanted, note).await?;
        let watermark = self.watermark(job, note).await?;
        let version = match watermark {
            Some(watermark) => watermark,
            None => self.version_before(since, &wanted).await?,
        };
        note.say("reading how the source is made");
        self.source.check().await?;
        let plan = self.source.plan(wanted.shards).await?;
        let deferred = if wanted.defer_indexes { self.defer_indexes(job).await? } else { 0 };
        if deferred > 0 {
            note.say(&format!("dropped {deferred} indexes that only searches need; they are built after the load"));
        }
        self.keep(job, watermark, version, &plan).await?;
        note.say(&format!(
            "cut into {} shards of {}",
            plan.shards.len(),
            plan.total.map_or("an unknown number of rows".to_owned(), |total| match total.exact {
                true => format!("{} rows", total.rows),
                false => format!("about {} rows", total.rows),
            })
        ));
        Ok(())
    }

    /// Whether the connections to the index see the control tables: rows and checkpoints are committed together.
    async fn sees_both(&self, job: &str) -> Result<(), BackfillError> {
        self.target.load_settings().await?;
        let mut look = self.target.begin_load().await.map_err(LoadFailure::into_error)?;
        let sees: Result<bool, sqlx::Error> = query_scalar(sql::SEES_JOB).bind(job).fetch_one(&mut *look).await;
        match sees {
            Ok(true) => Ok(()),
            _ => Err(BackfillError::Apart(self.target.uid().to_owned())),
        }
    }

    /// Waits until every process has written both sides for long enough; since when they all do, in milliseconds.
    async fn all_write_both(&self, wanted: &Preparation, note: &dyn Note) -> Result<Option<i64>, BackfillError> {
        let mut told = false;
        loop {
            let replicas = self.jobs.store().replicas().all().await?;
            if replicas.is_empty() {
                return if wanted.without_heartbeats { Ok(None) } else { Err(BackfillError::NobodyReports) };
            }
            let is_dual = |replica: &Replica| replica.live && replica.write_mode == WriteMode::Dual.as_str();
            let (dual, others): (Vec<Replica>, Vec<Replica>) = replicas.into_iter().partition(is_dual);
            if !others.is_empty() {
                return Err(BackfillError::NotDual(others));
            }
            let shortest = dual.iter().map(|replica| replica.mode_seconds).fold(f64::INFINITY, f64::min);
            if shortest >= wanted.settle_seconds {
                return Ok(dual.iter().map(|replica| replica.mode_since.as_millisecond()).min());
            }
            if !told {
                let seconds = wanted.settle_seconds - shortest;
                note.say(&format!(
                    "waiting {seconds:.0} s more, for requests that began before both sides were written"
                ));
                told = true;
            }
            sleep(LOOK).await;
        }
    }

    /// The number of the outbox that the intake of PostgreSQL goes on after; `None` without an outbox.
    async fn watermark(&self, job: &str, note: &dyn Note) -> Result<Option<i64>, BackfillError> {
        let Some(outbox) = &self.outbox else { return Ok(None) };
        let begun = Instant::now();
        note.say("waiting for the outbox intake to have begun, and for open transactions to end");
        let give_up = |why: &str| BackfillError::GaveUp {
            job: job.to_owned(),
            seconds: begun.elapsed().as_secs_f64(),
            why: why.to_owned(),
        };
        while outbox.backlog(Side::Pg).await?.started.is_none() {
            if begun.elapsed() > self.patience {
                return Err(give_up(
                    "the intake has not begun to feed PostgreSQL: is it running, and the write mode dual?",
                ));
            }
            sleep(LOOK).await;
        }
        let watermark = outbox.high_watermark(self.patience).await?;
        // What is read from Meilisearch must hold all that.
        let from_meili = matches!(self.source.describe(), SourceDescription::Meili { .. });
        while from_meili && outbox.backlog(Side::Meili).await?.cursor.is_none_or(|cursor| cursor < watermark) {
            if begun.elapsed() > self.patience {
                return Err(give_up("the intake has not brought Meilisearch up to the high watermark"));
            }
            sleep(LOOK).await;
        }
        Ok(Some(watermark))
    }

    /// A version above all that was written before the service wrote both sides, and below all that it has written since.
    async fn version_before(&self, since: Option<i64>, wanted: &Preparation) -> Result<i64, BackfillError> {
        if self.target.has_versions_below(CLOCK).await? && !self.source.describe().gives_versions() {
            return Err(BackfillError::OtherVersions(self.target.uid().to_owned()));
        }
        let since = match since {
            Some(since) => since,
            None => {
                let now: i64 = query_scalar(sql::NOW)
                    .fetch_one(self.jobs.store().pool())
                    .await
                    .map_err(StoreError::of("reading the clock"))?;
                now - (wanted.settle_seconds * 1e3) as i64
            }
        };
        Ok(since.clamp(0, i64::MAX >> BELOW_MILLISECONDS) << BELOW_MILLISECONDS)
    }

    async fn keep(
        &self,
        job: &str,
        watermark: Option<i64>,
        version: i64,
        plan: &SourcePlan,
    ) -> Result<(), BackfillError> {
        let failed = || StoreError::of("keeping how the backfill is cut");
        let mut keep = self.jobs.store().pool().begin().await.map_err(failed())?;
        let shards = || plan.shards.iter();
        let keys: Vec<&str> = shards().map(|shard| shard.key.as_str()).collect();
        let lower: Vec<Option<&str>> = shards().map(|shard| shard.lower.as_deref()).collect();
        let upper: Vec<Option<&str>> = shards().map(|shard| shard.upper.as_deref()).collect();
        let prepared = query(sql::PREPARED)
            .bind(job)
            .bind(watermark)
            .bind(version)
            .bind(plan.total.map(|total| i64::try_from(total.rows).unwrap_or(i64::MAX)))
            .bind(plan.total.is_some_and(|total| total.exact));
        // Not if it was paused or given up meanwhile.
        if prepared.execute(&mut *keep).await.map_err(failed())?.rows_affected() == 1 {
            let add = query(sql::ADD_SHARDS).bind(job).bind(keys).bind(lower).bind(upper);
            add.execute(&mut *keep).await.map_err(failed())?;
            keep.commit().await.map_err(failed())?;
        }
        Ok(())
    }
}
