//! What only searches need, left out of a load and built after it: some indexes, and the postings.

use std::time::Duration;

use sqlx::query;
use tokio::time::sleep;

use super::{Backfill, BackfillError, BackfillJobs, Note, sql};
use crate::{
    backend::postgres::{LoadFailure, PostgresIndex},
    store::StoreError,
};

/// How long another process that builds the postings is left alone.
const LOOK: Duration = Duration::from_millis(500);

impl Backfill {
    /// Leaves the postings out, drops the indexes of searches, and keeps how those are made: in one transaction.
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
        // First: it is what writers lock first.
        self.target.defer_postings(&mut change).await?;
        let dropped = self.target.drop_search_indexes(&mut change).await?;
        let known = query(sql::ADD_DEFERRED).bind(job).bind(&dropped).execute(&mut *change).await;
        known.map_err(LoadFailure::of("keeping which indexes were dropped")).map_err(LoadFailure::into_error)?;
        change.commit().await.map_err(LoadFailure::of("dropping indexes")).map_err(LoadFailure::into_error)?;
        Ok(dropped.len())
    }
}

impl BackfillJobs {
    /// Builds what a job has left out of the load: the postings, and the indexes that it has dropped; while writes go on. Taken up again where
    /// it was broken off. A job does so by itself, unless it was cancelled.
    pub async fn build_deferred_indexes(
        &self,
        job: &str,
        target: &PostgresIndex,
        note: &dyn Note,
    ) -> Result<(), BackfillError> {
        if target.lacks_postings().await? {
            note.say("building the postings from the documents, while writes go on");
            while !target.build_postings().await? {
                sleep(LOOK).await;
            }
        }
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
