//! The next page, read and made ready while the one before is written: as a task of its own, so that it has another core.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{BackfillError, copy::Worker, lease::Lease, page::Ready, source::Shard};
use crate::backend::postgres::LoadSettings;

/// Which page is read.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    job: String,
    shard: Shard,
    cursor: Option<String>,
    rows: u32,
    row_version: i64,
    settings: Arc<LoadSettings>,
}

/// A page that is being read. Dropping it gives that up.
#[derive(Debug)]
pub(super) struct Ahead(JoinSet<Result<Ready, BackfillError>>);

impl Wanted {
    /// The page after a cursor.
    pub(super) fn after(lease: &Lease, cursor: Option<String>, settings: &Arc<LoadSettings>) -> Self {
        Self {
            job: lease.job.clone(),
            shard: lease.shard.clone(),
            cursor,
            rows: lease.rows,
            row_version: lease.row_version,
            settings: settings.clone(),
        }
    }

    /// Reads it on another task.
    pub(super) fn ahead(self, worker: &Worker) -> Ahead {
        let (mut task, worker) = (JoinSet::new(), worker.clone());
        task.spawn(async move { self.read(&worker).await });
        Ahead(task)
    }

    /// Reads it; a source that is away is waited for.
    async fn read(&self, worker: &Worker) -> Result<Ready, BackfillError> {
        let mut patience = worker.patience(&self.job);
        let read = loop {
            match worker.source.read(&self.shard, self.cursor.as_deref(), self.rows as usize).await {
                Ok(read) => break read,
                Err(error) => patience.after(error).await?,
            }
        };
        Ok(Ready::new(read, &self.settings, self.row_version).await?)
    }
}

impl Ahead {
    /// The page, when it has been read.
    pub(super) async fn page(mut self) -> Result<Ready, BackfillError> {
        match self.0.join_next().await {
            Some(Ok(page)) => page,
            Some(Err(_)) | None => Err(BackfillError::Panicked),
        }
    }
}
