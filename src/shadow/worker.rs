//! The bounded background half of the shadow: everything that may be slow, fail or panic happens here.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    ShadowPolicy, noise,
    pair::{Deadlines, Job},
};
use crate::{
    backend::{SearchBackend, Settlement},
    error::Side,
    opaque::opaque_debug,
    search::SearchQuery,
};

/// Runs shadow reads. Made by [`pair`](super::pair()); does nothing until [`run`](Self::run).
#[must_use = "without a running worker every sampled read is dropped"]
pub struct ShadowWorker {
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) sides: Sides,
    pub(super) policy: ShadowPolicy,
}

/// What a worker left behind when it stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Pairs finished after the stop.
    pub finished: usize,
    /// Pairs given up, each recorded as `dropped_shutdown`.
    pub abandoned: usize,
}

/// The two sides as the worker asks them.
#[derive(Clone)]
pub(super) struct Sides {
    pub(super) meili: Arc<dyn SearchBackend>,
    pub(super) pg: Arc<dyn SearchBackend>,
    pub(super) settlement: Option<Arc<dyn Settlement>>,
}

impl ShadowWorker {
    /// Works until `stop` resolves, then takes nothing more, gives the pairs under way
    /// [`drain`](ShadowPolicy::drain) to finish and abandons the rest.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Drained {
        let mut stop = std::pin::pin!(stop);
        let mut pairs = JoinSet::new();
        let deadlines = Deadlines { shadow: self.policy.deadline, primary: self.policy.primary_deadline };
        let places = Arc::new(Semaphore::new(self.policy.concurrency.max(1)));
        let most = self.policy.concurrency.max(1).saturating_mul(SETTLING);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(_ended) = pairs.join_next(), if !pairs.is_empty() => {}
                next = next(&places, &mut self.jobs), if pairs.len() < most => match next {
                    Some((place, job)) => {
                        if let Some(job) = job.unless_late(self.policy.max_queue_wait) {
                            let twice = noise::drawn(self.policy.noise_share);
                            pairs.spawn(job.run(place, self.sides.clone(), deadlines, twice));
                        }
                    }
                    None => break,
                },
            }
        }
        self.jobs.close();
        let mut drained = Drained { finished: 0, abandoned: 0 };
        while let Ok(job) = self.jobs.try_recv() {
            drop(job);
            drained.abandoned += 1;
        }
        let finish = async {
            while pairs.join_next().await.is_some() {
                drained.finished += 1;
            }
        };
        if timeout(self.policy.drain, finish).await.is_err() {
            drained.abandoned += pairs.len();
            pairs.shutdown().await;
        }
        drained
    }
}

/// The next job, once there is a place for it. Cancelling it loses neither.
async fn next(places: &Arc<Semaphore>, jobs: &mut mpsc::Receiver<Job>) -> Option<(OwnedSemaphorePermit, Job)> {
    let place = places.clone().acquire_owned().await.ok()?;
    Some((place, jobs.recv().await?))
}

impl Sides {
    pub(super) fn get(&self, side: Side) -> &dyn SearchBackend {
        match side {
            Side::Meili => &*self.meili,
            Side::Pg => &*self.pg,
        }
    }

    /// Whether no write to the queried index has been under way since then; unknown if nobody can tell, or not in time.
    pub(super) async fn settled(&self, query: &SearchQuery, since: Instant) -> Option<bool> {
        let settlement = self.settlement.as_ref()?;
        timeout(SETTLEMENT_DEADLINE, settlement.settled(query.index.as_deref(), since)).await.ok().flatten()
    }
}

/// Pairs in all, for each that may be asked at a time: those that have been answered and wait to know whether writes were
/// under way hold no place.
const SETTLING: usize = 8;
/// Knowing is worth less than comparing in time.
const SETTLEMENT_DEADLINE: Duration = Duration::from_millis(250);

opaque_debug!(ShadowWorker);
