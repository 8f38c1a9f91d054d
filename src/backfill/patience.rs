//! Waiting for servers that are away: longer each time, and not for ever.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{BackfillError, source::SourceErrorKind};
use crate::{
    error::{BackendError, BackendErrorKind},
    outbox::pause,
    store::StoreError,
    telemetry,
};

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// The patience of one thing that is tried again and again.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    job: &'a str,
    begun: Instant,
    failures: u32,
    all: Duration,
    stop: &'a CancellationToken,
}

impl<'a> Patience<'a> {
    pub(super) fn new(job: &'a str, all: Duration, stop: &'a CancellationToken) -> Self {
        Self { job, begun: Instant::now(), failures: 0, all, stop }
    }

    /// Waits before the next attempt. Gives the error back if trying again does not help, and another one once patience is over; and the
    /// error at once if the process is to stop.
    pub(super) async fn after(&mut self, error: impl Into<BackfillError>) -> Result<(), BackfillError> {
        let error = error.into();
        if !may_pass(&error) || self.stop.is_cancelled() {
            return Err(error);
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        if seconds > self.all.as_secs_f64() {
            return Err(BackfillError::GaveUp { job: self.job.to_owned(), seconds, why: error.to_string() });
        }
        telemetry::backfill_retried(kind(&error));
        tracing::warn!(%error, job = self.job, "trying again");
        self.failures = self.failures.saturating_add(1);
        let _ = self.stop.run_until_cancelled(sleep(pause(self.failures, LONGEST))).await;
        Ok(())
    }
}

/// What could not be reached.
fn kind(error: &BackfillError) -> &'static str {
    match error {
        BackfillError::Source(_) => "source",
        BackfillError::Target(_) => "target",
        _ => "control",
    }
}

/// Whether it may go right by itself. A full disk does not get emptier.
pub(super) fn may_pass(error: &BackfillError) -> bool {
    match error {
        BackfillError::Store(StoreError::Unreachable { .. }) => true,
        BackfillError::Source(error) => error.kind() == SourceErrorKind::Unavailable,
        BackfillError::Target(error) => {
            matches!(error.kind(), BackendErrorKind::Unavailable | BackendErrorKind::Timeout) && !is_full(error)
        }
        _ => false,
    }
}

/// No room, on the disk or in memory.
fn is_full(error: &BackendError) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<sqlx::Error>());
    let code = cause.and_then(sqlx::Error::as_database_error).and_then(|error| error.code());
    code.is_some_and(|code| matches!(&*code, "53100" | "53200"))
}
