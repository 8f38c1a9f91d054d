//! What requests write to PostgreSQL together while it decides, and what becomes of it when one of them fails or goes away.

use std::{
    future::{Future, pending, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use crossfade::{
    backend::{
        Settlement,
        write::{Applied, Replacement, SourceWriter, Standing, Swept, TargetWrite, TargetWriter, TaskState, WrittenBy},
    },
    codec::{Typed, WriteError, Written},
    document::{Document, DocumentId, Version},
    dual_write::{self, DualWritePolicy, DualWriteWorker, DualWrites},
    error::{BackendError, BackendErrorKind, Side},
    journal::{Journal, memory::MemoryJournal},
    plan::{Flags, PlanHandle, ReadBackend, WriteMode},
    search::FilterInput,
    write::{Action, IndexWrite, TaskId},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

type Answer<'a, T> = BoxFuture<'a, Result<T, BackendError>>;
type Writing = Pin<Box<dyn Future<Output = Result<Written, WriteError>> + Send>>;

/// A PostgreSQL that holds every batch until it is told how it ends.
struct Holding(mpsc::UnboundedSender<Batch>);

struct Batch {
    ids: Vec<String>,
    ends: oneshot::Sender<Result<(), BackendErrorKind>>,
}

/// A Meilisearch on which everything has succeeded.
struct AllDone;

struct Ground {
    service: BoxCloneSyncService<IndexWrite, Written, WriteError>,
    batches: mpsc::UnboundedReceiver<Batch>,
    journal: MemoryJournal,
    writes: DualWrites,
    worker: Option<DualWriteWorker>,
}

impl Ground {
    fn new(policy: DualWritePolicy) -> Self {
        let flags = Flags { write_mode: WriteMode::Dual, read_backend: ReadBackend::Pg, ..Flags::default() };
        let (hold, batches) = mpsc::unbounded_channel();
        let journal = MemoryJournal::default();
        let (writes, worker) = dual_write::pair(
            PlanHandle::fixed(flags),
            Arc::new(journal.clone()),
            Arc::new(AllDone),
            Arc::new(Holding(hold)),
            policy,
        );
        let never = service_fn(|_: IndexWrite| async { Err(WriteError::Busy) });
        let service = BoxCloneSyncService::new(writes.layer(Typed).layer(never));
        Self { service, batches, journal, writes, worker: Some(worker) }
    }

    fn start(&self, id: &str) -> Writing {
        let fields: Document = json!({ "id": id }).as_object().cloned().unwrap();
        Box::pin(self.service.clone().oneshot(IndexWrite::put("i", id, fields)))
    }

    /// A write that waits for others.
    async fn write(&self, id: &str) -> Writing {
        let mut writing = self.start(id);
        assert!(ended(&mut writing).await.is_none(), "it waits for PostgreSQL");
        writing
    }

    /// The batch that is sent once this has the turn.
    async fn next(&mut self, leads: &mut Writing) -> Batch {
        while self.batches.is_empty() {
            assert!(ended(leads).await.is_none(), "it waits for PostgreSQL");
        }
        self.sent().unwrap()
    }

    /// The batch that has been sent, if any has.
    fn sent(&mut self) -> Option<Batch> {
        self.batches.try_recv().ok()
    }

    /// Waits until no write of an index is under way.
    async fn quiet(&self, index: &str) {
        let quiet = async {
            while self.writes.settled(Some(index), Instant::now()).await != Some(true) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(60), quiet).await.unwrap();
    }

    /// A write that is under way: others have to wait.
    async fn full(&mut self) -> (Writing, Batch) {
        let mut writing = self.start("first");
        let batch = self.next(&mut writing).await;
        assert_eq!(batch.ids, ["first"]);
        (writing, batch)
    }
}

/// How a write has ended, if it has. With a budget of its own: a task that does much at a time is held up by tokio.
async fn ended(writing: &mut Writing) -> Option<Result<Written, WriteError>> {
    tokio::task::yield_now().await;
    poll_fn(|cx| match writing.as_mut().poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_written_together_in_its_order_and_up_to_a_limit() {
    let mut ground = Ground::new(DualWritePolicy { batch: 3, ..DualWritePolicy::default() });
    let (first, one) = ground.full().await;
    let mut waiting = Vec::new();
    for id in ["c", "a", "d", "b"] {
        waiting.push(ground.write(id).await);
    }
    assert!(ground.sent().is_none(), "a batch is under way");
    one.ends.send(Ok(())).unwrap();
    first.await.unwrap();
    let batch = ground.next(&mut waiting[0]).await;
    assert_eq!(batch.ids, ["c", "a", "d"]);
    batch.ends.send(Ok(())).unwrap();
    let mut last = waiting.pop().unwrap();
    for writing in waiting {
        writing.await.unwrap();
    }
    let batch = ground.next(&mut last).await;
    assert_eq!(batch.ids, ["b"]);
    batch.ends.send(Ok(())).unwrap();
    last.await.unwrap();
    assert!(ground.sent().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_refused_harms_none_of_its_neighbours() {
    let mut ground = Ground::new(DualWritePolicy::default());
    let (first, one) = ground.full().await;
    let (mut bad, mut good) = (ground.write("bad").await, ground.write("good").await);
    one.ends.send(Ok(())).unwrap();
    first.await.unwrap();
    let batch = ground.next(&mut bad).await;
    assert_eq!(batch.ids, ["bad", "good"]);
    batch.ends.send(Err(BackendErrorKind::Rejected)).unwrap();
    assert!(ended(&mut bad).await.is_none() && ended(&mut good).await.is_none());
    let (bad_alone, good_alone) = (ground.sent().unwrap(), ground.sent().unwrap());
    assert_eq!([&*bad_alone.ids, &*good_alone.ids], [["bad"], ["good"]]);
    bad_alone.ends.send(Err(BackendErrorKind::Rejected)).unwrap();
    good_alone.ends.send(Ok(())).unwrap();
    assert!(matches!(bad.await, Err(WriteError::Failed(error)) if error.kind() == BackendErrorKind::Rejected));
    good.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_while_it_writes_for_others_leaves_them_their_answer() {
    let mut ground = Ground::new(DualWritePolicy::default());
    tokio::spawn(ground.worker.take().unwrap().run(pending()));
    let (first, one) = ground.full().await;
    let (mut leads, other) = (ground.write("leads").await, ground.write("other").await);
    one.ends.send(Ok(())).unwrap();
    first.await.unwrap();
    let batch = ground.next(&mut leads).await;
    assert_eq!(batch.ids, ["leads", "other"]);
    drop(leads);
    batch.ends.send(Ok(())).unwrap();
    other.await.unwrap();
    assert!(ground.sent().is_none(), "nothing was written twice");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_while_it_waits_is_not_written() {
    let mut ground = Ground::new(DualWritePolicy::default());
    let (first, one) = ground.full().await;
    drop(ground.write("same").await);
    // Its document is free again: two in one batch would be one too many.
    let mut next = ground.write("same").await;
    one.ends.send(Ok(())).unwrap();
    first.await.unwrap();
    let batch = ground.next(&mut next).await;
    assert_eq!(batch.ids, ["same"]);
    batch.ends.send(Ok(())).unwrap();
    next.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_long_for_others_writes_by_itself() {
    let mut ground = Ground::new(DualWritePolicy::default());
    let (first, one) = ground.full().await;
    // PostgreSQL does not answer: somebody holds the row of the first one.
    let second = tokio::spawn(ground.write("second").await);
    let batch = ground.batches.recv().await.unwrap();
    assert_eq!(batch.ids, ["second"]);
    batch.ends.send(Ok(())).unwrap();
    second.await.unwrap().unwrap();
    one.ends.send(Ok(())).unwrap();
    first.await.unwrap();
    assert!(ground.sent().is_none(), "nothing was written twice");
}

#[tokio::test(start_paused = true)]
async fn a_write_under_way_touches_pairs_of_its_own_index_and_no_others() {
    let mut ground = Ground::new(DualWritePolicy::default());
    tokio::spawn(ground.worker.take().unwrap().run(pending()));
    let (first, one) = ground.full().await;
    ground.quiet("films").await;
    let now = Instant::now();
    assert_eq!(ground.writes.settled(Some("i"), now).await, Some(false));
    assert_eq!(ground.writes.settled(None, now).await, Some(false), "it may be about any");
    one.ends.send(Ok(())).unwrap();
    first.await.unwrap();
    assert_eq!(
        ground.writes.settled(Some("i"), Instant::now()).await,
        Some(false),
        "Meilisearch has yet to be written"
    );
    ground.quiet("i").await;
}

/// How many outcomes the worker takes over at a time.
const HANDED_OVER: u64 = 256;

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_handed_over_is_recorded_before_the_answer() {
    let mut ground = Ground::new(DualWritePolicy::default());
    // Nobody runs the worker: what it is handed stays with it.
    for number in 0..=HANDED_OVER {
        let mut writing = ground.start(&number.to_string());
        ground.next(&mut writing).await.ends.send(Ok(())).unwrap();
        writing.await.unwrap();
        let asked = ground.journal.status().await.unwrap().asked;
        assert_eq!(asked, HANDED_OVER.min(number + 1), "with {number} before it");
    }
    ground.worker = None;
    let before = ground.journal.status().await.unwrap().asked;
    let mut writing = ground.start("without a worker");
    ground.next(&mut writing).await.ends.send(Ok(())).unwrap();
    writing.await.unwrap();
    assert_eq!(ground.journal.status().await.unwrap().asked, before, "there is no worker any more");
}

impl TargetWriter for Holding {
    fn write<'a>(&'a self, _: &'a str, _: WrittenBy, batch: &'a [TargetWrite]) -> Answer<'a, Vec<Applied>> {
        let (ends, end) = oneshot::channel();
        let ids = batch.iter().map(|write| write.id.to_string()).collect();
        self.0.send(Batch { ids, ends }).ok().unwrap();
        Box::pin(async move {
            let failed = |kind| BackendError::new(Side::Pg, kind, "holding a batch");
            end.await.unwrap().map_err(failed)?;
            Ok(vec![Applied::Written { contended: false }; batch.len()])
        })
    }

    fn merge<'a>(
        &'a self,
        _: &'a str,
        _: WrittenBy,
        _: &'a [(DocumentId, Version, Document)],
    ) -> Answer<'a, Vec<Result<Document, Version>>> {
        unreachable!("nothing is merged")
    }

    fn read<'a>(&'a self, _: &'a str, ids: &'a [DocumentId]) -> Answer<'a, Vec<Option<Standing>>> {
        Box::pin(async { Ok(vec![None; ids.len()]) })
    }

    fn replace<'a>(&'a self, _: &'a str, _: WrittenBy, batch: &'a [Replacement]) -> Answer<'a, Vec<bool>> {
        Box::pin(async { Ok(vec![true; batch.len()]) })
    }

    fn sweep<'a>(&'a self, _: &'a str, _: WrittenBy, _: Version, _: Option<&'a FilterInput>) -> Answer<'a, u64> {
        unreachable!("nothing is swept")
    }

    fn swept<'a>(
        &'a self,
        _: &'a str,
        _: Swept<'a>,
        _: Option<&'a DocumentId>,
        _: usize,
    ) -> Answer<'a, Vec<DocumentId>> {
        unreachable!("nothing is swept")
    }
}

impl SourceWriter for AllDone {
    fn send<'a>(&'a self, _: &'a str, _: &'a [(DocumentId, Action)]) -> Answer<'a, TaskId> {
        Box::pin(async { Ok(TaskId(1)) })
    }

    fn tasks<'a>(&'a self, tasks: &'a [TaskId]) -> Answer<'a, Vec<TaskState>> {
        Box::pin(async { Ok(vec![TaskState::Succeeded; tasks.len()]) })
    }

    fn read<'a>(&'a self, _: &'a str, ids: &'a [DocumentId]) -> Answer<'a, Vec<Option<Document>>> {
        Box::pin(async { Ok(vec![None; ids.len()]) })
    }
}
