//! All that runs in the background, as one future.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, future::BoxFuture};
use tokio_util::sync::CancellationToken;

use crate::{
    dual_write::{DualWriteWorker, WritesDrained},
    opaque::opaque_debug,
    shadow::{Drained, ShadowWorker},
    telemetry,
};

/// All that runs in the background. Does nothing until [`run`](Self::run).
#[must_use = "without a running worker every sampled read is dropped, and the other side is not written"]
pub struct Worker {
    pub(super) shadow: ShadowWorker,
    pub(super) writes: Option<DualWriteWorker>,
    pub(super) tasks: Vec<Task>,
}

pub(super) type Task = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// What was left when a [`Worker`] stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Shadow reads.
    pub shadow: Drained,
    /// Writes; `None` without a journal.
    pub writes: Option<WritesDrained>,
}

impl Worker {
    /// Runs everything until `stop`, then drains: first shadow reads and writes, then what records them.
    pub async fn run(self, stop: CancellationToken) -> Stopped {
        let stop_tasks = CancellationToken::new();
        let tasks = self.tasks.into_iter().map(|task| alone(task, stop_tasks.clone()));
        let tasks = futures_util::future::join_all(tasks);
        let writes = async {
            match self.writes {
                Some(writes) => Some(writes.run(stop.cancelled()).await),
                None => None,
            }
        };
        let work = async {
            let drained = tokio::join!(self.shadow.run(stop.cancelled()), writes);
            // All layers may be gone before the program stops; what runs along goes on.
            stop.cancelled().await;
            stop_tasks.cancel();
            drained
        };
        let ((shadow, writes), _) = tokio::join!(work, tasks);
        tracing::info!(finished = shadow.finished, abandoned = shadow.abandoned, "shadow reads drained");
        Stopped { shadow, writes }
    }
}

/// Runs a task so that its panic stops nobody else: a broken log must not keep the flags from being followed.
async fn alone(task: Task, stop: CancellationToken) {
    if AssertUnwindSafe(async { task(stop).await }).catch_unwind().await.is_err() {
        telemetry::worker_panicked();
        tracing::error!("a task that the worker runs along panicked; the others go on without it");
    }
}

opaque_debug!(Worker);
