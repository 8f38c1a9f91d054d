//! One worker: takes shards and copies them, chunk by chunk. While a chunk is written, the next one is read and made ready.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    BackfillError, JobStatus,
    ahead::Wanted,
    chunk,
    lease::{Committed, Lease},
    page::Ready,
    patience::Patience,
    source::BackfillSource,
    throttle::{Brake, Go},
    write,
};
use crate::{
    backend::postgres::{LoadFailure, LoadSettings, PostgresIndex},
    store::Store,
};

/// A worker; what it shares with the others of its process.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) store: Store,
    pub(super) target: PostgresIndex,
    pub(super) source: Arc<dyn BackfillSource>,
    pub(super) brake: Arc<Brake>,
    /// How long a server may be away.
    pub(super) patience: Duration,
    /// Whether to fold what was copied into the postings as it goes.
    pub(super) fold: bool,
    pub(super) stop: CancellationToken,
}

/// Why a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// No shard is left, or all that are left are done by now.
    NothingLeft,
    /// The job does not run any more.
    Not(JobStatus),
    /// This process is to stop.
    Stopped,
}

/// Why a shard was left.
enum Left {
    Done,
    Fenced,
    TooSlow,
    Not(JobStatus),
    Stopped,
}

impl Worker {
    pub(super) async fn run(self, job: String) -> Result<Ended, BackfillError> {
        let owner = format!("{:016x}", rand::random::<u64>());
        loop {
            if self.stop.is_cancelled() {
                return Ok(Ended::Stopped);
            }
            let mut patience = self.patience(&job);
            let taken = loop {
                match Lease::take(&self.store, &job, &owner).await {
                    Ok(taken) => break taken,
                    Err(error) => patience.after(error).await?,
                }
            };
            let Some(mut lease) = taken else {
                let mut patience = self.patience(&job);
                let (status, left, free) = loop {
                    match Lease::left(&self.store, &job).await {
                        Ok(left) => break left,
                        Err(error) => patience.after(error).await?,
                    }
                };
                if left == 0 {
                    return Ok(Ended::NothingLeft);
                }
                if status != JobStatus::Running {
                    return Ok(Ended::Not(status));
                }
                // Others have them: one of those may die.
                let wait = free.clamp(Duration::from_millis(20), Duration::from_millis(500));
                let _ = self.stop.run_until_cancelled(sleep(wait)).await;
                continue;
            };
            match self.copy(&mut lease).await {
                Ok(Left::Done | Left::Fenced) => {}
                ended => {
                    // So that nobody waits for its end; whoever comes next goes on at the checkpoint.
                    if let Err(error) = lease.release(&self.store).await {
                        tracing::debug!(%error, "a shard could not be released; its lease runs out by itself");
                    }
                    match ended? {
                        Left::Not(status) => return Ok(Ended::Not(status)),
                        Left::Stopped => return Ok(Ended::Stopped),
                        Left::Done | Left::Fenced | Left::TooSlow => {}
                    }
                }
            }
        }
    }

    /// Copies a shard to its end.
    async fn copy(&self, lease: &mut Lease) -> Result<Left, BackfillError> {
        let mut settings = Arc::new(self.settings(lease).await?);
        let first = Wanted::after(lease, lease.cursor.clone(), &settings).ahead(self);
        let mut page = match self.held(lease, first.page()).await? {
            Ok(page) => page,
            Err(left) => return Ok(left),
        };
        loop {
            if self.stop.is_cancelled() {
                return Ok(Left::Stopped);
            }
            let job = lease.job.clone();
            let mut patience = self.patience(&job);
            let go = loop {
                match self.brake.hold(lease, page.len()).await {
                    Ok(go) => break go,
                    Err(error) => patience.after(error).await?,
                }
            };
            match go {
                Go::On => {}
                Go::Not(status) => return Ok(Left::Not(status)),
                Go::Fenced => return Ok(Left::Fenced),
                Go::Stopped => return Ok(Left::Stopped),
            }
            let begun = Instant::now();
            let next_cursor = page.cursor.clone().or_else(|| lease.cursor.clone());
            let following = (!page.end).then(|| Wanted::after(lease, next_cursor.clone(), &settings).ahead(self));
            let written = timeout_at(lease.deadline(), self.write(lease, &page)).await;
            let took = begun.elapsed();
            let committed = match written {
                Ok(Ok(Some(committed))) => committed,
                // The settings have changed: all that was made ready is outdated.
                Ok(Ok(None)) => {
                    settings = Arc::new(self.settings(lease).await?);
                    let again = Wanted::after(lease, lease.cursor.clone(), &settings).ahead(self);
                    match self.held(lease, again.page()).await? {
                        Ok(again) => page = again,
                        Err(left) => return Ok(left),
                    }
                    continue;
                }
                Ok(Err(error)) => return Err(error),
                Err(_elapsed) => {
                    if lease.rows == 1 {
                        return Err(BackfillError::GaveUp {
                            job: lease.job.clone(),
                            seconds: took.as_secs_f64(),
                            why: "one row takes longer to write than three quarters of the lease".to_owned(),
                        });
                    }
                    lease.rows = chunk::smaller(lease.rows);
                    tracing::warn!(shard = lease.shard.key, rows = lease.rows, "a chunk took too long for its lease");
                    // Whether it was committed after all shows the checkpoint, where whoever takes the shard next begins.
                    return Ok(Left::TooSlow);
                }
            };
            let Committed::Yes { status, failed, allowed } = committed else { return Ok(Left::Fenced) };
            lease.committed(begun);
            lease.rows = chunk::next(lease.rows, page.len(), page.rows.columns.bytes(), took, lease.chunk);
            lease.cursor = next_cursor;
            if failed > allowed {
                return Err(BackfillError::TooManyFailed { job: lease.job.clone(), failed, allowed });
            }
            if self.fold {
                self.target.fold_many().await;
            }
            match following {
                None => return Ok(Left::Done),
                _ if status != JobStatus::Running => return Ok(Left::Not(status)),
                Some(following) => match self.held(lease, following.page()).await? {
                    Ok(following) => page = following,
                    Err(left) => return Ok(left),
                },
            }
            let pause = self.brake.pause_after(took).min(lease.breath());
            if !pause.is_zero() {
                let _ = self.stop.run_until_cancelled(sleep(pause)).await;
            }
        }
    }

    /// Waits for a page, and holds the lease meanwhile: to sort a large query may take longer than that lasts.
    async fn held(
        &self,
        lease: &mut Lease,
        page: impl Future<Output = Result<Ready, BackfillError>>,
    ) -> Result<Result<Ready, Left>, BackfillError> {
        let mut page = pin!(page);
        loop {
            let waited = self.stop.run_until_cancelled(timeout(lease.breath(), &mut page)).await;
            let Some(waited) = waited else { return Ok(Err(Left::Stopped)) };
            // It may have come just before the end of the lease.
            let renew = waited.is_err() || lease.is_short();
            if renew && self.renewed(lease).await == Some(false) {
                return Ok(Err(Left::Fenced));
            }
            if let Ok(page) = waited {
                return page.map(Ok);
            }
        }
    }

    /// Whether the lease is held still; `None` if that cannot be told just now.
    async fn renewed(&self, lease: &mut Lease) -> Option<bool> {
        match lease.renew(&self.store).await {
            Ok(status) => Some(status.is_some()),
            Err(error) => {
                tracing::debug!(%error, "a lease could not be renewed");
                None
            }
        }
    }

    /// Writes a page; what may come through is tried again, and a page that is refused is taken apart. `None`: the settings have
    /// changed since it was made ready.
    async fn write(&self, lease: &Lease, page: &Ready) -> Result<Option<Committed>, BackfillError> {
        let (mut patience, mut refused) = (self.patience(&lease.job), false);
        loop {
            let attempt = match refused {
                false => write::write(&self.target, lease, page, lease.rows).await,
                true => write::write_apart(&self.target, lease, page, lease.rows).await,
            };
            match attempt {
                Ok(committed) => return Ok(Some(committed)),
                Err(LoadFailure::Outdated) => return Ok(None),
                Err(LoadFailure::Rejected(_)) if !refused => refused = true,
                Err(failure) => patience.after(failure.into_error()).await?,
            }
        }
    }

    async fn settings(&self, lease: &Lease) -> Result<LoadSettings, BackfillError> {
        let mut patience = self.patience(&lease.job);
        loop {
            match self.target.load_settings().await {
                Ok(settings) => return Ok(settings),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    pub(super) fn patience<'a>(&'a self, job: &'a str) -> Patience<'a> {
        Patience::new(job, self.patience, &self.stop)
    }
}
