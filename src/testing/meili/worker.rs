//! Runs tasks in their order, one batch at a time.

use std::sync::Arc;

use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use super::{
    apply::apply,
    batch::{self, Waiting},
    error::ApiError,
    fault::TaskFault,
    state::Shared,
    task::Work,
};

/// A task whose turn has come, and what is to go wrong with it.
type Begun = (usize, Work, Option<TaskFault>);

/// Runs for ever.
pub(super) async fn work(shared: Arc<Shared>) {
    loop {
        match take(&shared) {
            batch if batch.is_empty() => shared.wake.notified().await,
            batch => run(&shared, batch).await,
        }
    }
}

/// The next batch, now processing.
fn take(shared: &Shared) -> Vec<Waiting> {
    // The order of locks is that of `enqueue`.
    let mut data = shared.write();
    let mut queue = shared.queue();
    if queue.paused {
        return Vec::new();
    }
    let batch = batch::next(&mut data, &mut queue.waiting);
    let number = data.batches;
    data.batches += usize::from(!batch.is_empty());
    for (uid, _) in &batch {
        if let Some(task) = data.task(*uid) {
            task.start(number);
        }
    }
    batch
}

async fn run(shared: &Arc<Shared>, batch: Vec<Waiting>) {
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
    let begun = {
        let mut queue = shared.queue();
        batch.into_iter().map(|(uid, work)| (uid, work, queue.faults.pop_front())).collect()
    };
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || finish(&shared, begun)).await;
    if let Err(error) = done {
        tracing::error!(%error, "a batch of the Meilisearch double panicked");
    }
}

fn finish(shared: &Shared, batch: Vec<Begun>) {
    let index = batch.first().and_then(|(uid, ..)| shared.write().task(*uid).map(|task| task.index.clone()));
    let Some(index) = index else { return };
    let is_done = |fault: &Option<TaskFault>| matches!(fault, None | Some(TaskFault::Vanish));
    let carried_out = batch.iter().filter(|(.., fault)| is_done(fault)).map(|(_, work, _)| work);
    let mut together = batch::check(&shared.read(), &index, carried_out);
    if shared.queue().tells_nothing {
        together = together.map_err(ApiError::untold);
    }
    let mut ended = Vec::with_capacity(batch.len());
    for (uid, work, fault) in batch {
        let outcome = match &fault {
            None | Some(TaskFault::Vanish) => together.clone().and_then(|()| apply(shared, &index, work)),
            Some(TaskFault::Fail { code }) => {
                Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, code.clone(), "A scripted failure."))
            }
            Some(TaskFault::Cancel | TaskFault::VanishUndone) => Ok(0),
        };
        ended.push((uid, fault, outcome));
    }
    let mut data = shared.write();
    for (uid, fault, outcome) in ended {
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
}
