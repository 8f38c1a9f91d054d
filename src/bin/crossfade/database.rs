//! Which database, and which schema in it.

use clap::Args;
use crossfade::{
    backend::postgres::PostgresOptions,
    store::{DEFAULT_SCHEMA, Store},
};

use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct Database {
    /// The database of the control tables; better given by the environment, where `ps` does not show it.
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// The schema of the control tables.
    #[arg(long, global = true, default_value = DEFAULT_SCHEMA, value_name = "NAME")]
    schema: String,
}

impl Database {
    pub(crate) fn url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// The same database as a side.
    pub(crate) fn postgres(&self) -> Result<PostgresOptions, Failure> {
        let url = self.url().ok_or(Failure::NoDatabase)?;
        Ok(PostgresOptions::new(url)?.schema(self.schema()))
    }

    pub(crate) async fn connect(&self) -> Result<Store, Failure> {
        let url = self.database_url.as_deref().ok_or(Failure::NoDatabase)?;
        Ok(Store::connect(url, &self.schema).await?)
    }
}
