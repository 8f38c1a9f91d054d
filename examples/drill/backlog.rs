//! Waiting for the journal: what it holds is not yet known to stand on both sides.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use crossfade::journal::{Journal, Status};

use crate::output::Progress;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long the journal may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(5);

pub struct Backlog<'a> {
    pub journal: &'a Arc<dyn Journal>,
    pub progress: &'a Progress,
}

impl Backlog<'_> {
    /// Writes that wait.
    pub async fn pending(&self) -> Result<u64> {
        Ok(self.journal.status().await?.pending)
    }

    /// Waits until all that was written before `moment` stands on both sides; how long that took from then on.
    pub async fn caught_up(&self, moment: Instant) -> Result<Duration> {
        let mut age = moment.elapsed();
        self.wait("catching up", |status| {
            // Of the moment before this status was asked for.
            let since = std::mem::replace(&mut age, moment.elapsed());
            status.oldest_seconds.is_none_or(|oldest| oldest < since.as_secs_f64())
        })
        .await?;
        Ok(moment.elapsed())
    }

    /// Waits until nothing is left to be done.
    pub async fn empty(&self) -> Result<Duration> {
        let started = Instant::now();
        self.wait("the journal drains", |status| status.pending == 0).await?;
        Ok(started.elapsed())
    }

    async fn wait(&self, what: &str, mut done: impl FnMut(&Status) -> bool) -> Result<()> {
        let started = Instant::now();
        let mut line = self.progress.line();
        loop {
            let status = self.journal.status().await?;
            if done(&status) {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("{what}: not done after {PATIENCE:?}; {status:?}").into());
            }
            let Status { pending, meili, pg, reconcile, .. } = status;
            let oldest = status.oldest_seconds.unwrap_or_default();
            line.show(&format!(
                "{what}: {pending} pending (meili {meili}, pg {pg}, reconcile {reconcile}), oldest {oldest:.1} s"
            ));
            tokio::time::sleep(EVERY).await;
        }
    }
}
