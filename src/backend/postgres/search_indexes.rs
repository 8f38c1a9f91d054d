//! The indexes that only searches need. A bulk load is several times faster without them.

use sqlx::{AssertSqlSafe, PgTransaction, Postgres, pool::PoolConnection};

use super::{PostgresIndex, error::failed, sql};
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
