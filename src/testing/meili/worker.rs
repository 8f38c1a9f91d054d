//! Runs tasks, one at a time and in their order.

use std::sync::Arc;

use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use super::{apply::apply, error::ApiError, fault::TaskFault, state::Shared, task::Work};

/// Runs for ever.
pub(super) async fn work(shared: Arc<Shared>) {
    loop {
        match take(&shared) {
            Some((uid, work)) => run(&shared, uid, work).await,
            None => shared.wake.notified().await,
        }
    }
}

/// The next task, now processing.
fn take(shared: &Shared) -> Option<(usize, Work)> {
    // The order of locks is that of `enqueue`.
    let mut data = shared.write();
    let mut queue = shared.queue();
    let (uid, work) = if queue.paused { None } else { queue.waiting.pop_front() }?;
    if let Some(task) = data.task(uid) {
        task.start();
    }
    Some((uid, work))
}

async fn run(shared: &Arc<Shared>, uid: usize, work: Work) {
    let started = Instant::now();
    loop {
        let end = started + shared.queue().duration;
        if end <= Instant::now() {
            break;
        }
        // The duration may be changed meanwhile.
        tokio::select! {
            () = sleep_until(end) => {}
            () = shared.wake.notified() => {}
        }
    }
    let fault = shared.queue().faults.pop_front();
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || finish(&shared, uid, work, fault.as_ref())).await;
    if let Err(error) = done {
        tracing::error!(%error, uid, "a task of the Meilisearch double panicked");
    }
}

fn finish(shared: &Shared, uid: usize, work: Work, fault: Option<&TaskFault>) {
    let Some(index) = shared.write().task(uid).map(|task| task.index.clone()) else {
        return;
    };
    let outcome = match fault {
        None | Some(TaskFault::Vanish) => apply(shared, &index, work),
        Some(TaskFault::Fail { code }) => {
            Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, code.clone(), "A scripted failure."))
        }
        Some(TaskFault::Cancel | TaskFault::VanishUndone) => Ok(0),
    };
    let mut data = shared.write();
    match fault {
        Some(TaskFault::Vanish | TaskFault::VanishUndone) => data.tasks[uid] = None,
        Some(TaskFault::Cancel) => {
            if let Some(task) = data.task(uid) {
                task.cancel();
            }
        }
        None | Some(TaskFault::Fail { .. }) => {
            if let Some(task) = data.task(uid) {
                task.finish(&outcome);
            }
        }
    }
}
