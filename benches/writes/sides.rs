//! The sides that are measured: real ones, slow ones, and one that has done everything already.

use std::time::Duration;

use crossfade::{
    backend::{
        postgres::{PostgresOptions, PostgresWriter},
        write::{Applied, Replacement, SourceWriter, Standing, Swept, TargetWrite, TargetWriter, TaskState, WrittenBy},
    },
    document::{Document, DocumentId, Version},
    error::BackendError,
    search::FilterInput,
    settings::IndexSettings,
    store::{DEFAULT_SCHEMA, Store},
    testing::{TestDatabase, TestPostgres},
    write::{Action, TaskId},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::sleep;

pub const INDEX: &str = "bench";

/// A side that takes some time for each call besides its own.
pub struct Slow<W> {
    pub side: W,
    pub by: Duration,
}

/// Meilisearch as it is when every task has succeeded.
pub struct AllDone;

/// A PostgreSQL that waits for its disk, with the index. There is no text index, and no attribute is searchable or filterable.
pub struct Postgres {
    pub database: TestDatabase,
    pub writer: PostgresWriter,
    _server: TestPostgres,
}

type Answer<'a, T> = BoxFuture<'a, Result<T, BackendError>>;

impl Postgres {
    pub async fn start() -> Self {
        let server = TestPostgres::durable().await.unwrap();
        let database = server.create_database().await.unwrap();
        let writer = index_in(&database).await;
        Self { database, writer, _server: server }
    }
}

pub async fn index_in(database: &TestDatabase) -> PostgresWriter {
    Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap().migrate().await.unwrap();
    let settings: IndexSettings = serde_json::from_value(json!({"searchableAttributes": []})).unwrap();
    let options = PostgresOptions::new(database.url()).unwrap();
    options.clone().index(INDEX).create("id", &settings).await.unwrap();
    options.writer()
}

/// A document of 200 bytes of JSON.
pub fn document(id: &str, n: usize) -> Document {
    let mut document = json!({"id": id, "user": n % 997, "created_at": 1_700_000_000 + n, "text": ""});
    let rest = 200usize.saturating_sub(document.to_string().len());
    document["text"] = "crossfade ".chars().cycle().skip(n % 10).take(rest).collect::<String>().into();
    document.as_object().cloned().unwrap()
}

impl SourceWriter for AllDone {
    fn send<'a>(&'a self, _index: &'a str, _batch: &'a [(DocumentId, Action)]) -> Answer<'a, TaskId> {
        Box::pin(async { Ok(TaskId(1)) })
    }

    fn tasks<'a>(&'a self, tasks: &'a [TaskId]) -> Answer<'a, Vec<TaskState>> {
        Box::pin(async { Ok(vec![TaskState::Succeeded; tasks.len()]) })
    }

    fn read<'a>(&'a self, _index: &'a str, ids: &'a [DocumentId]) -> Answer<'a, Vec<Option<Document>>> {
        Box::pin(async { Ok(vec![None; ids.len()]) })
    }
}

impl<W: SourceWriter> SourceWriter for Slow<W> {
    fn send<'a>(&'a self, index: &'a str, batch: &'a [(DocumentId, Action)]) -> Answer<'a, TaskId> {
        self.after(self.side.send(index, batch))
    }

    fn tasks<'a>(&'a self, tasks: &'a [TaskId]) -> Answer<'a, Vec<TaskState>> {
        self.after(self.side.tasks(tasks))
    }

    fn read<'a>(&'a self, index: &'a str, ids: &'a [DocumentId]) -> Answer<'a, Vec<Option<Document>>> {
        self.after(self.side.read(index, ids))
    }
}

impl<W: TargetWriter> TargetWriter for Slow<W> {
    fn write<'a>(&'a self, index: &'a str, by: WrittenBy, batch: &'a [TargetWrite]) -> Answer<'a, Vec<Applied>> {
        self.after(self.side.write(index, by, batch))
    }

    fn merge<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [(DocumentId, Version, Document)],
    ) -> Answer<'a, Vec<Result<Document, Version>>> {
        self.after(self.side.merge(index, by, batch))
    }

    fn read<'a>(&'a self, index: &'a str, ids: &'a [DocumentId]) -> Answer<'a, Vec<Option<Standing>>> {
        self.after(self.side.read(index, ids))
    }

    fn replace<'a>(&'a self, index: &'a str, by: WrittenBy, batch: &'a [Replacement]) -> Answer<'a, Vec<bool>> {
        self.after(self.side.replace(index, by, batch))
    }

    fn sweep<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        version: Version,
        filter: Option<&'a FilterInput>,
    ) -> Answer<'a, u64> {
        self.after(self.side.sweep(index, by, version, filter))
    }

    fn swept<'a>(
        &'a self,
        index: &'a str,
        swept: Swept<'a>,
        after: Option<&'a DocumentId>,
        limit: usize,
    ) -> Answer<'a, Vec<DocumentId>> {
        self.after(self.side.swept(index, swept, after, limit))
    }
}

impl<W> Slow<W> {
    fn after<'a, T: Send + 'a>(&self, call: Answer<'a, T>) -> Answer<'a, T> {
        let by = self.by;
        Box::pin(async move {
            sleep(by).await;
            call.await
        })
    }
}
