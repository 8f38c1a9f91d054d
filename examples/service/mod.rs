//! A search service as it stands before its migration, and the lines that bring it under way.
//!
//! `GET /v1/search?q=…&genre=…&limit=…&offset=…` answers `{"items": [{"id", "title", "year", "genres"}], "total"}` from
//! Meilisearch; the reader is named by the header `x-user-id`. `POST /v1/posts` adds or replaces a document, and
//! `DELETE /v1/posts/{id}` deletes one.

mod movies;
mod posts;

use std::{error::Error, path::PathBuf, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use crossfade::{
    backend::{
        meili::{MeiliIndex, MeiliOptions, MeiliSettlement},
        postgres::{PostgresIndex, PostgresOptions},
    },
    dual_write::DualWrites,
    guard::GuardPolicy,
    http::{admin::AdminToken, codec},
    journal::{JournalOptions, sqlite::SqliteJournal},
    migration::{Migration, Worker},
    plan::{FlagFile, Flagging, PlanHandle},
    store::{DEFAULT_SCHEMA, ShadowLog, ShadowLogOptions, Store},
    telemetry,
};
use http::{HeaderName, HeaderValue};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tower_http::trace::TraceLayer;

/// What the service needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    pub meili_url: String,
    pub meili_key: String,
    pub database_url: String,
    pub index: String,
    /// Where writes are recorded until both sides have them: a file on a disk that outlives the process.
    pub journal: PathBuf,
    /// Flags that win over the table: the rollback that needs no database.
    pub flag_file: Option<PathBuf>,
    /// Where the last good plan is kept, for a restart while the database is down.
    pub last_good: Option<PathBuf>,
    /// Rolls back by itself when PostgreSQL answers badly.
    pub guard: Option<GuardPolicy>,
    /// Opens `/admin`. A service that readers reach would serve that on another address.
    pub admin_token: Option<AdminToken>,
}

/// The service, ready to be served.
pub struct Service {
    pub router: Router,
    /// Must be running, or sampled reads are dropped and the other side is not written.
    pub worker: Worker,
    pub plan: PlanHandle,
    /// The journal, to look at.
    pub writes: DualWrites,
}

/// Tells who answered. A service would leave it out; the drill measures the rollback by it.
pub const ANSWERED_BY: HeaderName = HeaderName::from_static("x-answered-by");

pub async fn build(config: &Config) -> Result<Service, Box<dyn Error + Send + Sync>> {
    // First, so that it hears of the plan the service starts with.
    let metrics = install_metrics()?;

    // The service as it was: a search client, and a handler.
    let movies = movies::Movies::new(&config.meili_url, &config.meili_key, &config.index)?;
    let search = get(movies::search).with_state(movies.clone());
    let post = post(posts::put).with_state(movies.clone());
    let delete = axum::routing::delete(posts::delete).with_state(movies);

    // Both sides, the flags and the log.
    let meili = MeiliOptions::new(&config.meili_url, Some(&config.meili_key))?.index(&*config.index);
    let postgres = PostgresOptions::new(&config.database_url)?.index(&*config.index);
    Box::pin(take_over_settings(&meili, &postgres)).await;
    let store = Store::connect_lazy(&config.database_url, DEFAULT_SCHEMA)?;
    let mut flagging = Flagging::new().table(store.flags().watch());
    if let Some(path) = &config.flag_file {
        flagging = flagging.file(FlagFile::new(path));
    }
    if let Some(path) = &config.last_good {
        flagging = flagging.last_good(path);
    }
    let journal = SqliteJournal::open(&config.journal, JournalOptions::default()).await?;
    let (plan, watcher) = PlanHandle::watch(flagging).await;
    let (log, writer) = ShadowLog::new(&store, ShadowLogOptions::default());

    // The migration.
    let upkeep = metrics.clone();
    let mut builder = Migration::builder(plan.clone())
        .source(meili.clone())
        .target(postgres)
        .settlement(MeiliSettlement::new(meili))
        .shadow_log(log)
        .heartbeat(&store)
        .journal(journal)
        .run_along(|stop| watcher.run(stop))
        .run_along(|stop| writer.run(stop))
        .run_along(|stop| async move {
            while stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(5))).await.is_some() {
                upkeep.run_upkeep();
            }
        });
    if let Some(policy) = config.guard {
        builder = builder.guard(policy);
    }
    let (migration, worker) = builder.build()?;
    let searches = codec::json_search("/items/*/id")
        .user(HeaderName::from_static("x-user-id"))
        .limit("limit", 20, 100)
        .adjust(movies::filter)
        .respond(movies::respond)
        .build()
        .pg_header(ANSWERED_BY, HeaderValue::from_static("pg"));
    let search = search.layer(migration.http_reads(searches).endpoint("GET /v1/search"));

    let documents = codec::json_documents("id").index(&*config.index).task_header(posts::TASK);
    let writes = migration.http_writes(documents);

    let mut router = Router::new()
        .route("/v1/search", search)
        .route("/v1/posts", post.layer(writes.clone()))
        .route("/v1/posts/{id}", delete.layer(writes))
        .route("/metrics", get(move || std::future::ready(metrics.render())))
        .layer(TraceLayer::new_for_http());
    if let Some(token) = &config.admin_token {
        router = router.nest("/admin", migration.admin(token.clone()));
    }
    let writes = migration.dual_writes().clone();
    Ok(Service { router, worker, plan, writes })
}

/// Makes the index in PostgreSQL if it is not there, with the settings of Meilisearch's. The service starts without it too:
/// what is written then waits in the journal.
async fn take_over_settings(meili: &MeiliIndex, postgres: &PostgresIndex) {
    let made = async { postgres.create("id", &meili.settings().await?).await };
    if let Err(error) = made.await {
        tracing::warn!(%error, "PostgreSQL has not taken over the settings of the index; it does at the next start");
    }
}

fn install_metrics() -> Result<PrometheusHandle, Box<dyn Error + Send + Sync>> {
    let mut builder = PrometheusBuilder::new();
    for metric in telemetry::METRICS {
        if let telemetry::Kind::Histogram { bounds } = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.into()), bounds)?;
        }
    }
    let handle = builder.install_recorder()?;
    telemetry::describe();
    Ok(handle)
}
