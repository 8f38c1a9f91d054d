//! What a write takes with the layer, beside the same write without it.
//!
//! The variants take turns under the same number of clients, and are compared turn by turn, so that noise of the machine falls
//! on all of them alike. Between turns everything that is waiting is done.

use std::{
    path::Path,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossfade::{
    backend::{
        meili::{MeiliOptions, MeiliWriter},
        write::{Applied, SourceWriter, TargetWrite, TargetWriter, Writer, WrittenBy},
    },
    codec::{Typed, WriteError, Written},
    dual_write::{self, DualWritePolicy, VersionClock},
    error::Side,
    journal::{Journal, JournalOptions, sqlite::SqliteJournal},
    plan::{Flags, PlanHandle, ReadBackend, WriteMode},
    testing::meili::{Latency, Meili, Route},
    write::{Change, Changes, IndexWrite},
};
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::{
    disk::{GroupCommit, fsync_millis},
    report::{Budget, load, median, verdict},
    sides::{self, INDEX, Postgres, Slow},
};

/// Another number can be asked for by the variable `CLIENTS`: with this one, PostgreSQL alone fills two processors where it
/// decides.
static CLIENTS: LazyLock<usize> =
    LazyLock::new(|| std::env::var("CLIENTS").map_or(8, |clients| clients.parse().unwrap()));
const ROUNDS: usize = 20;
const PER_TURN: Duration = Duration::from_millis(500);
/// Different documents of one variant.
const DOCUMENTS: u64 = 5_000;
/// What the other side takes for each call where it is slow.
const SLOW: Duration = Duration::from_millis(50);
/// How long Meilisearch takes to accept: 1 to 5 ms.
const ACCEPTS: Latency = Latency::LogNormal { median: Duration::from_micros(2_500), p99: Duration::from_millis(5) };

type Service = BoxCloneSyncService<IndexWrite, Written, WriteError>;

/// One way to write.
struct Variant {
    name: &'static str,
    service: Service,
    journal: Option<Arc<SqliteJournal>>,
    seen: Histogram<u64>,
    /// p50 of each turn, in milliseconds.
    turns: Vec<f64>,
    written: Arc<AtomicU64>,
    _worker: Option<DropGuard>,
}

/// Real sides.
struct Sides {
    meili: Meili,
    index: Arc<str>,
    postgres: Postgres,
    folder: tempfile::TempDir,
}

/// Meilisearch decides; PostgreSQL is the other side.
pub async fn source_decides(whole: bool, beside: &Handle) {
    let sides = Sides::start(beside).await;
    let source = sides.source();
    let alone = {
        let source = source.clone();
        BoxCloneSyncService::new(service_fn(move |write: IndexWrite| {
            let source = source.clone();
            async move {
                let Changes::Documents(changes) = write.changes else { return Ok(Written::default()) };
                let batch: Vec<_> = changes.into_iter().map(|change| (change.id, change.action)).collect();
                let task = source.send(&write.index, &batch).await.map_err(WriteError::Failed)?;
                Ok(Written { task: Some(task) })
            }
        }))
    };
    let flags = Flags { write_mode: WriteMode::Dual, ..Flags::default() };
    let target = Arc::new(sides.postgres.writer.clone());
    let slow = Arc::new(Slow { side: sides.postgres.writer.clone(), by: SLOW });
    let dual = Variant::dual("dual", &flags, &alone, source.clone(), target, sides.folder.path()).await;
    let slow = Variant::dual("slow", &flags, &alone, source, slow, sides.folder.path()).await;
    sides.run("latency, meili decides", whole, alone, dual, slow).await;
}

/// PostgreSQL decides; Meilisearch is the other side.
pub async fn target_decides(whole: bool, beside: &Handle) {
    let sides = Sides::start(beside).await;
    let (clock, writer) = (VersionClock::new(), sides.postgres.writer.clone());
    let alone = BoxCloneSyncService::new(service_fn(move |write: IndexWrite| {
        let (clock, writer) = (clock.clone(), writer.clone());
        async move {
            let Changes::Documents(changes) = write.changes else { return Ok(Written::default()) };
            let row = |Change { id, action, .. }| {
                let document = match action {
                    crossfade::write::Action::Put(document) => Some(Arc::new(document)),
                    _ => None,
                };
                TargetWrite { id, version: clock.next(), document, age: Some(Duration::ZERO) }
            };
            let batch: Vec<TargetWrite> = changes.into_iter().map(row).collect();
            let by = WrittenBy { writer: Writer(1), authority: Side::Pg };
            let applied = writer.write(&write.index, by, &batch).await.map_err(WriteError::Failed)?;
            assert!(applied.iter().all(|applied| matches!(applied, Applied::Written { .. })));
            Ok(Written::default())
        }
    }));
    let flags = Flags { write_mode: WriteMode::Dual, read_backend: ReadBackend::Pg, ..Flags::default() };
    let target = Arc::new(sides.postgres.writer.clone());
    let source = sides.source();
    let slow = Arc::new(Slow { side: MeiliWriter::clone(&source), by: SLOW });
    let dual = Variant::dual("dual", &flags, &alone, source, target.clone(), sides.folder.path()).await;
    let slow = Variant::dual("slow", &flags, &alone, slow, target, sides.folder.path()).await;
    sides.run("latency, pg decides", whole, alone, dual, slow).await;
}

impl Sides {
    async fn start(beside: &Handle) -> Self {
        let meili = beside.spawn(async {
            let meili = Meili::start().await.unwrap();
            meili
                .write(http::Method::POST, "/indexes", Some(&json!({"uid": INDEX, "primaryKey": "id"})))
                .await
                .unwrap();
            meili
        });
        let meili = meili.await.unwrap();
        if let Some(double) = meili.double() {
            double.slow(Route::DocumentWrites, ACCEPTS);
        }
        Self { meili, index: INDEX.into(), postgres: Postgres::start().await, folder: tempfile::tempdir().unwrap() }
    }

    fn source(&self) -> Arc<MeiliWriter> {
        Arc::new(MeiliOptions::new(self.meili.url(), Some(self.meili.key())).unwrap().writer())
    }

    async fn run(&self, what: &str, whole: bool, alone: Service, dual: Variant, slow: Variant) {
        let log = GroupCommit::open(&self.folder.path().join("log"));
        let least = {
            let alone = alone.clone();
            BoxCloneSyncService::new(service_fn(move |write: IndexWrite| {
                let (log, alone) = (log.clone(), alone.clone());
                async move {
                    let Changes::Documents(changes) = &write.changes else { return Ok(Written::default()) };
                    let record: Vec<u8> =
                        changes.iter().flat_map(|change| serde_json::to_vec(&change.action).unwrap()).collect();
                    log.commit(record).await;
                    alone.oneshot(write).await
                }
            }))
        };
        let again = Variant { name: "dual again", ..dual.same() };
        let mut variants = [Variant::new("alone", alone), Variant::new("alone and an fsync", least), dual, slow, again];
        let (rounds, per_turn) = if whole { (ROUNDS, PER_TURN) } else { (1, Duration::from_millis(50)) };
        for round in 0..=rounds {
            for variant in &mut variants {
                // The first round is not counted.
                variant.turn(per_turn, &self.index, round > 0).await;
                if let Some(double) = self.meili.double() {
                    double.forget_tasks();
                }
            }
        }
        println!(
            "\n{what}: {} clients, {rounds} turns of {per_turn:?}; an fsync of 1 KB takes {:.2} ms here; load {}",
            *CLIENTS,
            fsync_millis(self.folder.path(), 1024),
            load()
        );
        println!("{:<24}{:>10}{:>10}{:>10}", "ms", "writes", "p50", "p99");
        for variant in &variants {
            let at = |quantile| variant.seen.value_at_quantile(quantile) as f64 / 1e6;
            println!("{:<24}{:>10}{:>10.3}{:>10.3}", variant.name, variant.seen.len(), at(0.5), at(0.99));
        }
        let [_, least, dual, slow, again] = &variants;
        let noise = format!("the same variant against itself: {:.3}", ratio(again, dual));
        verdict(&format!("{what}: p50 over alone and fsync"), ratio(dual, least), "x", Budget::AtMost(1.25), &noise);
        verdict(&format!("{what}: other side 50 ms slow"), ratio(slow, dual), "x", Budget::AtMost(1.05), &noise);
    }
}

/// The median of the ratios of p50, turn by turn.
fn ratio(these: &Variant, those: &Variant) -> f64 {
    median(these.turns.iter().zip(&those.turns).map(|(this, that)| this / that))
}

impl Variant {
    fn new(name: &'static str, service: Service) -> Self {
        let seen = Histogram::new(3).unwrap();
        Self { name, service, journal: None, seen, turns: Vec::new(), written: Arc::default(), _worker: None }
    }

    async fn dual(
        name: &'static str,
        flags: &Flags,
        alone: &Service,
        source: Arc<dyn SourceWriter>,
        target: Arc<dyn TargetWriter>,
        folder: &Path,
    ) -> Self {
        let file = folder.join(format!("{name}.db"));
        let journal = Arc::new(SqliteJournal::open(file, JournalOptions::default()).await.unwrap());
        let plan = PlanHandle::fixed(*flags);
        let (writes, worker) = dual_write::pair(plan, journal.clone(), source, target, DualWritePolicy::default());
        let stop = CancellationToken::new();
        tokio::spawn(worker.run(stop.clone().cancelled_owned()));
        let name = if name == "slow" { "dual, other side slow" } else { name };
        let service = BoxCloneSyncService::new(writes.layer(Typed).layer(alone.clone()));
        Self { journal: Some(journal), _worker: Some(stop.drop_guard()), ..Self::new(name, service) }
    }

    /// The same service at another place in the turn.
    fn same(&self) -> Self {
        Self { journal: self.journal.clone(), ..Self::new(self.name, self.service.clone()) }
    }

    async fn turn(&mut self, length: Duration, index: &Arc<str>, counted: bool) {
        let mut turn = Histogram::<u64>::new(3).unwrap();
        let until = Instant::now() + length;
        let clients = (0..*CLIENTS).map(|_| {
            let client = client(self.service.clone(), self.name, index.clone(), self.written.clone(), until);
            tokio::spawn(client)
        });
        for seen in futures_util::future::join_all(clients).await {
            turn.add(seen.unwrap()).unwrap();
        }
        self.drained().await;
        if counted {
            self.turns.push(turn.value_at_quantile(0.5) as f64 / 1e6);
            self.seen.add(turn).unwrap();
        }
    }

    async fn drained(&self) {
        let Some(journal) = &self.journal else { return };
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let status = journal.status().await.unwrap();
            assert_eq!(status.dead_letters, 0);
            if status.pending == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "the journal does not drain: {status:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn client(
    service: Service,
    name: &'static str,
    index: Arc<str>,
    written: Arc<AtomicU64>,
    until: Instant,
) -> Histogram<u64> {
    let mut latencies = Histogram::new(3).unwrap();
    while Instant::now() < until {
        let n = written.fetch_add(1, Ordering::Relaxed);
        // Each variant has documents of its own: they are not in each other's way.
        let id = format!("{}{}", name.replace([' ', ','], "-"), n % DOCUMENTS);
        let write = IndexWrite::put(index.clone(), id.as_str(), sides::document(&id, n as usize));
        let started = Instant::now();
        service.clone().oneshot(write).await.unwrap();
        latencies.record(started.elapsed().as_nanos() as u64).unwrap();
    }
    latencies
}
