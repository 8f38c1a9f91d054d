//! What only searches need: some indexes, and the postings. A bulk load is several times faster without them.

use sqlx::{AssertSqlSafe, PgTransaction, Postgres, pool::PoolConnection};

use super::{
    PostgresIndex,
    error::failed,
    postings::{Built, DEFER, build},
    sql,
};
use crate::error::BackendError;

impl PostgresIndex {
    /// Drops them, in a transaction of the caller's; gives the statements that make them again.
    pub(crate) async fn drop_search_indexes(
        &self,
        change: &mut PgTransaction<'_>,
    ) -> Result<Vec<String>, BackendError> {
        let doing = "dropping the indexes of searches for the load";
        let found: Vec<(String, String)> = sqlx::query_as(sql::SEARCH_INDEXES)
            .bind(sql::SEARCH_INDEX_NAMES.as_slice())
            .fetch_all(&mut **change)
            .await
            .map_err(failed(doing))?;
        for (name, _) in &found {
            // One of three names that are constants.
            let drop = sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX {name}")));
            drop.execute(&mut **change).await.map_err(failed(doing))?;
        }
        Ok(found.into_iter().map(|(_, definition)| definition).collect())
    }

    /// Builds one of them, by a statement that [`drop_search_indexes`](Self::drop_search_indexes) gave, while writes go on. What is left of
    /// an attempt that was broken off is removed first; one that is there already is left.
    pub(crate) async fn build_search_index(&self, definition: &str) -> Result<(), BackendError> {
        let doing = "building an index of searches again";
        let Some(name) = sql::SEARCH_INDEX_NAMES
            .into_iter()
            .find(|name| definition.starts_with(&format!("CREATE INDEX {name} ON ")))
        else {
            return Err(super::error::internal("building an index of searches again: this is the definition of none"));
        };
        let mut connection = self.unhurried().await?;
        let invalid: Option<bool> = sqlx::query_scalar(sql::IS_INVALID)
            .bind(name)
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed(doing))?;
        match invalid {
            Some(false) => return Ok(()),
            Some(true) => {
                let drop = sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX CONCURRENTLY {name}")));
                drop.execute(&mut *connection).await.map_err(failed(doing))?;
            }
            None => {}
        }
        // What PostgreSQL itself gave as the definition of that index.
        let build = definition.replacen("CREATE INDEX ", "CREATE INDEX CONCURRENTLY ", 1);
        sqlx::raw_sql(AssertSqlSafe(build)).execute(&mut *connection).await.map_err(failed(doing))?;
        Ok(())
    }

    /// Leaves the postings out from now on, in a transaction of the caller's that has locked nothing yet: changes are not noted, and
    /// searches are refused. Until they are [built](Self::build_postings).
    pub(crate) async fn defer_postings(&self, change: &mut PgTransaction<'_>) -> Result<(), BackendError> {
        let defer = sqlx::query(DEFER).bind(self.uid()).execute(&mut **change).await;
        defer.map_err(failed("leaving the postings out for the load"))?;
        Ok(())
    }

    /// Whether postings are still to be built; not, if there is no such index.
    pub(crate) async fn lacks_postings(&self) -> Result<bool, BackendError> {
        let lacks: Option<bool> = sqlx::query_scalar(sql::LACKS_POSTINGS)
            .bind(self.uid())
            .fetch_optional(self.pool())
            .await
            .map_err(failed("looking whether the postings are built"))?;
        Ok(lacks.unwrap_or(false))
    }

    /// Builds the postings from the documents that stand, while writes go on; nothing if they are kept. Goes on where an attempt was
    /// broken off. False: another process builds them, or all documents were removed meanwhile; ask again.
    pub(crate) async fn build_postings(&self) -> Result<bool, BackendError> {
        Ok(build(self.pool(), self.uid()).await? == Built::All)
    }

    /// Whether live writes have brought versions below this one.
    pub(crate) async fn has_versions_below(&self, version: i64) -> Result<bool, BackendError> {
        let mut connection = self.unhurried().await?;
        let look = sqlx::query_scalar(sql::HAS_OTHER_VERSIONS).bind(self.uid()).bind(version);
        look.fetch_one(&mut *connection).await.map_err(failed("looking at the versions of documents"))
    }

    /// A connection for what takes its time and cannot be done in a transaction; it is closed afterwards.
    async fn unhurried(&self) -> Result<PoolConnection<Postgres>, BackendError> {
        let doing = "connecting for what takes its time";
        let mut connection = self.pool().acquire().await.map_err(failed(doing))?;
        connection.close_on_drop();
        sqlx::raw_sql("SET statement_timeout = 0").execute(&mut *connection).await.map_err(failed(doing))?;
        Ok(connection)
    }
}
