//! Gates, steps and the ramp on a real PostgreSQL.

mod cli;
mod evidence;
mod grants;
mod ramp;
mod steps;

use std::time::Duration;

use crossfade::{
    gates::Policy,
    journal::Status,
    store::{DEFAULT_SCHEMA, PgReads, ReplicaReport, Store, evidence::DriftSeen},
    testing::{TestDatabase, TestPostgres},
};
use jiff::Timestamp;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// A migrated store, and a pool of the test's own.
pub(crate) struct Ground {
    pub(crate) store: Store,
    pub(crate) pool: PgPool,
    // Last: it goes when it is dropped.
    pub(crate) database: TestDatabase,
}

impl Ground {
    pub(crate) async fn fresh() -> Self {
        let database = TestPostgres::database().await.unwrap();
        let store = Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap();
        store.migrate().await.unwrap();
        let options: PgConnectOptions = database.url().parse().unwrap();
        let pool = PgPoolOptions::new().connect_lazy_with(options.options([("search_path", DEFAULT_SCHEMA)]));
        Self { store, pool, database }
    }

    pub(crate) async fn set(&self, flags: &[(&str, &str)]) {
        for (flag, value) in flags {
            self.store.flags().set(flag, value, "test", "test").await.unwrap();
        }
    }

    /// Pairs of now, all alike: overlap, latency of PostgreSQL in milliseconds, how many.
    pub(crate) async fn pairs(&self, overlap: f64, pg_ms: i64, count: i64) {
        let insert = "
            INSERT INTO shadow_read_logs (endpoint, user_id, query_norm, meili_ids, pg_ids, overlap_at_10, latency_meili_ms,
                latency_pg_ms, latency_meili_us, latency_pg_us, settled, agreement_ndcg_at_10_linear_v1)
            SELECT 'e', '', 'q' || n, '{1}', '{1}', $1, 5, $2, 5000, $2 * 1000, TRUE, $1 FROM generate_series(1, $3) AS n";
        sqlx::query(insert).bind(overlap).bind(pg_ms).bind(count).execute(&self.pool).await.unwrap();
    }

    /// All that is known without samples, as it should be before any step.
    pub(crate) async fn all_well(&self) {
        self.reads("one", 0, 0).await;
        let job = "INSERT INTO backfill_jobs (job_id, target, status) VALUES ('posts-1', 'posts', 'succeeded') ON CONFLICT DO NOTHING";
        sqlx::query(job).execute(&self.pool).await.unwrap();
        self.store.evidence().keep_drift(&drift("posts", Timestamp::now(), 0)).await.unwrap();
    }

    /// A process that lives, goes by the flags of the table, and has had so many reads for PostgreSQL.
    pub(crate) async fn reads(&self, replica: &str, answered: u64, failed: u64) {
        let report = ReplicaReport {
            replica: replica.to_owned(),
            host: "here".to_owned(),
            plan: self.store.flags().read().await.unwrap().plan().unwrap(),
            revision: 0,
            reads: PgReads { answered, failed, ..PgReads::default() },
            reads_before: PgReads::default(),
            journal: Some(Status { pending: 3, oldest_seconds: Some(0.5), ..Status::default() }),
            write: None,
            every: Duration::from_secs(60),
        };
        self.store.replicas().report(&report).await.unwrap();
    }

    /// Without the gate that needs judgments.
    pub(crate) fn policy(&self, more: &str) -> Policy {
        Policy::parse(&format!("{more}\n[gates.judged_ndcg]\nenabled = false")).unwrap()
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }
}

pub(crate) fn drift(index: &str, began: Timestamp, stale: u64) -> DriftSeen {
    DriftSeen {
        index: index.to_owned(),
        began,
        meili_documents: 10,
        pg_documents: 11,
        missing: 0,
        extra: 0,
        stale,
        tombstone: 0,
        unsettled: 0,
    }
}
