//! What the layers and the worker share.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{Notify, OnceCell, Semaphore, oneshot},
    time::Instant,
};

use super::{
    DualWriteLayer, DualWritePolicy, lanes::Lanes, pace::Pace, quiet::Quiet, request::Together, suspects::Suspects,
};
use crate::{
    backend::{
        Settlement,
        write::{TargetWriter, Writer},
    },
    document::{DocumentId, Version},
    journal::{Deed, Intent, Journal, JournalError, Outcome, Seq, Status},
    plan::{Plan, PlanHandle, WriteMode},
};

/// Outcomes of writes that are recorded after their answer, at a time.
const MOST_HANDED_OVER: usize = 256;

/// Makes layers that share one journal and one worker. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct DualWrites {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) plan: PlanHandle,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) target: Arc<dyn TargetWriter>,
    pub(super) policy: DualWritePolicy,
    pub(super) lanes: Lanes,
    pub(super) together: Together,
    pub(super) suspects: Suspects,
    pub(super) pace: Pace,
    /// Who this process is to PostgreSQL: what it writes for requests, in the order of the lanes, and what it repairs.
    pub(super) writer: Writer,
    pub(super) repairer: Writer,
    /// Whether the clock is above what was written before the start.
    clock_is_set: OnceCell<()>,
    /// Rung when there is something new to do, once for each loop of the worker.
    pub(super) work: [Notify; 3],
    /// Operations of the journal whose request has gone: the worker ends them. `None` once the worker has gone too.
    orphans: Mutex<Option<Vec<BoxFuture<'static, ()>>>>,
    pub(super) orphaned: Notify,
    /// Room for what is handed over to the worker.
    handed_over: Arc<Semaphore>,
    waiting: Mutex<BTreeMap<Seq, oneshot::Sender<()>>>,
    /// Writes that were journaled, and how many of them are known to owe Meilisearch nothing.
    begun: AtomicU64,
    cleared: AtomicU64,
    under_way: AtomicU64,
    /// Since when no write has been under way.
    pub(super) quiet: Quiet,
}

/// A journaled write that is under way, and in which index.
pub(super) struct UnderWay(Arc<Shared>, Arc<str>);

impl DualWrites {
    pub(super) fn new(
        plan: PlanHandle,
        journal: Arc<dyn Journal>,
        target: Arc<dyn TargetWriter>,
        policy: DualWritePolicy,
    ) -> Self {
        let shared = Shared {
            plan,
            journal,
            target,
            lanes: Lanes::default(),
            together: Together::default(),
            suspects: Suspects::default(),
            pace: Pace::default(),
            writer: Writer(rand::random()),
            repairer: Writer(rand::random()),
            clock_is_set: OnceCell::new(),
            work: Default::default(),
            orphans: Mutex::new(Some(Vec::new())),
            orphaned: Notify::new(),
            handed_over: Arc::new(Semaphore::new(MOST_HANDED_OVER)),
            waiting: Mutex::default(),
            // The journal may hold something from before the start: it is looked at before anything passes by.
            begun: AtomicU64::new(1),
            cleared: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            quiet: Quiet::default(),
            policy,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The layer for a write path that speaks what `codec` reads.
    pub fn layer<C>(&self, codec: C) -> DualWriteLayer<C> {
        DualWriteLayer { codec, shared: self.shared.clone() }
    }

    /// The journal.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.shared.journal
    }

    /// How long writes to both sides have taken their callers since this was last asked, on average; `None` if there were
    /// none. For the throttle of a backfill.
    pub fn recent_latency(&self) -> Option<Duration> {
        self.shared.pace.take()
    }

    /// Has the worker compare documents and copy what is right: what stands in PostgreSQL, if it has decided that and under
    /// this version or a newer one; else what stands in Meilisearch. Returns when that is recorded.
    pub async fn resync(&self, index: &Arc<str>, documents: &[(DocumentId, Version)]) -> Result<(), JournalError> {
        let authority = self.shared.plan.load().authority();
        let intent = |(id, version): &(DocumentId, Version)| Intent {
            index: Arc::clone(index),
            id: id.clone(),
            version: *version,
            explicit: false,
            deed: Deed::Resync,
            authority,
        };
        let intents: Vec<Intent> = documents.iter().map(intent).collect();
        self.shared.journal.append(&intents, Outcome::Accepted(None)).await?;
        self.shared.ring();
        Ok(())
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

/// Whether writes of this process are under way in an index, or the journal holds any. Those of replicas with journals of their
/// own are not seen.
impl Settlement for DualWrites {
    fn settled<'a>(&'a self, index: Option<&'a str>, since: Instant) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async move {
            let index = index.or(self.shared.policy.default_index.as_deref());
            Some(self.shared.quiet.since(index).is_some_and(|quiet| quiet <= since))
        })
    }
}

impl Shared {
    /// Sets the clock above every version that was written before the start: the machine's may have been set back since.
    pub(super) async fn set_clock(&self) -> Result<(), JournalError> {
        let set = async || {
            let highest = self.journal.highest_version().await?;
            self.policy.clock.observe(highest);
            Ok(())
        };
        self.clock_is_set.get_or_try_init(set).await.copied()
    }

    /// Whether a write goes to the wrapped service and nowhere else.
    #[inline]
    pub(super) fn passes_by(&self, plan: &Plan) -> bool {
        plan.flags.write_mode == WriteMode::MeiliOnly && !self.owes_meili()
    }

    /// Whether an older write may still be on its way to Meilisearch: one that is not journaled could be overwritten by it.
    #[inline]
    fn owes_meili(&self) -> bool {
        self.begun.load(Ordering::Acquire) != self.cleared.load(Ordering::Relaxed)
    }

    pub(super) fn begin(self: &Arc<Self>, index: &Arc<str>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.quiet.begin(index);
        UnderWay(self.clone(), index.clone())
    }

    /// Takes a look at the journal that began when `begun` writes had begun.
    pub(super) fn looked(&self, begun: u64, status: &Status) {
        if self.under_way.load(Ordering::Acquire) > 0 || self.begun.load(Ordering::Acquire) != begun {
            return;
        }
        if status.asked == 0 && status.meili == 0 {
            self.cleared.store(begun, Ordering::Relaxed);
        }
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// There is something to do.
    pub(super) fn ring(&self) {
        for work in &self.work {
            work.notify_one();
        }
    }

    /// Leaves something to the worker that must be brought to its end. Without a worker it is given up, and the journal finds
    /// out after a restart: what nobody polls might have its turn there for good.
    pub(super) fn leave(&self, operation: BoxFuture<'static, ()>) {
        // Dropped only here: it may leave something itself.
        let _given_up = self.give(operation);
    }

    /// Leaves something to the worker that nobody has to wait for. Gives it back where there is no worker, or it has many of
    /// them already: then it falls behind, and those who write have to wait for it.
    pub(super) fn hand_over(
        &self,
        operation: impl Future<Output = ()> + Send + 'static,
    ) -> Option<BoxFuture<'static, ()>> {
        let Ok(place) = self.handed_over.clone().try_acquire_owned() else { return Some(Box::pin(operation)) };
        self.give(Box::pin(async move {
            operation.await;
            drop(place);
        }))
    }

    fn give(&self, operation: BoxFuture<'static, ()>) -> Option<BoxFuture<'static, ()>> {
        let mut orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(orphans) = &mut *orphans else { return Some(operation) };
        orphans.push(operation);
        self.orphaned.notify_one();
        None
    }

    pub(super) fn take_orphans(&self) -> Vec<BoxFuture<'static, ()>> {
        let mut orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        orphans.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Nobody ends orphans any more.
    pub(super) fn abandon_orphans(&self) {
        let orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(orphans);
    }

    /// Told when the other side stands.
    pub(super) fn wait_for(&self, seqs: &[Seq]) -> Vec<oneshot::Receiver<()>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Of those that gave up.
        waiting.retain(|_, sender| !sender.is_closed());
        let wait = |seq: &Seq| {
            let (sender, receiver) = oneshot::channel();
            waiting.insert(*seq, sender);
            receiver
        };
        seqs.iter().map(wait).collect()
    }

    pub(super) fn stands(&self, seq: Seq) {
        let waiter = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&seq);
        if let Some(waiter) = waiter {
            // It may just have given up.
            let _ = waiter.send(());
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
        self.0.quiet.end(&self.1);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("plan", &self.plan).field("policy", &self.policy).finish_non_exhaustive()
    }
}
