//! Where a backfill reads from.

use std::{fs, path::PathBuf};

use clap::{Args, ValueEnum};
use crossfade::{
    backfill::source::{BackfillSource, JsonlSource, MeiliSource, SourceDescription, SqlIds, SqlOptions, SqlSource},
    outbox::{OutboxColumns, OutboxMonitor, OutboxOptions},
};

use crate::{database::Database, failure::Failure, meili::MeiliServer};

/// What is read, and where it is.
#[derive(Args)]
pub(super) struct Reading {
    /// What is read: the index in Meilisearch, a query of a database, or a file of documents.
    #[arg(long, default_value = "meili", value_name = "SOURCE")]
    from: Kind,
    /// The field or the column that holds the version of a document, if the service gives versions.
    #[arg(long, value_name = "NAME")]
    version: Option<String>,
    /// The field that holds the id of a document.
    #[arg(long, default_value = "id", value_name = "NAME")]
    primary_key: String,
    /// The query, for `--from sql` [default: the posts of the tables `cn_relay.events` and `cn_relay.event_topics`].
    #[arg(long, value_name = "SQL", conflicts_with = "query_file")]
    query: Option<String>,
    /// A file that holds the query.
    #[arg(long, value_name = "PATH")]
    query_file: Option<PathBuf>,
    /// The columns that number the rows of the query, the first first [default: topic_id,created_at,event_id].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    keys: Vec<String>,
    /// The columns the id is made of; one alone is taken as it stands [default: event_id,topic_id].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    id: Vec<String>,
    /// The column that says that a row is deleted.
    #[arg(long, value_name = "COLUMN")]
    deleted: Option<String>,
    /// The file, for `--from jsonl`; `-` is standard input.
    #[arg(long, value_name = "PATH", required_if_eq("from", "jsonl"))]
    file: Option<String>,
    #[command(flatten)]
    pub(super) servers: Servers,
}

/// Where the servers are; nothing of this is kept with a job.
#[derive(Args)]
pub(super) struct Servers {
    #[command(flatten)]
    pub(super) meili: MeiliServer,
    /// The database of the query and the outbox, if that is another one than DATABASE_URL; better given by the environment.
    #[arg(long, env = "SOURCE_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    source_url: Option<String>,
    /// The outbox that feeds the sides, if one does: its numbers are the versions of documents then.
    #[arg(long, value_name = "SCHEMA.TABLE", num_args = 0..=1, default_missing_value = "cn_relay.events_outbox")]
    outbox: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Meili,
    Sql,
    Jsonl,
}

impl Reading {
    pub(super) fn describe(&self, index: &str) -> Result<SourceDescription, Failure> {
        let version = self.version.clone();
        Ok(match self.from {
            Kind::Meili => SourceDescription::Meili { index: index.to_owned(), version },
            Kind::Jsonl => SourceDescription::Jsonl {
                path: self.file.clone().unwrap_or_else(|| "-".to_owned()),
                primary_key: self.primary_key.clone(),
                version,
            },
            Kind::Sql => SourceDescription::Sql(Box::new(self.sql(version)?)),
        })
    }

    fn sql(&self, version: Option<String>) -> Result<SqlOptions, Failure> {
        let mut options = SqlOptions {
            version,
            deleted: self.deleted.clone(),
            primary_key: self.primary_key.clone(),
            ..SqlOptions::default()
        };
        if let Some(path) = &self.query_file {
            options.query = fs::read_to_string(path).map_err(|error| Failure::Unreadable(path.clone(), error))?;
        }
        if let Some(query) = &self.query {
            options.query.clone_from(query);
        }
        if !self.keys.is_empty() {
            options.keys.clone_from(&self.keys);
        }
        if !self.id.is_empty() {
            options.ids = if self.id.len() == 1 { SqlIds::Verbatim } else { SqlIds::Escaped };
            options.id.clone_from(&self.id);
        }
        Ok(options)
    }
}

impl Servers {
    /// Opens what a job describes.
    pub(super) fn open(
        &self,
        database: &Database,
        source: SourceDescription,
    ) -> Result<Box<dyn BackfillSource>, Failure> {
        Ok(match source {
            SourceDescription::Meili { index, version } => {
                let source = MeiliSource::new(self.meili.options()?.index(index));
                Box::new(match version {
                    Some(version) => source.version_field(version),
                    None => source,
                })
            }
            SourceDescription::Sql(options) => Box::new(SqlSource::connect(self.url(database)?, *options)?),
            SourceDescription::Jsonl { path, primary_key, version } => {
                let source = match path.as_str() {
                    "-" => JsonlSource::stdin(primary_key),
                    path => JsonlSource::file(path, primary_key),
                };
                Box::new(match version {
                    Some(version) => source.version_field(version),
                    None => source,
                })
            }
        })
    }

    pub(super) fn names_outbox(&self) -> bool {
        self.outbox.is_some()
    }

    /// The outbox, if one was named.
    pub(super) fn outbox(&self, database: &Database, index: &str) -> Result<Option<OutboxMonitor>, Failure> {
        let Some(outbox) = &self.outbox else { return Ok(None) };
        let (schema, table) = outbox.split_once('.').ok_or_else(|| Failure::NoOutboxName(outbox.clone()))?;
        let control = database.url().ok_or(Failure::NoDatabase)?;
        let columns = OutboxColumns { schema: schema.to_owned(), table: table.to_owned(), ..OutboxColumns::default() };
        let options = OutboxOptions::new(self.url(database)?)?
            .control_url(control)?
            .control_schema(database.schema())
            .index(index, "id")
            .columns(columns);
        Ok(Some(OutboxMonitor::new(options)?))
    }

    fn url<'a>(&'a self, database: &'a Database) -> Result<&'a str, Failure> {
        self.source_url.as_deref().or(database.url()).ok_or(Failure::NoDatabase)
    }
}
