//! A service that passes Meilisearch's routes through, with the write layer around it, over a real PostgreSQL and a real
//! Meilisearch or the double.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use crossfade::{
    backend::{meili::MeiliOptions, postgres::PostgresOptions},
    dual_write::DualWritePolicy,
    http::codec,
    journal::{Journal, JournalOptions, memory::MemoryJournal},
    migration::{Migration, Stopped},
    plan::{Flags, PlanHandle, ReadBackend, WriteMode},
    testing::{
        TestDatabase, TestPostgres,
        meili::{Client, Meili},
    },
};
use http::{Method, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Ground {
    pub(super) meili: Meili,
    pub(super) postgres: TestPostgres,
    pub(super) database: TestDatabase,
    pub(super) plan: PlanHandle,
    pub(super) journal: MemoryJournal,
    pub(super) index: String,
    router: Router,
    stop: CancellationToken,
    worker: JoinHandle<Stopped>,
}

pub(super) fn dual() -> Flags {
    Flags { write_mode: WriteMode::Dual, ..Flags::default() }
}

pub(super) fn target_primary() -> Flags {
    Flags { read_backend: ReadBackend::Pg, ..dual() }
}

pub(super) fn quick() -> DualWritePolicy {
    DualWritePolicy {
        first_pause: Duration::from_millis(10),
        max_pause: Duration::from_millis(100),
        call_timeout: Duration::from_secs(2),
        ..DualWritePolicy::default()
    }
}

impl Ground {
    pub(super) async fn new() -> Self {
        Self::with(quick(), false).await
    }

    /// With a PostgreSQL that can be stopped.
    pub(super) async fn fragile() -> Self {
        Self::with(quick(), true).await
    }

    pub(super) async fn with(policy: DualWritePolicy, fragile: bool) -> Self {
        let postgres = if fragile { TestPostgres::private().await } else { TestPostgres::start().await }.unwrap();
        let database = postgres.create_database().await.unwrap();
        let store = crossfade::store::Store::connect(database.url(), "cn_search").await.unwrap();
        store.migrate().await.unwrap();
        let meili = Meili::start().await.unwrap();
        let settings = json!({ "filterableAttributes": ["kind", "_geo"], "searchableAttributes": ["title"] });
        // With a document, so that it has a primary key.
        let first = json!({ "id": "first", "title": "first", "kind": "x" });
        let index = meili.index("writes", &settings, std::slice::from_ref(&first)).await.unwrap();
        let source = MeiliOptions::new(meili.url(), Some(meili.key())).unwrap().index(&*index);
        let target = PostgresOptions::new(database.url()).unwrap().index(&*index);
        target.create("id", &source.settings().await.unwrap()).await.unwrap();
        let row = crossfade::backend::postgres::VersionedDocument {
            id: "first".into(),
            version: crossfade::document::Version(1),
            ordinal: 0,
            document: first.as_object().cloned().unwrap(),
        };
        target.load(&[row]).await.unwrap();
        let plan = PlanHandle::fixed(dual());
        let journal = MemoryJournal::new(JournalOptions { limbo: Duration::from_millis(300) });
        let builder = Migration::builder(plan.clone()).source(source).target(target);
        let (migration, worker) = builder.journal(journal.clone()).write_policy(policy).build().unwrap();
        let codec = codec::meili_documents(&*index, "id").api_keys([meili.key()]);
        let client = Client::new(meili.url(), meili.key()).unwrap();
        let router = Router::new().fallback(forward).with_state(Arc::new(client)).layer(migration.http_writes(codec));
        let stop = CancellationToken::new();
        let worker = tokio::spawn(worker.run(stop.clone()));
        Self { meili, postgres, database, plan, journal, index, router, stop, worker }
    }

    /// A request to a route below the documents of the index, such as `""`, `/17` or `/delete-batch`.
    pub(super) fn request(&self, method: Method, below: &str, body: Option<&Value>) -> Request {
        let uri = format!("/indexes/{}/documents{below}", self.index);
        let mut request = Request::builder().method(method).uri(uri);
        request = request.header("authorization", format!("Bearer {}", self.meili.key()));
        match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        }
        .unwrap()
    }

    /// Sends it, and gives the status and the JSON of the answer.
    pub(super) async fn send(&self, method: Method, below: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(self.request(method, below, body)).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Sends a write that is to be accepted.
    pub(super) async fn write(&self, method: Method, below: &str, body: Value) -> Value {
        let (status, answer) = self.send(method, below, Some(&body).filter(|body| !body.is_null())).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer
    }

    pub(super) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Waits until nothing is left to be done.
    pub(super) async fn drained(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.journal.status().await.unwrap();
            if status.pending == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "the journal does not drain: {status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// From now on tasks wait, so that they make up one batch: until they are released, or a real server is done with
    /// what keeps it busy.
    pub(super) async fn hold_tasks(&self) {
        if let Some(double) = self.meili.double() {
            return double.pause_tasks();
        }
        let other = self.meili.index("busy", &json!({}), &[]).await.unwrap();
        let text = |number: u32| format!("word{number} other{} ", number * 7).repeat(20);
        let documents: Vec<Value> = (0..4_000).map(|number| json!({ "id": number, "text": text(number) })).collect();
        let path = format!("/indexes/{other}/documents");
        let call = self.meili.client().call(Method::POST, &path, Some(&json!(documents)));
        let reply = self.meili.client().send(call).await.unwrap();
        assert_eq!(reply.status, 202, "{}", reply.body);
    }

    pub(super) fn release_tasks(&self) {
        if let Some(double) = self.meili.double() {
            double.resume_tasks();
        }
    }

    /// The tasks of the index that have one of these statuses, newest first.
    pub(super) async fn tasks(&self, statuses: &str) -> Vec<Value> {
        let path = format!("/tasks?indexUids={}&statuses={statuses}&limit=100", self.index);
        let call = self.meili.client().call(Method::GET, &path, None);
        self.meili.client().send(call).await.unwrap().json()["results"].as_array().unwrap().clone()
    }

    /// What stands in Meilisearch.
    pub(super) async fn in_meili(&self) -> BTreeMap<String, Value> {
        let source = MeiliOptions::new(self.meili.url(), Some(self.meili.key())).unwrap().index(&*self.index);
        let page = source.documents_in_order(0, 1000).await.unwrap();
        page.documents.into_iter().map(|(id, document)| (id.to_string(), sorted(document))).collect()
    }

    /// What stands in PostgreSQL.
    pub(super) async fn in_pg(&self) -> BTreeMap<String, Value> {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        let sql = "SELECT id, body::text FROM cn_search.search_documents WHERE NOT deleted";
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        let row = |row: sqlx::postgres::PgRow| {
            (row.get::<String, _>(0), sorted(serde_json::from_str(&row.get::<String, _>(1)).unwrap()))
        };
        rows.into_iter().map(row).collect()
    }

    /// Waits until all is done and both sides hold the same, and gives it.
    pub(super) async fn converged(&self) -> BTreeMap<String, Value> {
        self.drained().await;
        let (meili, pg) = (self.in_meili().await, self.in_pg().await);
        assert_eq!(meili, pg);
        pg
    }

    pub(super) async fn end(self) -> Stopped {
        self.stop.cancel();
        self.worker.await.unwrap()
    }
}

/// Fields in one order: the sides keep different ones.
fn sorted(document: crossfade::document::Document) -> Value {
    let fields: BTreeMap<String, Value> = document.into_iter().collect();
    json!(fields)
}

/// The service as it was: it passes everything on.
async fn forward(State(client): State<Arc<Client>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = body.collect().await.unwrap().to_bytes();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let mut call = client.call(parts.method, &path, None);
    call.content_type = parts.headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
    call.body = body.to_vec();
    let (status, body) = match client.send(call).await {
        Ok(reply) => (StatusCode::from_u16(reply.status).unwrap(), reply.body),
        Err(_) => (StatusCode::BAD_GATEWAY, json!({ "message": "no answer" }).to_string()),
    };
    Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap()
}
