//! Where it is measured: what is made for it, and taken away in the end.

use std::time::Duration;

use crossfade::{
    backend::{
        meili::MeiliOptions,
        postgres::{PoolSize, PostgresIndex, PostgresOptions},
    },
    eval::{EvalError, MeiliScratch, Scratch},
    store::DEFAULT_SCHEMA,
};

use super::Eval;
use crate::{database::Database, failure::Failure};

pub(super) struct Ground {
    pub(super) target: PostgresIndex,
    /// The index on a live Meilisearch.
    pub(super) source: Option<MeiliScratch>,
    /// `None`: the index was there before.
    scratch: Option<Scratch>,
    loaded: bool,
}

impl Ground {
    /// Makes what is needed. Is not interrupted, so that nothing is left behind.
    pub(super) async fn make(database: &Database, eval: &Eval, meili: Option<MeiliOptions>) -> Result<Self, Failure> {
        let url = database.url().ok_or(Failure::NoDatabase)?;
        let (options, scratch) = if eval.reuse {
            (database.postgres()?.application_name("crossfade eval").read_only(), None)
        } else if database.schema() != DEFAULT_SCHEMA {
            return Err(Failure::SchemaWithoutReuse);
        } else {
            let scratch = Scratch::create(url).await?;
            (database.with_dictionary(scratch.options()?)?, Some(scratch))
        };
        let target = index(options, eval);
        let mut ground = Self { target, source: None, scratch, loaded: false };
        match ground.complete(eval, meili).await {
            Ok(()) => Ok(ground),
            Err(failure) => {
                // The first failure says more.
                ground.clear(false).await.unwrap_or_else(|left| eprintln!("{left}"));
                Err(failure)
            }
        }
    }

    async fn complete(&mut self, eval: &Eval, meili: Option<MeiliOptions>) -> Result<(), Failure> {
        if eval.reuse {
            self.target.settings().await?;
        }
        if let Some(meili) = meili {
            self.source = Some(MeiliScratch::create(meili, eval.files.primary_key()).await?);
        }
        Ok(())
    }

    /// Whether documents are still to be loaded into PostgreSQL.
    pub(super) fn is_to_be_loaded(&self) -> bool {
        self.scratch.is_some() && !self.loaded
    }

    pub(super) fn has_loaded(&mut self) {
        self.loaded = true;
    }

    /// The schema that is kept, if that is asked for and it is complete.
    pub(super) fn kept(&self, asked: bool) -> Option<String> {
        let schema = self.scratch.as_ref().map(|scratch| scratch.schema().to_owned());
        schema.filter(|_| asked && self.loaded)
    }

    /// Takes away what was made, on both sides, whatever becomes of the other.
    pub(super) async fn clear(self, keep_schema: bool) -> Result<(), EvalError> {
        let deleted = match self.source {
            Some(source) => source.remove().await,
            None => Ok(()),
        };
        match self.scratch {
            Some(scratch) if !keep_schema => scratch.remove().await.and(deleted),
            _ => deleted,
        }
    }
}

/// Connections for one reader, whose statements may take as long as its queries.
fn index(options: PostgresOptions, eval: &Eval) -> PostgresIndex {
    let patience = Duration::from_secs(5);
    let pool = PoolSize { max_connections: 2, acquire_timeout: patience, statement_timeout: eval.timeout };
    options.pool(pool).index(eval.index.as_str())
}
