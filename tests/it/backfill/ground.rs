//! A database with an index, and a source that does as it is told.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossfade::{
    backend::{
        postgres::{PostgresIndex, PostgresOptions, PostgresWriter},
        write::{TargetWrite, TargetWriter, Writer, WrittenBy},
    },
    backfill::{
        Backfill, BackfillError, BackfillOutcome, Job, JobOptions, Quiet,
        source::{
            BackfillSource, Page, Shard, SourceDescription, SourceDocument, SourceError, SourceErrorKind, SourcePlan,
            SourceRow, Total, Unreadable,
        },
    },
    document::{Document, DocumentId, Version},
    error::Side,
    plan::{Flags, Plan, WriteMode},
    settings::IndexSettings,
    store::{DEFAULT_SCHEMA, PgReads, ReplicaReport, Store},
    testing::{TestDatabase, TestPostgres},
};
use futures_util::{FutureExt, future::BoxFuture};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(super) const INDEX: &str = "posts";

pub(super) struct Ground {
    pub(super) database: TestDatabase,
    pub(super) store: Store,
    pub(super) target: PostgresIndex,
    pub(super) writer: PostgresWriter,
}

/// What the control tables say of the only shard of a job.
#[derive(Debug, PartialEq, sqlx::FromRow)]
pub(super) struct State {
    pub(super) epoch: i64,
    pub(super) processed_rows: i64,
    pub(super) job_rows: i64,
    pub(super) last_cursor: Option<String>,
}

type Act = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Rows by their numbers, which are places and cursors too.
#[derive(Clone)]
pub(super) struct Scripted(Arc<Inner>);

struct Inner {
    rows: Mutex<Vec<Content>>,
    /// From which row pages were read, in the order of reading.
    reads: Mutex<Vec<usize>>,
    acts: Mutex<BTreeMap<usize, Act>>,
    gates: Mutex<BTreeMap<usize, Gate>>,
    failures: Mutex<BTreeMap<usize, SourceErrorKind>>,
    /// Rows of a page, at most: small, so that there are many.
    page: Mutex<usize>,
}

#[derive(Clone)]
enum Content {
    Document(Document),
    Unreadable(String),
    Gone,
}

/// Holds a page back that has been read.
#[derive(Clone)]
pub(super) struct Gate {
    reached: watch::Sender<bool>,
    open: watch::Sender<bool>,
}

pub(super) fn id(n: usize) -> String {
    format!("{n:06}")
}

pub(super) fn document(n: usize, title: &str) -> Document {
    json!({"id": id(n), "title": title, "n": n}).as_object().unwrap().clone()
}

impl Ground {
    pub(super) async fn new() -> Self {
        let database = TestPostgres::database().await.unwrap();
        let ground = Self::in_database(database).await;
        ground.dual_since_now().await;
        ground
    }

    pub(super) async fn in_database(database: TestDatabase) -> Self {
        let store = Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap();
        store.migrate().await.unwrap();
        let options = PostgresOptions::new(database.url()).unwrap();
        let target = options.clone().index(INDEX);
        let settings: IndexSettings =
            serde_json::from_value(json!({"searchableAttributes": ["title"], "filterableAttributes": ["n"]})).unwrap();
        target.create("id", &settings).await.unwrap();
        Self { database, store, target, writer: options.writer() }
    }

    /// As if a process of the service had begun to write both sides just now.
    pub(super) async fn dual_since_now(&self) {
        self.report("r1", WriteMode::MeiliOnly, 0, None).await;
        self.report("r1", WriteMode::Dual, 0, None).await;
    }

    pub(super) async fn report(&self, replica: &str, mode: WriteMode, pending: u64, write: Option<Duration>) {
        let journal = crossfade::journal::Status { pending, ..Default::default() };
        let report = ReplicaReport {
            replica: replica.to_owned(),
            host: "here".to_owned(),
            plan: Plan::new(Flags { write_mode: mode, ..Flags::default() }),
            revision: 0,
            reads: PgReads::default(),
            reads_before: PgReads::default(),
            journal: Some(journal),
            write,
            every: Duration::from_secs(60),
        };
        self.store.replicas().report(&report).await.unwrap();
    }

    pub(super) fn options(&self) -> JobOptions {
        JobOptions { settle: Duration::ZERO, ..JobOptions::default() }
    }

    pub(super) fn backfill(&self, source: Scripted) -> Backfill {
        Backfill::new(&self.store, self.target.clone(), source).patience(Duration::from_secs(20))
    }

    pub(super) async fn run(&self, source: Scripted) -> Job {
        self.run_as("job", source).await
    }

    /// Works on a job while a process of the service reports, with an empty journal.
    pub(super) async fn work(&self, backfill: &Backfill, job: &str) -> Result<BackfillOutcome, BackfillError> {
        self.work_until(backfill, job, CancellationToken::new()).await
    }

    pub(super) async fn work_until(
        &self,
        backfill: &Backfill,
        job: &str,
        stop: CancellationToken,
    ) -> Result<BackfillOutcome, BackfillError> {
        let reporting = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.report("r1", WriteMode::Dual, 0, None).await;
            }
        };
        tokio::select! {
            outcome = backfill.run(job, stop, &Quiet) => outcome,
            () = reporting => unreachable!(),
        }
    }

    pub(super) async fn run_as(&self, job: &str, source: Scripted) -> Job {
        let backfill = self.backfill(source);
        backfill.create(job, &self.options()).await.unwrap();
        match self.work(&backfill, job).await.unwrap() {
            BackfillOutcome::Succeeded(job) => *job,
            outcome => panic!("{outcome:?}"),
        }
    }

    /// A live write.
    pub(super) async fn write(&self, n: usize, version: Version, document: Option<Document>) {
        live(&self.writer, &id(n), version, document).await;
    }

    pub(super) async fn connection(&self) -> PgConnection {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        sqlx::query("SET search_path = cn_search").execute(&mut connection).await.unwrap();
        connection
    }

    pub(super) async fn sql(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut self.connection().await).await.unwrap();
    }

    /// All documents.
    pub(super) async fn standing(&self) -> BTreeMap<String, Value> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT id, body::text FROM search_documents WHERE NOT deleted")
                .fetch_all(&mut self.connection().await)
                .await
                .unwrap();
        rows.into_iter().map(|(id, body)| (id, serde_json::from_str(&body).unwrap())).collect()
    }

    pub(super) async fn ordinals(&self) -> Vec<(String, i64)> {
        sqlx::query_as("SELECT id, ordinal FROM search_documents WHERE NOT deleted ORDER BY id")
            .fetch_all(&mut self.connection().await)
            .await
            .unwrap()
    }

    /// Waits until a job has dealt with so many rows.
    pub(super) async fn until_rows(&self, job: &str, rows: i64) {
        let wait = async {
            while self.state_of(job).await.job_rows < rows {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the rows never came");
    }

    /// Waits until the lease of the only shard of a job lasts so much longer than it does now.
    pub(super) async fn until_held_for(&self, job: &str, longer: Duration) {
        const UNTIL: &str = "SELECT extract(epoch FROM lease_until)::float8 FROM backfill_shards WHERE job_id = $1";
        let mut psql = self.connection().await;
        let mut until = async || -> f64 { sqlx::query_scalar(UNTIL).bind(job).fetch_one(&mut psql).await.unwrap() };
        let begun = until().await;
        let wait = async {
            while until().await < begun + longer.as_secs_f64() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the lease is not held");
    }

    pub(super) async fn state_of(&self, job: &str) -> State {
        sqlx::query_as(
            "SELECT s.epoch, s.processed_rows, j.processed_rows AS job_rows, c.last_cursor
             FROM backfill_jobs j JOIN backfill_shards s USING (job_id) LEFT JOIN backfill_checkpoints c USING (job_id, shard_key)
             WHERE j.job_id = $1",
        )
        .bind(job)
        .fetch_one(&mut self.connection().await)
        .await
        .unwrap()
    }
}

/// A live write by some process.
pub(super) async fn live(writer: &PostgresWriter, id: &str, version: Version, document: Option<Document>) {
    let by = WrittenBy { writer: Writer(1), authority: Side::Meili };
    let write = TargetWrite { id: id.into(), version, document: document.map(Arc::new), age: Some(Duration::ZERO) };
    writer.write(INDEX, by, &[write]).await.unwrap();
}

impl Scripted {
    pub(super) fn rows(count: usize) -> Self {
        let rows = (0..count).map(|n| Content::Document(document(n, &format!("row {n}")))).collect();
        Self(Arc::new(Inner {
            rows: Mutex::new(rows),
            reads: Mutex::default(),
            acts: Mutex::default(),
            gates: Mutex::default(),
            failures: Mutex::default(),
            page: Mutex::new(40),
        }))
    }

    fn set(&self, n: usize, content: Content) {
        self.0.rows.lock().unwrap()[n] = content;
    }

    pub(super) fn with(self, n: usize, document: Document) -> Self {
        self.set(n, Content::Document(document));
        self
    }

    pub(super) fn put(&self, n: usize, document: Document) {
        self.set(n, Content::Document(document));
    }

    pub(super) fn unreadable(self, n: usize, why: &str) -> Self {
        self.set(n, Content::Unreadable(why.to_owned()));
        self
    }

    pub(super) fn remove(&self, n: usize) {
        self.set(n, Content::Gone);
    }

    /// The documents it holds now.
    pub(super) fn expected(&self) -> BTreeMap<String, Value> {
        let rows = self.0.rows.lock().unwrap();
        let document = |(n, content): (usize, &Content)| match content {
            Content::Document(document) => Some((id(n), Value::Object(document.clone()))),
            _ => None,
        };
        rows.iter().enumerate().filter_map(document).collect()
    }

    /// Does something when a page is asked for, before it is read; pages are counted from 1.
    pub(super) fn at_read<F: Future<Output = ()> + Send + 'static>(
        &self,
        page: usize,
        act: impl Fn() -> F + Send + Sync + 'static,
    ) {
        self.0.acts.lock().unwrap().insert(page, Arc::new(move || act().boxed()));
    }

    /// Holds a page back after it was read.
    pub(super) fn hold_read(&self, page: usize) -> Gate {
        let gate = Gate { reached: watch::Sender::new(false), open: watch::Sender::new(false) };
        self.0.gates.lock().unwrap().insert(page, gate.clone());
        gate
    }

    /// Everything in one page, whatever is asked for.
    pub(super) fn one_page(&self) {
        *self.0.page.lock().unwrap() = usize::MAX;
    }

    pub(super) fn fail_read(&self, page: usize, kind: SourceErrorKind) {
        self.0.failures.lock().unwrap().insert(page, kind);
    }

    pub(super) fn read_from(&self) -> Vec<usize> {
        self.0.reads.lock().unwrap().clone()
    }

    fn row(&self, n: usize) -> Option<SourceRow> {
        let content = match self.0.rows.lock().unwrap().get(n)?.clone() {
            Content::Document(document) => Ok(SourceDocument {
                id: DocumentId::from(id(n)),
                version: None,
                ordinal: Some(n as i64),
                document: Some(document),
            }),
            Content::Unreadable(why) => Err(Unreadable { id: Some(DocumentId::from(id(n))), why }),
            Content::Gone => return None,
        };
        Some(SourceRow { place: n.to_string(), content })
    }
}

impl Gate {
    pub(super) async fn reached(&self) {
        self.reached.subscribe().wait_for(|reached| *reached).await.unwrap();
    }

    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }
}

impl BackfillSource for Scripted {
    fn describe(&self) -> SourceDescription {
        SourceDescription::Meili { index: INDEX.to_owned(), version: None }
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(async { Ok(()) })
    }

    fn plan(&self, shards: usize) -> BoxFuture<'_, Result<SourcePlan, SourceError>> {
        let rows = self.0.rows.lock().unwrap().len();
        let bound = |n: usize| (n > 0 && n < shards).then(|| (rows * n / shards).to_string());
        let shard = |n: usize| Shard { key: format!("{n:02}"), lower: bound(n), upper: bound(n + 1) };
        let plan = SourcePlan {
            shards: (0..shards).map(shard).collect(),
            total: Some(Total { rows: rows as u64, exact: true }),
        };
        Box::pin(async { Ok(plan) })
    }

    fn read<'a>(
        &'a self,
        shard: &'a Shard,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(async move {
            let number = |text: &str| text.parse::<usize>().unwrap();
            let from = after.or(shard.lower.as_deref()).map_or(0, number);
            let page = {
                let mut reads = self.0.reads.lock().unwrap();
                reads.push(from);
                reads.len()
            };
            let act = self.0.acts.lock().unwrap().remove(&page);
            if let Some(act) = act {
                act().await;
            }
            if let Some(kind) = self.0.failures.lock().unwrap().remove(&page) {
                return Err(SourceError::new(kind, "doing as told"));
            }
            let rows = self.0.rows.lock().unwrap().len();
            let end = shard.upper.as_deref().map_or(rows, number);
            let most = *self.0.page.lock().unwrap();
            let to = if most == usize::MAX { end } else { (from + limit.min(most)).min(end) };
            let read = Page {
                rows: (from..to).filter_map(|n| self.row(n)).collect(),
                cursor: Some(to.to_string()),
                end: to == end,
            };
            let gate = self.0.gates.lock().unwrap().remove(&page);
            if let Some(gate) = gate {
                gate.reached.send_replace(true);
                gate.open.subscribe().wait_for(|open| *open).await.unwrap();
            }
            Ok(read)
        })
    }

    fn reread<'a>(&'a self, places: &'a [String]) -> BoxFuture<'a, Result<Vec<SourceRow>, SourceError>> {
        Box::pin(async move { Ok(places.iter().filter_map(|place| self.row(place.parse().unwrap())).collect()) })
    }
}

/// The counters of this thread, on which a test and all its tasks run.
pub(super) struct Counters {
    snapshotter: metrics_util::debugging::Snapshotter,
    seen: Mutex<BTreeMap<String, u64>>,
    _guard: metrics::LocalRecorderGuard<'static>,
}

impl Counters {
    pub(super) fn new() -> Self {
        let recorder: &'static DebuggingRecorder = Box::leak(Box::default());
        let guard = metrics::set_default_local_recorder(recorder);
        Self { snapshotter: recorder.snapshotter(), seen: Mutex::default(), _guard: guard }
    }

    /// How much was counted under a name, whatever the labels.
    pub(super) fn count(&self, name: &str) -> u64 {
        let mut seen = self.seen.lock().unwrap();
        // A snapshot takes what it shows.
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            if let DebugValue::Counter(count) = value {
                *seen.entry(key.key().name().to_owned()).or_default() += count;
            }
        }
        seen.get(name).copied().unwrap_or(0)
    }

    pub(super) async fn until(&self, name: &str, count: u64) {
        let wait = async {
            while self.count(name) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("{name} never came to {count}"));
    }
}
