//! A replica of the service: its process starts, crashes and stops; its disk, its flags and its clock stay.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crossfade::{
    backend::{write::SourceWriter, write::TargetWriter},
    breaker::BreakerPolicy,
    codec::{CodecError, RefuseWrite, WriteCodec, WriteError},
    document::{DocumentId, Version},
    dual_write::{self, Ack, DualWritePolicy, VersionClock},
    journal::{JournalOptions, Outcome, memory::Crash, memory::MemoryJournal},
    plan::{Flags, PlanHandle, ReadBackend, WriteMode},
    write::{Changes, IndexWrite, TaskId, WriteOutcome},
};
use rand::RngExt;
use tokio::{
    select,
    task::{AbortHandle, JoinError, JoinHandle},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{
    history::{History, NUMBER},
    journal::Disk,
    source::{Deed, Meili, MeiliClient},
    target::{Postgres, PostgresClient},
    world::{Fuse, LATE, Line, World, locked},
};

/// How long the service waits for Meilisearch.
const SERVICE_TIMEOUT: Duration = Duration::from_millis(1_200);

/// What the service answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Accepted(Option<TaskId>),
    /// It is not written.
    Refused,
    /// Something went wrong.
    Unclear,
}

type Service = BoxCloneSyncService<IndexWrite, Answer, ()>;

pub(super) struct Replica {
    world: Arc<World>,
    name: Arc<str>,
    number: u16,
    meili: Arc<Meili>,
    pg: Arc<Postgres>,
    history: Arc<History>,
    pub(super) plan: PlanHandle,
    /// Milliseconds that its clock is ahead.
    pub(super) clock: Arc<AtomicI64>,
    disk: Mutex<MemoryJournal>,
    running: Mutex<Option<Running>>,
}

struct Running {
    service: Service,
    requests: Vec<AbortHandle>,
}

#[derive(Clone, Copy, Debug)]
struct Codec;

pub(super) fn flags(pg_decides: bool) -> Flags {
    let read_backend = if pg_decides { ReadBackend::Pg } else { ReadBackend::Meili };
    Flags { write_mode: WriteMode::Dual, read_backend, ..Flags::default() }
}

impl Replica {
    pub(super) fn new(
        world: &Arc<World>,
        number: u16,
        (meili, pg): (&Arc<Meili>, &Arc<Postgres>),
        history: &Arc<History>,
    ) -> Arc<Self> {
        // What has been given up may still come late.
        let options = JournalOptions { limbo: LATE + SERVICE_TIMEOUT };
        Arc::new(Self {
            world: world.clone(),
            name: format!("replica {number}").into(),
            number,
            meili: meili.clone(),
            pg: pg.clone(),
            history: history.clone(),
            plan: PlanHandle::fixed(flags(false)),
            clock: Arc::default(),
            disk: Mutex::new(MemoryJournal::new(options)),
            running: Mutex::new(None),
        })
    }

    /// What is on its disk.
    pub(super) fn journal(&self) -> MemoryJournal {
        locked(&self.disk).clone()
    }

    /// Sends a request, which goes on by itself as in a server. `None` while nobody listens.
    pub(super) fn send(&self, number: u64, write: IndexWrite) -> Option<(JoinHandle<Answer>, AbortHandle)> {
        let mut running = locked(&self.running);
        let running = running.as_mut()?;
        let service = running.service.clone();
        let answered = async move { service.oneshot(write).await.unwrap_or(Answer::Unclear) };
        let request = tokio::spawn(NUMBER.scope(number, answered));
        running.requests.retain(|request| !request.is_finished());
        running.requests.push(request.abort_handle());
        let hang_up = request.abort_handle();
        Some((request, hang_up))
    }

    /// Runs processes, one after the other, until the world has been healed: the last one stays.
    pub(super) async fn live(self: Arc<Self>, healed: CancellationToken) -> Lives {
        let mut lives = Lives::default();
        loop {
            let world = &self.world;
            let steps = (world.profile.crashes && !world.healed() && world.chance(0.7)).then(|| {
                let most = if world.chance(0.3) { 30 } else { 3_000 };
                world.roll(|dice| dice.random_range(1..most))
            });
            let (fuse, stop) = (Fuse::new(steps), CancellationToken::new());
            let worker = self.start(&fuse, stop.clone());
            let leaves = async {
                if !world.profile.crashes {
                    pending::<()>().await;
                }
                sleep(world.up_to(Duration::from_secs(20))).await;
            };
            let stopped = select! {
                biased;
                () = fuse.blown() => false,
                () = healed.cancelled() => {
                    fuse.mend();
                    lives.last = Some(worker);
                    return lives;
                }
                () = leaves => world.chance(0.5),
            };
            if stopped {
                self.world.tell(|| format!("{} stops", self.name));
                lives.stops += 1;
                stop.cancel();
                select! {
                    _ = worker => {}
                    () = fuse.blown() => {}
                }
            } else {
                lives.crashes += 1;
                worker.abort();
            }
            self.end(stopped).await;
            sleep(self.world.up_to(Duration::from_millis(if self.world.chance(0.2) { 4_000 } else { 200 }))).await;
        }
    }

    fn start(&self, fuse: &Arc<Fuse>, stop: CancellationToken) -> JoinHandle<()> {
        let world = &self.world;
        world.tell(|| format!("{} starts", self.name));
        let line = Line { world: world.clone(), fuse: fuse.clone(), name: self.name.clone() };
        let disk = Disk { journal: self.journal(), line: line.clone(), history: self.history.clone() };
        let meili = MeiliClient { server: self.meili.clone(), line: line.clone() };
        let pg = PostgresClient { server: self.pg.clone(), line };
        let (start, ahead) = (world.start, self.clock.clone());
        let wall = move || {
            let elapsed = i64::try_from(start.elapsed().as_millis()).unwrap();
            1_700_000_000_000 + elapsed + ahead.load(Ordering::Relaxed)
        };
        let policy = DualWritePolicy {
            ack: if world.profile.ack_both { Ack::Both(Duration::from_millis(500)) } else { Ack::Authority },
            deadline: Duration::from_millis(800),
            clock: VersionClock::over(wall).node(self.number),
            batch: world.roll(|dice| dice.random_range(1..10)),
            call_timeout: Duration::from_secs(2),
            first_pause: Duration::from_millis(20),
            max_pause: Duration::from_secs(1),
            breaker: BreakerPolicy {
                failures: 3,
                first_wait: Duration::from_millis(100),
                max_wait: Duration::from_secs(1),
            },
            drain: Duration::from_millis(300),
            seed: Some(world.roll(RngExt::random)),
            ..DualWritePolicy::default()
        };
        let (source, target): (Arc<dyn SourceWriter>, Arc<dyn TargetWriter>) = (Arc::new(meili.clone()), Arc::new(pg));
        let (writes, worker) = dual_write::pair(self.plan.clone(), Arc::new(disk), source, target, policy);
        let service = service_fn(move |write: IndexWrite| serve(meili.clone(), write));
        let service = BoxCloneSyncService::new(writes.layer(Codec).layer(service));
        *locked(&self.running) = Some(Running { service, requests: Vec::new() });
        tokio::spawn(async move {
            worker.run(stop.cancelled()).await;
        })
    }

    /// Nothing of the process is left, and what its disk kept is found by the next one.
    async fn end(&self, stopped: bool) {
        let requests = locked(&self.running).take().map(|running| running.requests).unwrap_or_default();
        requests.iter().for_each(AbortHandle::abort);
        while requests.iter().any(|request| !request.is_finished()) {
            tokio::task::yield_now().await;
        }
        let mut disk = locked(&self.disk);
        let crash = match self.world.profile.power_loss && !stopped && self.world.chance(0.5) {
            true => Crash::Machine { kept: self.world.below(disk.unsynced() + 1) },
            false => Crash::Process,
        };
        self.world.tell(|| format!("{} is gone: {crash:?}", self.name));
        let unknown = unknown(&disk);
        *disk = disk.reopen(crash);
        // Those of a process were unknown before: what was answered was on the disk, or noted.
        let forgotten = self::unknown(&disk).into_iter().filter(|write| !unknown.contains(write));
        if matches!(crash, Crash::Machine { .. }) {
            forgotten.for_each(|write| self.history.forget(write));
        }
    }
}

/// The writes of which a journal does not know how they ended.
fn unknown(journal: &MemoryJournal) -> BTreeSet<(DocumentId, Version)> {
    let unknown = |outcome: &Outcome| matches!(outcome, Outcome::Asked | Outcome::Unknown);
    let entries = journal.outcomes().into_iter().filter(|(_, outcome)| unknown(outcome));
    entries.map(|(intent, _)| (intent.id, intent.version)).collect()
}

/// The processes of a replica.
#[derive(Default)]
pub(super) struct Lives {
    pub(super) crashes: u64,
    pub(super) stops: u64,
    pub(super) last: Option<JoinHandle<()>>,
}

/// The service as it was: it writes to Meilisearch.
async fn serve(meili: MeiliClient, write: IndexWrite) -> Result<Answer, ()> {
    let world = meili.line.world.clone();
    if !world.healed() && world.chance(0.02) {
        return Ok(Answer::Refused);
    }
    let deed = match write.changes {
        Changes::Sweep(_) => Deed::Clear,
        Changes::Documents(changes) => Deed::Change(changes.into_iter().map(|c| (c.id, c.action)).collect()),
    };
    match timeout(SERVICE_TIMEOUT, meili.write(deed)).await {
        Ok(Ok(task)) => Ok(Answer::Accepted(world.profile.tells_tasks.then_some(task))),
        _ if world.chance(0.5) => Ok(Answer::Unclear),
        _ => Err(()),
    }
}

impl WriteCodec<IndexWrite, Answer> for Codec {
    type Prepare = std::future::Ready<IndexWrite>;
    type Observe = std::future::Ready<(Answer, WriteOutcome)>;

    fn prepare(&self, request: IndexWrite) -> Self::Prepare {
        std::future::ready(request)
    }

    fn decode(&self, request: &IndexWrite) -> Result<IndexWrite, CodecError> {
        Ok(request.clone())
    }

    fn observe(&self, answer: Answer) -> Self::Observe {
        let outcome = match answer {
            Answer::Accepted(task) => WriteOutcome::Accepted(task),
            Answer::Refused => WriteOutcome::Refused,
            Answer::Unclear => WriteOutcome::Unknown,
        };
        std::future::ready((answer, outcome))
    }

    fn written(&self, _write: &IndexWrite) -> Answer {
        Answer::Accepted(None)
    }
}

impl RefuseWrite<Answer, ()> for Codec {
    fn refuse_write(&self, failure: WriteError) -> Result<Answer, ()> {
        match failure {
            WriteError::Failed(_) => Ok(Answer::Unclear),
            _ => Ok(Answer::Refused),
        }
    }
}

/// What a client makes of how its request ended.
pub(super) fn told(ended: Result<Answer, JoinError>) -> Answer {
    ended.unwrap_or(Answer::Unclear)
}
