//! Documents that several requests write to PostgreSQL at the same time go there as one batch, as they do into the journal: a
//! transaction of eight documents costs little more than one of one.
//!
//! Whoever gets the turn writes for all who wait, and nobody waits for others to come. Where a batch fails, each writes
//! by itself, and so does who has waited long for the turn: one document harms none of its neighbours. Writing the same version
//! once more changes nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::FutureExt;
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::yield_now,
    time::{Duration, sleep, timeout},
};

use super::{super::shared::Shared, carried::Carried};
use crate::{
    backend::write::{Applied, TargetWrite, WrittenBy},
    error::{BackendError, BackendErrorKind, Side},
    telemetry,
};

/// Batches that are written at a time.
const TURNS: usize = 1;
/// How often those that can run let others in before they take what waits: the journal answers several at the same moment.
const LETS_IN: usize = 2;
/// How long a write waits for others. Somebody may hold the row of one of them.
const PATIENCE: Duration = Duration::from_millis(100);

/// Requests that wait for a turn.
pub(in super::super) struct Together {
    /// By index.
    waiting: Mutex<BTreeMap<Arc<str>, VecDeque<Waiting>>>,
    turns: Arc<Semaphore>,
    numbers: AtomicU64,
}

struct Waiting {
    number: u64,
    writes: Vec<TargetWrite>,
    told: oneshot::Sender<Told>,
}

/// What became of the documents of one request; nothing if it has to write them by itself.
type Told = Option<Result<Vec<Applied>, BackendError>>;

impl Default for Together {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turns: Arc::new(Semaphore::new(TURNS)), numbers: AtomicU64::new(0) }
    }
}

impl Together {
    fn enter(&self, index: &Arc<str>, writes: Vec<TargetWrite>) -> (u64, oneshot::Receiver<Told>) {
        let (told, hears) = oneshot::channel();
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(index.clone()).or_default().push_back(Waiting { number, writes, told });
        (number, hears)
    }

    /// Takes one back; not if it is being written.
    fn withdraw(&self, index: &Arc<str>, number: u64) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = waiting.get_mut(index) else { return false };
        let place = queue.iter().position(|waiting| waiting.number == number);
        place.and_then(|place| queue.remove(place)).is_some()
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
    let (number, mut hears) = shared.together.enter(index, writes.clone());
    let told = loop {
        select! {
            biased;
            told = &mut hears => break told,
            Ok(turn) = shared.together.turns.clone().acquire_owned() => {
                for _ in 0..LETS_IN {
                    yield_now().await;
                }
                let batch = shared.together.take(index, shared.policy.batch);
                if batch.is_empty() {
                    // Somebody else is writing them already.
                    drop(turn);
                    break hears.await;
                }
                Carried::new(shared.clone(), lead(shared.clone(), index.clone(), batch, turn)).await;
            }
            () = sleep(PATIENCE) => {
                if shared.together.withdraw(index, number) {
                    break Ok(None);
                }
                break hears.await;
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
            for Waiting { writes, told, .. } in batch {
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
