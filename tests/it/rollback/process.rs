//! A process of the service, with readers that do not stop asking.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crossfade::{
    codec::Typed,
    error::{BackendError, Side},
    http::admin::AdminToken,
    migration::{Migration, ReadsLayer, Stopped},
    plan::{FlagFile, Flagging, PlanHandle},
    search::{SearchHits, SearchQuery},
    store::Store,
    tally::Tally,
};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Script, Scripted, hits};

pub(super) const TOKEN: &str = "0123456789abcdef-secret";

pub(super) struct Process {
    pub(super) plan: PlanHandle,
    pub(super) tally: Arc<Tally>,
    /// Where its admin routes are.
    pub(super) admin: String,
    stop: CancellationToken,
    worker: JoinHandle<Stopped>,
    readers: JoinHandle<()>,
}

/// Meilisearch, which is always there.
async fn meili(_query: SearchQuery) -> Result<SearchHits, BackendError> {
    Ok(hits(&["from meili"]))
}

async fn read(layer: ReadsLayer<Typed>, stop: CancellationToken) {
    let service = layer.layer(service_fn(meili));
    let mut reads = tokio::task::JoinSet::new();
    while !stop.is_cancelled() {
        reads.spawn(service.clone().oneshot(SearchQuery::new("q")));
        sleep(Duration::from_millis(10)).await;
    }
    reads.join_all().await;
}

impl Process {
    /// Follows the table of `store`, and a file.
    pub(super) async fn start(store: &Store, file: Option<PathBuf>, script: Script) -> Self {
        let mut flagging = Flagging::new().table(store.flags().watch().poll_every(Duration::from_millis(50)));
        if let Some(file) = file {
            flagging = flagging.file(FlagFile::new(file).poll_every(Duration::from_millis(50)));
        }
        let (plan, watcher) = PlanHandle::watch(flagging).await;
        let (migration, worker) = Migration::builder(plan.clone())
            .source(Scripted::new(Side::Meili, Script::Answer(vec![])))
            .target(Scripted::new(Side::Pg, script))
            .read_deadline(Duration::from_secs(5))
            .heartbeat(store)
            .run_along(|stop| watcher.run(stop))
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        let routes = axum::Router::new().nest("/admin", migration.admin(AdminToken::new(TOKEN).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = format!("http://{}/admin", listener.local_addr().unwrap());
        let served = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(served.into_future());
        Self {
            plan,
            tally: migration.tally().clone(),
            admin,
            worker: tokio::spawn(worker.run(stop.clone())),
            readers: tokio::spawn(read(migration.reads(Typed), stop.clone())),
            stop,
        }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.readers.await.unwrap();
        self.worker.await.unwrap();
    }
}
