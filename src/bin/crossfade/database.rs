//! Which database, and which schema in it.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use crossfade::{
    backend::postgres::PostgresOptions,
    store::{DEFAULT_SCHEMA, Store},
    tokens::Ipadic,
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
    /// The folder of MeCab's IPADIC, to cut Japanese with; the service must use the same. Without it Japanese is cut by pairs of characters.
    #[arg(long, global = true, env = "CROSSFADE_IPADIC", value_name = "FOLDER")]
    ipadic: Option<PathBuf>,
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
        self.with_dictionary(PostgresOptions::new(url)?.schema(self.schema()))
    }

    /// The same side, cutting Japanese as the options say.
    pub(crate) fn with_dictionary(&self, postgres: PostgresOptions) -> Result<PostgresOptions, Failure> {
        match &self.ipadic {
            None => Ok(postgres),
            Some(folder) => Ok(postgres.with_segmenter(Arc::new(Ipadic::load(folder)?))),
        }
    }

    pub(crate) async fn connect(&self) -> Result<Store, Failure> {
        let url = self.database_url.as_deref().ok_or(Failure::NoDatabase)?;
        Ok(Store::connect(url, &self.schema).await?)
    }
}
