//! A service under migration, with readers and writers that never rest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use crossfade::{
    backend::{SearchBackend as _, meili::MeiliSettlement, write::SourceWriter as _},
    codec::{Typed, WriteError, Written},
    dual_write::DualWrites,
    error::BackendError,
    guard::GuardPolicy,
    http::admin::AdminToken,
    journal::postgres::{PostgresJournal, PostgresJournalOptions},
    migration::{Migration, Stopped},
    plan::{FlagFile, Flagging, PlanHandle},
    search::SearchQuery,
    store::{ShadowLog, ShadowLogOptions},
    write::{Changes, IndexWrite},
};
use serde_json::json;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt, service_fn};

use super::world::{INDEX, QUERIES, Stage, TOKEN};

const READERS: usize = 3;
const BETWEEN_READS: Duration = Duration::from_millis(2);
const BETWEEN_WRITES: Duration = Duration::from_millis(500);
/// Written documents that stand at a time.
const STAND: u64 = 10;

const GUARD: GuardPolicy = GuardPolicy {
    window: Duration::from_millis(300),
    sustained: 3,
    min_reads: 5,
    max_failed_share: 0.2,
    max_p95: None,
};

pub(super) struct Service {
    pub(super) plan: PlanHandle,
    pub(super) writes: DualWrites,
    pub(super) readers_rest: Arc<AtomicBool>,
    reads_failed: Arc<AtomicU64>,
    load: JoinSet<()>,
    stop: CancellationToken,
    worker: JoinHandle<Stopped>,
    admin: JoinHandle<()>,
}

/// Why a write was not taken.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error(transparent)]
    Meili(#[from] BackendError),
    #[error(transparent)]
    Layer(#[from] WriteError),
}

impl Service {
    /// As the first step has it built.
    pub(super) async fn start(stage: &mut Stage) -> Self {
        let (meili, postgres) = (stage.meili().index(INDEX), stage.pg());
        postgres.create("id", &meili.settings().await.unwrap()).await.unwrap();
        let folder = stage.folder.path();
        let flags = Flagging::new()
            .table(stage.store.flags().watch())
            .file(FlagFile::new(folder.join("flags.toml")))
            .last_good(folder.join("plan.toml"));
        let journal = PostgresJournal::connect(stage.journal.url(), PostgresJournalOptions::default()).await.unwrap();
        let (plan, watcher) = PlanHandle::watch(flags).await;
        let (log, writer) = ShadowLog::new(&stage.store, ShadowLogOptions::default());
        let (migration, worker) = Migration::builder(plan.clone())
            .source(meili.clone())
            .target(postgres)
            .settlement(MeiliSettlement::new(meili.clone()))
            .shadow_log(log)
            .journal(journal)
            .heartbeat(&stage.store)
            .guard(GUARD)
            // This machine may be busy with other tests.
            .read_deadline(Duration::from_secs(5))
            .run_along(|stop| watcher.run(stop))
            .run_along(|stop| writer.run(stop))
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        let admin = Router::new().nest("/admin", migration.admin(AdminToken::new(TOKEN).unwrap()));
        let listener = stage.admin.take().expect("it starts once in a world");
        let stopped = stop.clone().cancelled_owned();
        let admin = tokio::spawn(async move {
            axum::serve(listener, admin).with_graceful_shutdown(stopped).await.unwrap();
        });

        let (readers_rest, reads_failed, mut load) = (Arc::new(AtomicBool::new(false)), Arc::default(), JoinSet::new());
        let reads = migration.reads(Typed).endpoint("GET /v1/search").layer(service_fn(move |query: SearchQuery| {
            let meili = meili.clone();
            async move { meili.search(&query).await }
        }));
        for reader in 0..READERS {
            let (reads, rest, failed) = (reads.clone(), readers_rest.clone(), Arc::clone(&reads_failed));
            load.spawn(async move {
                for n in reader.. {
                    sleep(BETWEEN_READS).await;
                    if rest.load(Ordering::Relaxed) {
                        continue;
                    }
                    let query = SearchQuery::new(QUERIES[n % QUERIES.len()]).by(format!("u{}", n * READERS + reader));
                    if let Err(error) = reads.clone().oneshot(SearchQuery { index: Some(INDEX.into()), ..query }).await
                    {
                        eprintln!("a read failed: {error}");
                        AtomicU64::fetch_add(&failed, 1, Ordering::Relaxed);
                    }
                }
            });
        }
        let writer = Arc::new(stage.meili().writer());
        let writes = migration.writes(Typed).layer(service_fn(move |write: IndexWrite| {
            let writer = Arc::clone(&writer);
            async move {
                let Changes::Documents(changes) = write.changes else { return Ok(Written::default()) };
                let batch: Vec<_> = changes.into_iter().map(|change| (change.id, change.action)).collect();
                let task = writer.send(&write.index, &batch).await?;
                Ok::<_, NotWritten>(Written { task: Some(task) })
            }
        }));
        load.spawn(async move {
            for n in 0.. {
                sleep(BETWEEN_WRITES).await;
                let document =
                    json!({ "id": format!("w{n}"), "title": "written", "overview": "meanwhile", "year": 2000 });
                let put = IndexWrite::put(INDEX, format!("w{n}"), document.as_object().unwrap().clone());
                // What is not taken is not there, which is nobody's loss here.
                let _ = writes.clone().oneshot(put).await;
                if let Some(old) = u64::checked_sub(n, STAND) {
                    let _ = writes.clone().oneshot(IndexWrite::delete(INDEX, format!("w{old}"))).await;
                }
            }
        });

        let (writes, worker) = (migration.dual_writes().clone(), tokio::spawn(worker.run(stop.clone())));
        Self { plan, writes, readers_rest, reads_failed, load, stop, worker, admin }
    }

    /// Stops, and says whether every read was answered, whatever the operator did.
    pub(super) async fn stop(mut self) {
        self.load.shutdown().await;
        self.stop.cancel();
        self.worker.await.unwrap();
        self.admin.await.unwrap();
        assert_eq!(self.reads_failed.load(Ordering::Relaxed), 0, "reads failed while the runbook was followed");
    }
}
