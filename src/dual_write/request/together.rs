//! Documents that several requests write to PostgreSQL at the same time go there as one batch, as they do into the journal: a
//! transaction of eight documents costs little more than one of one.
//!
//! Whoever gets a turn writes for all who wait, and nobody waits for others to come. Where a batch fails, each writes by itself, so
//! that one document harms none of its neighbours; writing the same version once more changes nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt;
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use super::{super::shared::Shared, carried::Carried};
use crate::{
    backend::write::{Applied, TargetWrite, WrittenBy},
    error::{BackendError, BackendErrorKind, Side},
    telemetry,
};

/// Batches that are written at a time.
const TURNS: usize = 2;

/// Requests that wait for a turn.
pub(in super::super) struct Together {
    /// By index.
    waiting: Mutex<BTreeMap<Arc<str>, VecDeque<Waiting>>>,
    turns: Arc<Semaphore>,
}

struct Waiting {
    writes: Vec<TargetWrite>,
    told: oneshot::Sender<Told>,
}

/// What became of the documents of one request; nothing if it has to write them by itself.
type Told = Option<Result<Vec<Applied>, BackendError>>;

impl Default for Together {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turns: Arc::new(Semaphore::new(TURNS)) }
    }
}

impl Together {
    fn enter(&self, index: &Arc<str>, writes: Vec<TargetWrite>) -> oneshot::Receiver<Told> {
        let (told, hears) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(index.clone()).or_default().push_back(Waiting { writes, told });
        hears
    }

    /// Takes those who came first, up to so many documents, but at least one of them. Those who have gone are left out: somebody
    /// else may be writing their documents by now.
    fn take(&self, index: &Arc<str>, most: usize) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = waiting.get_mut(index) else { return Vec::new() };
        let (mut taken, mut documents) = (Vec::new(), 0);
        while let Some(next) = queue.front() {
            documents += next.writes.len();
            if documents > most && !taken.is_empty() {
                break;
            }
            taken.extend(queue.pop_front().filter(|next| !next.told.is_closed()));
        }
        if queue.is_empty() {
            waiting.remove(index);
        }
        taken
    }
}

/// Writes documents of one index that the caller has locked.
pub(super) async fn write(
    shared: &Arc<Shared>,
    index: &Arc<str>,
    writes: Vec<TargetWrite>,
) -> Result<Vec<Applied>, BackendError> {
    let mut hears = shared.together.enter(index, writes.clone());
    let told = loop {
        select! {
            biased;
            told = &mut hears => break told,
            Ok(turn) = shared.together.turns.clone().acquire_owned() => {
                let batch = shared.together.take(index, shared.policy.batch);
                if batch.is_empty() {
                    // Somebody else is writing them already.
                    drop(turn);
                    break hears.await;
                }
                Carried::new(shared.clone(), lead(shared.clone(), index.clone(), batch, turn)).await;
            }
        }
    };
    match told {
        Ok(Some(applied)) => applied,
        Ok(None) | Err(_) => shared.target.write(index, by(shared), &writes).await,
    }
}

/// Writes for all of a batch, and tells them.
async fn lead(shared: Arc<Shared>, index: Arc<str>, batch: Vec<Waiting>, turn: OwnedSemaphorePermit) {
    let writes: Vec<TargetWrite> = batch.iter().flat_map(|waiting| waiting.writes.iter().cloned()).collect();
    let writing = AssertUnwindSafe(shared.target.write(&index, by(&shared), &writes)).catch_unwind();
    let failed = |kind| Err(BackendError::new(Side::Pg, kind, "writing documents"));
    // Nobody else gives it up: it may be the worker's by now.
    let written = match timeout(shared.policy.deadline, writing).await {
        Ok(Ok(written)) => written,
        Ok(Err(_panic)) => failed(BackendErrorKind::Panic),
        Err(_elapsed) => failed(BackendErrorKind::Timeout),
    };
    match written {
        Ok(applied) => {
            let mut applied = applied.into_iter();
            for Waiting { writes, told } in batch {
                // Whoever waited may have gone.
                let _ = told.send(Some(Ok(applied.by_ref().take(writes.len()).collect())));
            }
        }
        Err(error) => match <[Waiting; 1]>::try_from(batch) {
            Ok([one]) => drop(one.told.send(Some(Err(error)))),
            Err(batch) => {
                telemetry::dual_write_failed(Side::Pg, error.kind().as_str());
                telemetry::dual_write_retried(Side::Pg, writes.len() as u64);
                batch.into_iter().for_each(|waiting| drop(waiting.told.send(None)));
            }
        },
    }
    drop(turn);
}

fn by(shared: &Shared) -> WrittenBy {
    WrittenBy { writer: shared.writer, authority: Side::Pg }
}
