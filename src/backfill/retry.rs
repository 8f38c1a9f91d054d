//! Rows that failed, tried again: only those.

use sqlx::query;

use super::{
    Backfill, BackfillError,
    lease::{Failed, column},
    page::{derive, sort},
    sql, write,
};
use crate::backend::postgres::{LoadFailure, storable};

/// Rows that are tried again at once.
const BATCH: u32 = 200;

/// What became of rows that had failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Retried {
    /// They stand now, or something newer does.
    pub mended: u64,
    /// The source has them no longer.
    pub gone: u64,
    /// They have failed again.
    pub failed: u64,
}

impl Backfill {
    /// Tries the rows of a job again that failed. The job itself goes on, or stays as it is.
    pub async fn retry_failed(&self, job: &str) -> Result<Retried, BackfillError> {
        let version = self.jobs.get(job).await?.row_version.unwrap_or(1);
        self.source.check().await?;
        let (mut retried, mut after) = (Retried::default(), None);
        loop {
            let some = self.jobs.failed_rows(job, after.as_deref(), BATCH).await?;
            let places: Vec<String> = some.into_iter().map(|row| row.place).collect();
            let Some(last) = places.last().cloned() else { return Ok(retried) };
            after = Some(last);
            let rows = self.source.reread(&places).await?;
            retried.gone += (places.len() - rows.len().min(places.len())) as u64;
            let (rows, mut failed) = sort(rows);
            let settings = self.target.load_settings().await?;
            let rows = derive(rows, &settings, version).await?;
            let mut change = self.target.begin_load().await.map_err(LoadFailure::into_error)?;
            let counts = write::apart(&self.target, &rows, &mut change, &mut failed).await;
            let counts = counts.map_err(LoadFailure::into_error)?;
            let again: Vec<&str> = failed.iter().map(|row| row.place.as_str()).collect();
            let mended: Vec<&str> = places.iter().map(String::as_str).filter(|place| !again.contains(place)).collect();
            let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
            let doing = "keeping what became of failed rows";
            query(sql::MENDED)
                .bind(job)
                .bind(&mended)
                .bind(count(counts.written))
                .bind(count(counts.stale))
                .execute(&mut *change)
                .await
                .map_err(LoadFailure::of(doing))
                .map_err(LoadFailure::into_error)?;
            failed_again(job, &failed, &mut change).await.map_err(LoadFailure::into_error)?;
            change.commit().await.map_err(LoadFailure::of(doing)).map_err(LoadFailure::into_error)?;
            retried.mended += counts.written + counts.stale;
            retried.failed += failed.len() as u64;
        }
    }
}

async fn failed_again(job: &str, failed: &[Failed], change: &mut sqlx::PgTransaction<'_>) -> Result<(), LoadFailure> {
    query(sql::FAILED_AGAIN)
        .bind(job)
        .bind(column(failed, |row| storable(&row.place)))
        .bind(column(failed, |row| row.id.as_deref().map(storable)))
        .bind(column(failed, |row| row.reason.to_owned()))
        .bind(column(failed, |row| storable(&row.why)))
        .execute(&mut **change)
        .await
        .map_err(LoadFailure::of("keeping what became of failed rows"))?;
    Ok(())
}
