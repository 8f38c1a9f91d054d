//! A Meilisearch double: an HTTP server on a loopback port that speaks the protocol of Meilisearch 1.50, asynchronous
//! tasks and error bodies included, and can be made to fail by script.
//!
//! Tasks that wait for one index are carried out together, and fail together if a document cannot be indexed (`batch`).
//!
//! It is held to exchanges recorded from a real server (`tests/it/double.rs`). [`Meili`] is what tests should stand on: a
//! real server if there is one, else the double.
//!
//! Searches are answered by [`memory::Store`](crate::backend::memory), which says what of the ranking is not imitated, or
//! with what a real server answered once ([`MeiliDouble::record`]). What the double knows of but does not do (highlights,
//! facets, vectors, federation, CSV and so on) is refused with status 501 and code `not_imitated`, never passed over.
//! Of setting values only the types are checked, sizes in stats are made up, and the texts of filter syntax errors differ.

mod answer;
mod apply;
mod batch;
mod client;
mod error;
mod expressions;
mod fault;
mod fields;
mod geo;
mod ids;
mod parameters;
mod question;
mod real_or_double;
mod routes;
mod server;
mod settings;
mod state;
mod task;
mod worker;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, task::JoinSet};

pub use self::{
    client::{Call, Client, Reply},
    fault::{Fault, Latency, Route, TaskFault},
    real_or_double::Meili,
};
use self::{
    server::Server,
    state::{Recording, Shared},
};
use crate::document::DocumentId;

/// How long requests may go on when the double is stopped.
const GRACE: Duration = Duration::from_secs(5);

/// A running double. Dropping it ends it at once.
#[derive(Debug)]
pub struct MeiliDouble {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    server: Mutex<Option<Server>>,
    // Dropped with the double, and with it the task worker.
    _worker: JoinSet<()>,
}

/// How a double starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The master key; `None` asks for none.
    pub master_key: Option<String>,
    /// How long every batch of tasks is shown as processing before it is carried out.
    pub task_duration: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { master_key: Some("masterKeyOfTheDouble".to_owned()), task_duration: Duration::ZERO }
    }
}

impl MeiliDouble {
    /// Starts one on a free loopback port. It runs on the runtime it is started in.
    pub async fn start(options: Options) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(options.master_key, options.task_duration));
        let (server, address) = Server::open((Ipv4Addr::LOCALHOST, 0).into(), Arc::clone(&shared)).await?;
        let mut worker = JoinSet::new();
        worker.spawn(worker::work(Arc::clone(&shared)));
        let server = Mutex::new(Some(server));
        Ok(Self { address, url: format!("http://{address}"), shared, server, _worker: worker })
    }

    /// Its address, `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its master key; empty if it asks for none.
    pub fn key(&self) -> &str {
        self.shared.master_key.as_deref().unwrap_or_default()
    }

    /// What a real server answered to `text` in `index`: the ids, best first, and the estimated total. A search for exactly
    /// this text, with no filter, sort, score or other strategy and not reaching beyond the ids, is answered so, with the
    /// documents as they are in the index now; an id that is not there is left out.
    pub fn record(&self, index: &str, text: impl Into<String>, ids: Vec<DocumentId>, estimated_total: u64) {
        self.shared.record(index, text.into(), Recording { ids, total: estimated_total });
    }

    /// How many searches were answered from recordings.
    pub fn answered_from_recording(&self) -> u64 {
        self.shared.answered_from_recording()
    }

    /// How many requests a route has had, the failed ones included.
    pub fn requests(&self, route: Route) -> u64 {
        self.shared.script.requests(route)
    }

    /// Slows a route down from now on.
    pub fn slow(&self, route: Route, latency: Latency) {
        self.shared.script.slow(route, latency);
    }

    /// Fails the next requests of a route.
    pub fn fail_next(&self, route: Route, times: usize, fault: Fault) {
        self.shared.script.fail_next(route, times, fault);
    }

    /// Fails every request of a route from now on.
    pub fn fail_always(&self, route: Route, fault: Fault) {
        self.shared.script.fail_always(route, fault);
    }

    /// Takes latency and faults of a route back.
    pub fn heal(&self, route: Route) {
        self.shared.script.heal(route);
    }

    /// Lets the next tasks end otherwise than by being done.
    pub fn fail_next_tasks(&self, times: usize, fault: TaskFault) {
        self.shared.queue().faults.extend(std::iter::repeat_n(fault, times));
    }

    /// From now on does not say which document cannot be indexed: other versions may not.
    pub fn name_no_documents(&self) {
        self.shared.queue().tells_nothing = true;
    }

    /// Lets no more tasks than those begun end otherwise than by being done.
    pub fn heal_tasks(&self) {
        self.shared.queue().faults.clear();
    }

    /// Forgets all tasks that have ended, as a server does when it has too many, or when it is told to.
    pub fn forget_tasks(&self) {
        self.shared.write().forget_ended();
    }

    /// Starts no more tasks: they stay enqueued.
    pub fn pause_tasks(&self) {
        self.shared.queue().paused = true;
    }

    /// Goes on with the tasks.
    pub fn resume_tasks(&self) {
        self.shared.queue().paused = false;
        self.shared.wake.notify_one();
    }

    /// Changes how long tasks take, the one that runs included.
    pub fn set_task_duration(&self, duration: Duration) {
        self.shared.queue().duration = duration;
        self.shared.wake.notify_one();
    }

    /// Goes down as if killed: connections are cut, new ones refused. What was stored stays, and tasks go on.
    pub async fn go_down(&self) {
        if let Some(server) = self.server.lock().await.take() {
            server.cut().await;
        }
    }

    /// Comes back on the same port.
    pub async fn come_back(&self) -> io::Result<()> {
        let mut server = self.server.lock().await;
        if server.is_none() {
            *server = Some(Server::open(self.address, Arc::clone(&self.shared)).await?.0);
        }
        Ok(())
    }

    /// Takes no more connections and waits for the requests that run, five seconds at most.
    pub async fn stop(self) {
        if let Some(server) = self.server.into_inner() {
            server.close(GRACE).await;
        }
    }
}
