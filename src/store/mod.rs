//! Stub.
#![allow(missing_docs)]
mod report;
mod shadow_log;
pub use report::{
    Latencies, OutcomeCount, Overlap, PairStats, Percentiles, ReadStats, Report, ReportOptions, ZeroResults,
};
pub use shadow_log::{Redaction, RedactionKeyError, ShadowLog, ShadowLogOptions, ShadowLogSummary, ShadowLogWriter};
use sqlx::{
    Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
}
impl Store {
    pub async fn connect(url: &str) -> Result<Self, sqlx::Error> {
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new()
            .max_connections(5)
            .connect_with(options.options([("search_path", "cn_search")]))
            .await?;
        pool.execute("CREATE SCHEMA IF NOT EXISTS cn_search").await?;
        Ok(Self { pool })
    }
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        sqlx::migrate!().run(&self.pool).await
    }
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}
