//! Who copies a shard, and how far it is. All that moves says under which epoch: a worker that was replaced moves nothing, whatever it
//! still believes.

use std::time::Duration;

use sqlx::{PgTransaction, query, query_as, query_scalar};
use tokio::time::Instant;

use super::{JobStatus, source::Shard, sql};
use crate::{
    backend::postgres::{LoadCounts, LoadFailure, storable},
    store::{Store, StoreError},
    telemetry,
};

/// The right to copy a shard, on PostgreSQL's clock.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) job: String,
    pub(super) shard: Shard,
    epoch: i64,
    length: Duration,
    /// Until when it holds for certain: reckoned from before it was asked for.
    until: Instant,
    /// The version of rows that bring none.
    pub(super) row_version: i64,
    /// How long a chunk should take.
    pub(super) chunk: Duration,
    /// Rows of the next chunk.
    pub(super) rows: u32,
    /// Everything up to here has been dealt with.
    pub(super) cursor: Option<String>,
}

/// A row that could not be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) place: String,
    pub(super) id: Option<String>,
    pub(super) reason: &'static str,
    pub(super) why: String,
}

/// A chunk that has been written, in the transaction that is still to be committed.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    pub(super) counts: LoadCounts,
    pub(super) failed: &'a [Failed],
    pub(super) cursor: Option<&'a str>,
    /// Rows of the next one.
    pub(super) rows: u32,
    pub(super) end: bool,
}

/// What became of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Committed {
    /// It stands, and so does the checkpoint. The job is in this status, and so many rows have failed, of so many that may.
    Yes { status: JobStatus, failed: i64, allowed: i64 },
    /// Another worker has the shard: nothing of the chunk stands.
    Fenced,
}

type Taken = (String, Option<String>, Option<String>, i64, i32, f64, f64, Option<i64>, Option<String>);

impl Lease {
    /// Takes a shard that nobody holds.
    pub(super) async fn take(store: &Store, job: &str, owner: &str) -> Result<Option<Self>, StoreError> {
        let asked = Instant::now();
        let taken: Option<Taken> = query_as(sql::TAKE)
            .bind(job)
            .bind(owner)
            .fetch_optional(store.pool())
            .await
            .map_err(StoreError::of("taking a shard of the backfill"))?;
        Ok(taken.map(|(key, lower, upper, epoch, rows, lease, chunk, row_version, cursor)| {
            let length = Duration::from_secs_f64(lease.max(0.1));
            Self {
                job: job.to_owned(),
                shard: Shard { key, lower, upper },
                epoch,
                length,
                until: asked + length,
                row_version: row_version.unwrap_or(1),
                chunk: Duration::from_secs_f64(chunk.max(1.0) / 1e3),
                rows: rows.unsigned_abs().max(1),
                cursor,
            }
        }))
    }

    /// The status of the job, how many shards are not done, and how long the next lease of them lasts.
    pub(super) async fn left(store: &Store, job: &str) -> Result<(JobStatus, i64, Duration), StoreError> {
        let left = query_as(sql::LEFT).bind(job).fetch_one(store.pool()).await;
        let (status, left, seconds): (Option<String>, i64, Option<f64>) =
            left.map_err(StoreError::of("counting shards of the backfill"))?;
        let status = status.and_then(|status| JobStatus::parse(&status)).unwrap_or(JobStatus::Cancelled);
        Ok((status, left, Duration::try_from_secs_f64(seconds.unwrap_or(0.0)).unwrap_or_default()))
    }

    /// By when a chunk has to be committed: the last quarter is for what is still on its way then.
    pub(super) fn deadline(&self) -> Instant {
        self.until - self.length / 4
    }

    /// Whether less than half of it is left.
    pub(super) fn is_short(&self) -> bool {
        Instant::now() + self.length / 2 > self.until
    }

    /// How long to wait at most before it is renewed.
    pub(super) fn breath(&self) -> Duration {
        self.length / 4
    }

    /// Holds it for its whole length again; the status of the job, or `None` if another worker has it.
    pub(super) async fn renew(&mut self, store: &Store) -> Result<Option<JobStatus>, StoreError> {
        let asked = Instant::now();
        let status: Option<String> = query_scalar(sql::RENEW)
            .bind(&self.job)
            .bind(&self.shard.key)
            .bind(self.epoch)
            .fetch_optional(store.pool())
            .await
            .map_err(StoreError::of("renewing the lease of a shard"))?;
        self.until = asked + self.length;
        Ok(status.and_then(|status| JobStatus::parse(&status)))
    }

    /// Gives it back, so that nobody has to wait for its end; with the size of the next chunk.
    pub(super) async fn release(&self, store: &Store) -> Result<(), StoreError> {
        let rows = i32::try_from(self.rows).unwrap_or(i32::MAX);
        let release = query(sql::RELEASE).bind(&self.job).bind(&self.shard.key).bind(self.epoch).bind(rows);
        release.execute(store.pool()).await.map_err(StoreError::of("releasing a shard of the backfill"))?;
        Ok(())
    }

    /// Commits a chunk with its checkpoint, its counters and the lease: all of it, or nothing.
    pub(super) async fn commit(
        &self,
        mut transaction: PgTransaction<'_>,
        chunk: &Chunk<'_>,
    ) -> Result<Committed, LoadFailure> {
        let doing = "committing a chunk";
        let failed = chunk.failed;
        let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        let LoadCounts { written, stale } = chunk.counts;
        let moved: Option<(String, i64, i64)> = query_as(sql::COMMIT)
            .bind(&self.job)
            .bind(&self.shard.key)
            .bind(self.epoch)
            .bind(count(written + stale) + count(failed.len() as u64))
            .bind(count(written))
            .bind(count(stale))
            .bind(count(failed.len() as u64))
            .bind(chunk.cursor)
            .bind(i32::try_from(chunk.rows).unwrap_or(i32::MAX))
            .bind(chunk.end)
            .bind(column(failed, |row| storable(&row.place)))
            .bind(column(failed, |row| row.id.as_deref().map(storable)))
            .bind(column(failed, |row| row.reason.to_owned()))
            .bind(column(failed, |row| storable(&row.why)))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(LoadFailure::of(doing))?;
        let Some((status, failed, allowed)) = moved else {
            telemetry::backfill_fenced();
            transaction.rollback().await.map_err(LoadFailure::of(doing))?;
            return Ok(Committed::Fenced);
        };
        transaction.commit().await.map_err(LoadFailure::of(doing))?;
        chunk.failed.iter().for_each(|row| telemetry::backfill_failed(row.reason));
        Ok(Committed::Yes { status: JobStatus::parse(&status).unwrap_or(JobStatus::Failed), failed, allowed })
    }

    /// A chunk was committed that was begun at `asked`.
    pub(super) fn committed(&mut self, asked: Instant) {
        self.until = asked + self.length;
    }
}

pub(super) fn column<T>(failed: &[Failed], of: impl Fn(&Failed) -> T) -> Vec<T> {
    failed.iter().map(of).collect()
}

#[cfg(test)]
#[cfg(feature = "test-util")]
mod tests {
    use sqlx::raw_sql;

    use super::*;
    use crate::{
        backend::postgres::{PostgresIndex, PostgresOptions},
        settings::IndexSettings,
        store::DEFAULT_SCHEMA,
        testing::TestPostgres,
    };

    const JOB: &str = "
        INSERT INTO backfill_jobs (job_id, target, status, stage) VALUES ('job', 'posts', 'running', 'copying');
        INSERT INTO backfill_shards (job_id, shard_key) VALUES ('job', 'all')";

    async fn commit(lease: &Lease, target: &PostgresIndex, cursor: &str) -> Committed {
        let mut transaction = target.begin_load().await.unwrap();
        // A row of the chunk, which stands or falls with it.
        let row =
            query("INSERT INTO search_sweeps (index_uid, swept_at) VALUES ('posts', now()) ON CONFLICT DO NOTHING");
        row.execute(&mut *transaction).await.unwrap();
        let failed = [Failed { place: "9".to_owned(), id: None, reason: "unreadable", why: "torn\0".to_owned() }];
        let counts = LoadCounts { written: 5, stale: 1 };
        let chunk = Chunk { counts, failed: &failed, cursor: Some(cursor), rows: 7, end: false };
        lease.commit(transaction, &chunk).await.unwrap()
    }

    async fn state(store: &Store) -> (i64, i64, Option<String>, i64, i64) {
        let state = query_as(
            "SELECT j.processed_rows, s.processed_rows, (SELECT last_cursor FROM backfill_checkpoints),
                (SELECT count(*) FROM backfill_failed_rows), (SELECT count(*) FROM search_sweeps)
             FROM backfill_jobs j JOIN backfill_shards s USING (job_id)",
        );
        state.fetch_one(store.pool()).await.unwrap()
    }

    #[tokio::test]
    async fn who_has_an_older_epoch_commits_nothing() {
        let database = TestPostgres::database().await.unwrap();
        let store = Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap();
        store.migrate().await.unwrap();
        let target = PostgresOptions::new(database.url()).unwrap().index("posts");
        target.create("id", &IndexSettings::default()).await.unwrap();
        raw_sql(JOB).execute(store.pool()).await.unwrap();

        let frozen = Lease::take(&store, "job", "frozen").await.unwrap().unwrap();
        assert!(Lease::take(&store, "job", "other").await.unwrap().is_none(), "it is held");
        raw_sql("UPDATE backfill_shards SET lease_until = clock_timestamp()").execute(store.pool()).await.unwrap();
        let mut owner = Lease::take(&store, "job", "owner").await.unwrap().unwrap();
        assert_eq!((owner.epoch, owner.cursor.as_deref()), (frozen.epoch + 1, None));

        assert_eq!(commit(&frozen, &target, "60").await, Committed::Fenced);
        assert_eq!(state(&store).await, (0, 0, None, 0, 0));
        let committed = Committed::Yes { status: JobStatus::Running, failed: 1, allowed: 100 };
        assert_eq!(commit(&owner, &target, "40").await, committed);
        assert_eq!(state(&store).await, (7, 7, Some("40".to_owned()), 1, 1));
        assert_eq!(commit(&frozen, &target, "60").await, Committed::Fenced, "nor after the new owner has committed");
        assert_eq!(state(&store).await, (7, 7, Some("40".to_owned()), 1, 1));

        // Nor does it take the shard away from its owner by giving it back.
        frozen.release(&store).await.unwrap();
        assert_eq!(owner.renew(&store).await.unwrap(), Some(JobStatus::Running));
        owner.rows = 9;
        owner.release(&store).await.unwrap();
        let next = Lease::take(&store, "job", "next").await.unwrap().unwrap();
        assert_eq!((next.epoch, next.cursor.as_deref(), next.rows), (owner.epoch + 1, Some("40"), 9));
    }
}
