//! A schema of its own for one measurement.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{EvalError, sql};
use crate::{backend::postgres::PostgresOptions, store::Store};

/// How long taking the schema away may take.
const LONGEST_DROP: Duration = Duration::from_secs(60);

/// A schema with the tables of this crate, under a name nobody else uses. It stays until [`remove`](Self::remove).
#[derive(Debug)]
pub struct Scratch {
    url: String,
    schema: String,
}

impl Scratch {
    /// Makes the schema and its tables in the database of this URL. What a failure leaves is taken away.
    ///
    /// Is not to be dropped half-way: a statement may still be on its way then.
    pub async fn create(url: &str) -> Result<Self, EvalError> {
        let schema = format!("crossfade_eval_{:016x}", rand::random::<u64>());
        let store = Store::connect(url, &schema).await?;
        let scratch = Self { url: url.to_owned(), schema };
        match store.migrate().await {
            Ok(()) => Ok(scratch),
            Err(failure) => {
                scratch.remove().await?;
                Err(failure.into())
            }
        }
    }

    /// Its name.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The database with this schema. What uses it is ended when the schema is removed.
    pub fn options(&self) -> Result<PostgresOptions, EvalError> {
        Ok(PostgresOptions::new(&self.url)?.schema(&*self.schema).application_name(&*self.schema))
    }

    /// Ends what still runs there and drops the schema.
    pub async fn remove(self) -> Result<(), EvalError> {
        let outcome = timeout(LONGEST_DROP, self.drop_schema()).await;
        let outcome = outcome.unwrap_or_else(|elapsed| Err(sqlx::Error::Io(elapsed.into())));
        outcome.map_err(|source| EvalError::NotDropped { schema: self.schema, source })
    }

    async fn drop_schema(&self) -> Result<(), sqlx::Error> {
        let options: PgConnectOptions = self.url.parse()?;
        let mut connection = PgConnection::connect_with(&options.application_name("crossfade eval")).await?;
        sqlx::query(sql::END_SESSIONS).bind(&self.schema).execute(&mut connection).await?;
        sqlx::raw_sql(AssertSqlSafe(sql::drop_schema(&self.schema))).execute(&mut connection).await?;
        connection.close().await
    }
}
