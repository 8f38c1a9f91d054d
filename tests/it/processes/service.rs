//! A service with the write layer: it passes Meilisearch's routes through, and has routes of its own.

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::{delete, get, patch, post},
};
use crossfade::{
    backend::{meili::MeiliOptions, postgres::PostgresOptions},
    breaker::BreakerPolicy,
    dual_write::DualWritePolicy,
    http::codec::{JsonDocuments, json_documents, meili_documents},
    journal::{Journal, JournalOptions},
    migration::{Migration, Stopped},
    plan::{Flags, PlanHandle, ReadBackend, WriteMode},
    testing::meili::{Call, Client},
    write::TaskId,
};
use http::{Method, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long the service waits for Meilisearch; a write that was given up may go on there for less than the limbo.
const PATIENCE: Duration = Duration::from_millis(700);
pub(super) const OPTIONS: JournalOptions = JournalOptions { limbo: Duration::from_millis(300) };
/// The largest body it takes, in bytes.
pub(super) const LIMIT: usize = 4000;

/// Where its sides are.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Config {
    pub(super) journal: PathBuf,
    pub(super) database: String,
    pub(super) meili: String,
    pub(super) key: String,
    pub(super) index: String,
    /// `dual`, `target_primary` or `pg_only`.
    pub(super) plan: String,
}

pub(super) struct Service {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) router: Router,
    /// The same routes without the layer.
    pub(super) bare: Router,
    stop: CancellationToken,
    worker: JoinHandle<Stopped>,
}

#[derive(Clone)]
struct Forward {
    client: Arc<Client>,
    index: Arc<str>,
}

pub(super) fn flags(plan: &str) -> Flags {
    let dual = Flags { write_mode: WriteMode::Dual, ..Flags::default() };
    match plan {
        "dual" => dual,
        "target_primary" => Flags { read_backend: ReadBackend::Pg, ..dual },
        "pg_only" => Flags { read_backend: ReadBackend::Pg, write_mode: WriteMode::PgOnly, ..dual },
        other => panic!("no plan is called {other}"),
    }
}

fn policy() -> DualWritePolicy {
    DualWritePolicy {
        first_pause: Duration::from_millis(10),
        max_pause: Duration::from_millis(200),
        call_timeout: Duration::from_millis(700),
        deadline: Duration::from_millis(1500),
        breaker: BreakerPolicy {
            first_wait: Duration::from_millis(20),
            max_wait: Duration::from_millis(200),
            ..BreakerPolicy::default()
        },
        ..DualWritePolicy::default()
    }
}

impl Service {
    pub(super) fn new(config: &Config, journal: Arc<dyn Journal>) -> Self {
        Self::with(config, journal, |own| own)
    }

    pub(super) fn with(
        config: &Config,
        journal: Arc<dyn Journal>,
        own: impl FnOnce(JsonDocuments) -> JsonDocuments,
    ) -> Self {
        let source = MeiliOptions::new(&config.meili, Some(&config.key)).unwrap().index(&*config.index);
        let target = PostgresOptions::new(&config.database).unwrap().index(&*config.index);
        let plan = PlanHandle::fixed(flags(&config.plan));
        let builder = Migration::builder(plan.clone()).source(source).target(target);
        let (migration, worker) = builder.journal(journal.clone()).write_policy(policy()).build().unwrap();
        let client = Arc::new(Client::new(&config.meili, &config.key).unwrap());
        let forward = Forward { client, index: config.index.as_str().into() };
        let whole = meili_documents(config.index.as_str(), "id").api_keys([&config.key]).build().request_limit(LIMIT);
        let whole = migration.http_writes(whole);
        let own = own(json_documents("id").index(config.index.as_str())).build().request_limit(LIMIT);
        let own = migration.http_writes(own);
        let posts = || {
            Router::new()
                .route("/v1/posts", post(put_post))
                .route("/v1/posts/{id}", patch(merge_post))
                .route("/v1/posts/{id}", delete(delete_post))
        };
        let passed = || Router::new().fallback(pass_on);
        let bare = posts().merge(passed()).with_state(forward.clone());
        let (status, switch) = (journal.clone(), plan);
        let status = get(async move || match status.status().await {
            Ok(status) => Json(json!(status)).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        });
        let switch = post(async move |Path(to): Path<String>| {
            let _ = switch.publish(flags(&to)).unwrap();
        });
        let router = posts().layer(own).merge(passed().layer(whole)).with_state(forward);
        let router = router.route("/status", status).route("/plan/{to}", switch);
        let stop = CancellationToken::new();
        let worker = tokio::spawn(worker.run(stop.clone()));
        Self { journal, router, bare, stop, worker }
    }

    /// Takes connections on a free port; its address.
    pub(super) async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (router, stop) = (self.router.clone(), self.stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                served = axum::serve(listener, router).into_future() => served.unwrap(),
                () = stop.cancelled() => {}
            }
        });
        address
    }

    pub(super) async fn end(self) -> Stopped {
        self.stop.cancel();
        self.worker.await.unwrap()
    }
}

impl Forward {
    async fn send(&self, call: Call) -> (StatusCode, String) {
        match timeout(PATIENCE, self.client.send(call)).await {
            Ok(Ok(reply)) => (StatusCode::from_u16(reply.status).unwrap(), reply.body),
            Ok(Err(_)) => (StatusCode::BAD_GATEWAY, json!({ "message": "no answer" }).to_string()),
            Err(_elapsed) => (StatusCode::GATEWAY_TIMEOUT, json!({ "message": "no answer in time" }).to_string()),
        }
    }

    /// Sends a write below the documents of the index, and tells its task.
    async fn write(&self, method: Method, below: &str, body: Option<&Value>) -> Response {
        let call = self.client.call(method, &format!("/indexes/{}/documents{below}", self.index), body);
        let (status, body) = self.send(call).await;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        match answer["taskUid"].as_u64() {
            Some(task) => (status, Extension(TaskId(task)), body).into_response(),
            None => (status, body).into_response(),
        }
    }
}

async fn put_post(State(forward): State<Forward>, Json(post): Json<Value>) -> Response {
    forward.write(Method::POST, "", Some(&post)).await
}

async fn merge_post(State(forward): State<Forward>, Path(id): Path<String>, Json(mut post): Json<Value>) -> Response {
    post["id"] = json!(id);
    forward.write(Method::PUT, "", Some(&post)).await
}

async fn delete_post(State(forward): State<Forward>, Path(id): Path<String>) -> Response {
    forward.write(Method::DELETE, &format!("/{id}"), None).await
}

/// The service as it was: it passes everything on.
async fn pass_on(State(forward): State<Forward>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST.into_response() };
    let body: Bytes = body.to_bytes();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let mut call = forward.client.call(parts.method, &path, None);
    call.content_type = parts.headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
    call.body = body.to_vec();
    let (status, body) = forward.send(call).await;
    Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap()
}
