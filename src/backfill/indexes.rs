//! The indexes that only searches need, dropped before a load and built after it.

use sqlx::query;

use super::{Backfill, BackfillError, BackfillJobs, Note, sql};
use crate::{
    backend::postgres::{LoadFailure, PostgresIndex},
    store::StoreError,
};

impl Backfill {
    /// Drops the indexes of searches, and keeps how they are made: in one transaction.
    pub(super) async fn defer_indexes(&self, job: &str) -> Result<usize, BackfillError> {
        let flags = self.jobs.store().flags().read().await?;
        let flag = |name: &str| flags.flags.iter().find(|flag| flag.flag == name).map(|flag| flag.value.as_str());
        if flag("search_read_backend") == Some("pg") {
            return Err(BackfillError::IsRead("readers are answered from PostgreSQL", "search_read_backend=meili"));
        }
        if flag("shadow_sample_rate").is_some_and(|rate| rate.parse::<f64>().unwrap_or(1.0) > 0.0) {
            return Err(BackfillError::IsRead("reads are compared with PostgreSQL", "shadow_sample_rate=0"));
        }
        let mut change = self.target.begin_load().await.map_err(LoadFailure::into_error)?;
        let dropped = self.target.drop_search_indexes(&mut change).await?;
        let known = query(sql::ADD_DEFERRED).bind(job).bind(&dropped).execute(&mut *change).await;
        known.map_err(LoadFailure::of("keeping which indexes were dropped")).map_err(LoadFailure::into_error)?;
        change.commit().await.map_err(LoadFailure::of("dropping indexes")).map_err(LoadFailure::into_error)?;
        Ok(dropped.len())
    }
}

impl BackfillJobs {
    /// Builds the indexes that a job has dropped for the load, while writes go on. Taken up again where it was broken off. A job does so by
    /// itself, unless it was cancelled.
    pub async fn build_deferred_indexes(
        &self,
        job: &str,
        target: &PostgresIndex,
        note: &dyn Note,
    ) -> Result<(), BackfillError> {
        let mut left = self.get(job).await?.deferred_indexes;
        while let Some(definition) = left.first() {
            let name = definition.split_whitespace().nth(2).unwrap_or_default();
            note.say(&format!("building {name}, while writes go on"));
            target.build_search_index(definition).await?;
            left.remove(0);
            let kept = query(sql::SET_DEFERRED).bind(job).bind(&left).execute(self.store().pool()).await;
            kept.map_err(StoreError::of("keeping which indexes are to be built"))?;
        }
        Ok(())
    }
}
