//! The outbox intake: real PostgreSQL, sides in memory.

mod both;
mod documents;
mod gaps;
mod letters;
mod owners;
mod plans;
mod random;
mod refusals;
mod sides;

use std::{sync::Arc, time::Duration};

use crossfade::{
    error::Side,
    outbox::{OutboxError, OutboxIntake, OutboxMonitor, OutboxOptions, OutboxPace, OutboxReport, OutboxStart},
    plan::{Flags, PlanHandle, ReadBackend, WriteMode},
    testing::TestDatabase,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::flag_rules::migrated;
use sides::{MemoryMeili, MemoryPg};

/// A service with an outbox, two sides, and a plan.
struct World {
    database: TestDatabase,
    pool: PgPool,
    plan: PlanHandle,
    meili: Arc<MemoryMeili>,
    pg: Arc<MemoryPg>,
}

/// An intake under way.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<OutboxReport, OutboxError>>,
}

const SIDES: [Side; 2] = [Side::Meili, Side::Pg];

fn dual() -> Flags {
    Flags { write_mode: WriteMode::Dual, ..Flags::default() }
}

fn pg_only() -> Flags {
    Flags { write_mode: WriteMode::PgOnly, read_backend: ReadBackend::Pg, ..Flags::default() }
}

/// Quick, but with a lease that does not run out by itself.
fn pace() -> OutboxPace {
    OutboxPace {
        batch: 100,
        poll: Duration::from_millis(20),
        recheck: Duration::from_millis(5),
        lease: Duration::from_secs(60),
        drain: Duration::from_secs(5),
        attempts: 2,
        report: Duration::from_secs(3600),
    }
}

impl World {
    /// In `dual`, without an intake.
    async fn new() -> Self {
        let (database, _store) = migrated().await;
        let pool = PgPool::connect(database.url()).await.unwrap();
        pool.execute(include_str!("source.sql")).await.unwrap();
        let plan = PlanHandle::fixed(dual());
        Self { database, pool, plan, meili: Arc::default(), pg: Arc::default() }
    }

    /// From the beginning on both sides, so that there is no watermark to wait for.
    fn options(&self) -> OutboxOptions {
        let options = OutboxOptions::new(self.database.url()).unwrap();
        options.starts(OutboxStart::Oldest, OutboxStart::Oldest).pace(pace())
    }

    fn intake(&self, options: OutboxOptions) -> OutboxIntake {
        OutboxIntake::new(options, self.plan.clone(), self.meili.clone(), self.pg.clone()).unwrap()
    }

    fn monitor(&self) -> OutboxMonitor {
        self.intake(self.options()).monitor()
    }

    fn run(&self) -> Running {
        self.run_with(self.options())
    }

    fn run_with(&self, options: OutboxOptions) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn(self.intake(options).run(stop.clone()));
        Running { stop, task }
    }

    /// A session of the service.
    async fn session(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        self.pool.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await.unwrap()
    }

    async fn post(&self, event: &str, topic: &str, body: &str) -> i64 {
        post(&mut self.pool.acquire().await.unwrap(), event, topic, body).await
    }

    async fn note(&self, op: &str, event: &str, topic: &str) -> i64 {
        let query = sqlx::query_scalar("SELECT note($1, $2, $3)").bind(op).bind(event).bind(topic);
        query.fetch_one(&self.pool).await.unwrap()
    }

    async fn cursor(&self, side: Side) -> Option<i64> {
        self.monitor().backlog(side).await.unwrap().cursor
    }

    /// Waits until a side has passed a row.
    async fn passed(&self, side: Side, seq: i64) {
        let monitor = self.monitor();
        for _ in 0..4_000 {
            if monitor.backlog(side).await.unwrap().cursor.is_some_and(|cursor| cursor >= seq) {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("{side} never passed {seq}: {:?}", monitor.backlog(side).await);
    }

    async fn both_passed(&self, seq: i64) {
        for side in SIDES {
            self.passed(side, seq).await;
        }
    }

    /// Waits until this query of one bool is true.
    async fn until(&self, sql: &str) {
        for _ in 0..4_000 {
            if sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await.unwrap() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("never came true: {sql}");
    }

    /// The ids that stand on each side.
    fn ids(&self) -> (Vec<String>, Vec<String>) {
        (self.meili.contents().into_keys().collect(), self.pg.contents().into_keys().collect())
    }

    /// Asserts what stands on both sides.
    fn both_hold(&self, ids: &[&str]) {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(self.ids(), (ids.clone(), ids));
        assert_eq!(self.meili.contents(), self.pg.contents());
    }
}

impl Running {
    async fn stop(self) -> OutboxReport {
        self.stop.cancel();
        self.task.await.unwrap().unwrap()
    }

    /// As if the process were killed.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn post(session: &mut PgConnection, event: &str, topic: &str, body: &str) -> i64 {
    let query = sqlx::query_scalar("SELECT post($1, $2, $3)").bind(event).bind(topic).bind(body);
    query.fetch_one(session).await.unwrap()
}

/// The document of a post, as the default lookup makes it.
fn document(event: &str, topic: &str, body: &str) -> String {
    let tags = json!([["t", "x"]]);
    let document = json!({
        "id": format!("{event}__{topic}"), "event_id": event, "topic_id": topic, "pubkey": "author", "kind": 1,
        "created_at": 1_700_000_000, "tags": tags, "content": body,
    });
    document.to_string()
}
