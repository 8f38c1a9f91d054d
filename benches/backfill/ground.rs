//! The posts of a service, and an index for them in the same database.

use std::{sync::OnceLock, time::Duration};

use crossfade::{
    backend::postgres::{PostgresIndex, PostgresOptions},
    backfill::{
        Backfill, BackfillOutcome, Job, JobOptions, Note, Stage,
        source::{BackfillSource, SqlOptions, SqlSource},
    },
    settings::IndexSettings,
    store::{DEFAULT_SCHEMA, Store},
    testing::{TestDatabase, TestPostgres},
};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub const INDEX: &str = "posts";

/// Posts of a dozen words in seven topics.
const POSTS: &str = "
    CREATE SCHEMA cn_relay;
    CREATE TABLE cn_relay.events (
        event_id TEXT PRIMARY KEY, pubkey TEXT NOT NULL, kind INT NOT NULL, created_at BIGINT NOT NULL, tags JSONB NOT NULL,
        content TEXT NOT NULL, is_deleted BOOLEAN NOT NULL DEFAULT FALSE, is_current BOOLEAN NOT NULL DEFAULT TRUE,
        expires_at BIGINT NULL);
    CREATE TABLE cn_relay.event_topics (
        event_id TEXT NOT NULL, topic_id TEXT NOT NULL, PRIMARY KEY (event_id, topic_id));";

/// Every word of a post is one of some frequent ones, or of many rare ones.
const FILL: &str = "
    INSERT INTO cn_relay.events (event_id, pubkey, kind, created_at, tags, content)
    SELECT md5(n::text), md5((n % 1000)::text), 1, 1700000000 + n, '[]',
        (SELECT string_agg('w' || ((n::bigint * g * 7919) % CASE WHEN g < 4 THEN 300 ELSE 20000 END), ' ')
         FROM generate_series(1, 12) g)
    FROM generate_series($1::int, $2::int) n";

const TOPICS: &str = "
    INSERT INTO cn_relay.event_topics SELECT event_id, 'topic' || (created_at % 7) FROM cn_relay.events
    ON CONFLICT DO NOTHING";

pub struct Ground {
    pub database: TestDatabase,
    pub store: Store,
    pub target: PostgresIndex,
    pub connection: PgConnection,
    // Dropped last.
    _server: TestPostgres,
}

impl Ground {
    pub async fn new(posts: i32) -> Self {
        let server = TestPostgres::durable().await.unwrap();
        let database = server.create_database().await.unwrap();
        let store = Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap();
        store.migrate().await.unwrap();
        let target = PostgresOptions::new(database.url()).unwrap().index(INDEX);
        target.create("id", &settings()).await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql(POSTS).execute(&mut connection).await.unwrap();
        let mut ground = Self { database, store, target, connection, _server: server };
        ground.fill(1, posts).await;
        ground
    }

    pub async fn fill(&mut self, from: i32, to: i32) {
        sqlx::query(FILL).bind(from).bind(to).execute(&mut self.connection).await.unwrap();
        sqlx::query(TOPICS).execute(&mut self.connection).await.unwrap();
        sqlx::raw_sql("ANALYZE cn_relay.events, cn_relay.event_topics").execute(&mut self.connection).await.unwrap();
    }

    pub async fn sql(&mut self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut self.connection).await.unwrap();
    }

    /// An empty table, and nothing left to be written of what was before.
    pub async fn clear(&mut self) {
        self.sql("TRUNCATE cn_search.search_documents").await;
        self.sql("DO $$ BEGIN IF to_regclass('cn_search.stock_documents') IS NOT NULL THEN TRUNCATE cn_search.stock_documents; END IF; END $$").await;
        self.sql("CHECKPOINT").await;
    }

    pub async fn documents(&mut self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM cn_search.search_documents")
            .fetch_one(&mut self.connection)
            .await
            .unwrap()
    }

    pub async fn stock_documents(&mut self) -> i64 {
        let count = "SELECT count(*) FROM cn_search.stock_documents";
        sqlx::query_scalar(count).fetch_one(&mut self.connection).await.unwrap()
    }

    pub fn posts(&self) -> SqlSource {
        SqlSource::connect(self.database.url(), SqlOptions::default()).unwrap()
    }

    /// Copies everything, with one worker.
    pub async fn backfill(&self, job: &str, source: impl BackfillSource, defer_indexes: bool) -> Copied {
        let backfill = Backfill::new(&self.store, self.target.clone(), source);
        let options =
            JobOptions { without_heartbeats: true, settle: Duration::ZERO, defer_indexes, ..JobOptions::default() };
        backfill.create(job, &options).await.unwrap();
        let (begun, watch) = (Instant::now(), Watch::default());
        match backfill.run(job, CancellationToken::new(), &watch).await.unwrap() {
            BackfillOutcome::Succeeded(job) => {
                let all = begun.elapsed().as_secs_f64();
                let copying = watch.0.get().map_or(all, |copied| copied.duration_since(begun).as_secs_f64());
                Copied { job: *job, copying, all }
            }
            outcome => panic!("{outcome:?}"),
        }
    }
}

/// What a backfill has come to, and how many seconds it took: until all was copied, and until all was indexed too.
pub struct Copied {
    pub job: Job,
    pub copying: f64,
    pub all: f64,
}

/// Sees when all is copied.
#[derive(Default)]
struct Watch(OnceLock<Instant>);

impl Note for Watch {
    fn say(&self, _step: &str) {}

    fn progress(&self, job: &Job) {
        if !matches!(job.stage, Stage::Preparing | Stage::Copying) {
            self.0.get_or_init(Instant::now);
        }
    }
}

pub fn settings() -> IndexSettings {
    let settings = json!({
        "searchableAttributes": ["content"],
        "filterableAttributes": ["topic_id", "kind", "created_at"],
        "sortableAttributes": ["created_at"],
    });
    serde_json::from_value(settings).unwrap()
}
