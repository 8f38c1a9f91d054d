//! The writer: documents under their versions, from anybody at any time.
//!
//! A row knows its version, who wrote it, when, and under whose authority. One statement guards the version, keeps the
//! ordinal of a document that stands, and says whether somebody else had written the row after this write began.

mod change;
mod failure;
mod replace;
mod rows;
mod sql;
mod sweep;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool, PgTransaction, types::Json};

pub(super) use self::change::standing;
use self::{
    failure::{Failure, failed, retrying},
    rows::{Row, Statements},
};
use super::{
    PostgresOptions,
    derive::Derivation,
    error::index_not_found,
    sql::{BEGIN_UNHURRIED, BEGIN_WRITING},
};
use crate::{
    backend::write::{Applied, Replacement, Standing, Swept, TargetWrite, TargetWriter, WrittenBy},
    document::{Document, DocumentId, Version},
    error::BackendError,
    search::FilterInput,
    settings::IndexSettings,
    tokens::Segmenter,
};

/// Writes to the indexes of a schema. Made by [`PostgresOptions::writer`]; cloning shares the connections.
///
/// Documents that are new here get ordinals from 2^32 on, above the internal numbers that Meilisearch gives, so that what
/// a backfill brings with the source's own numbers comes first among equals. A document that is written again keeps its
/// ordinal.
///
/// Besides what [`TargetWriter`] says, errors are
/// [`IndexNotFound`](crate::error::BackendErrorKind::IndexNotFound) if the index was not made here,
/// [`Unavailable`](crate::error::BackendErrorKind::Unavailable) if the server cannot be reached, is full or takes no
/// writes, or if others are in the way again and again, and [`Timeout`](crate::error::BackendErrorKind::Timeout) if a
/// statement takes longer than the pool lets it.
#[derive(Clone)]
pub struct PostgresWriter {
    options: PostgresOptions,
    /// Made at the first use, when a runtime is there for certain.
    pool: Arc<OnceLock<PgPool>>,
}

/// A transaction that holds the settings of its index still.
struct Held<'a> {
    transaction: PgTransaction<'static>,
    index: &'a str,
    settings: IndexSettings,
    generation: i64,
    /// Whether all rows have been derived under the settings.
    derived: bool,
    segmenter: Arc<dyn Segmenter>,
}

impl PostgresWriter {
    pub(super) fn open(options: PostgresOptions) -> Self {
        Self { options, pool: Arc::default() }
    }

    /// Removes the tombstones of an index that were written longer ago than this, by the server's clock; how many.
    ///
    /// A tombstone is what an older write is beaten by. Removing it is safe only when nothing older can still arrive: when
    /// no journal and no outbox holds an entry, and no backfill has read a document, from before the deletion. So: longer
    /// than the oldest entry of every journal (`journal_oldest_seconds`), dead letters that may be redriven included, and
    /// not while a backfill runs.
    pub async fn purge_tombstones(&self, index: &str, older_than: Duration) -> Result<u64, BackendError> {
        let older_than = older_than.as_secs_f64();
        let mut purged = 0;
        loop {
            let some = retrying(|| Box::pin(self.purge_some(index, older_than))).await?;
            purged += some;
            if some == 0 {
                return Ok(purged);
            }
        }
    }

    fn pool(&self) -> &PgPool {
        self.pool.get_or_init(|| self.options.connect_lazy())
    }

    async fn begin<'a>(&self, index: &'a str, doing: &'static str) -> Result<Held<'a>, Failure> {
        let transaction = self.pool().begin_with(BEGIN_WRITING).await.map_err(failed(doing))?;
        Held::new(transaction, index, Arc::clone(self.options.segmenter())).await
    }

    /// A transaction for what takes its time.
    async fn begin_unhurried<'a>(&self, index: &'a str, doing: &'static str) -> Result<Held<'a>, Failure> {
        let transaction = self.pool().begin_with(BEGIN_UNHURRIED).await.map_err(failed(doing))?;
        Held::new(transaction, index, Arc::clone(self.options.segmenter())).await
    }
}

impl<'a> Held<'a> {
    async fn new(
        mut transaction: PgTransaction<'static>,
        index: &'a str,
        segmenter: Arc<dyn Segmenter>,
    ) -> Result<Self, Failure> {
        check_index(index)?;
        let row: Option<(Json<IndexSettings>, i64, bool)> = sqlx::query_as(sql::SETTINGS)
            .bind(index)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed("reading the settings"))?;
        let (settings, generation, derived) = row.ok_or_else(|| index_not_found(index))?;
        Ok(Self { transaction, index, settings: settings.0, generation, derived, segmenter })
    }

    fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Runs one of the statements that take rows over all of them. Gives the ids it returned, and whether those were
    /// contended.
    async fn put(
        &mut self,
        sql: &'static str,
        by: WrittenBy,
        rows: Vec<Row<'_>>,
        doing: &'static str,
    ) -> Result<HashMap<String, bool>, Failure> {
        let derivation = Derivation::new(&self.settings, &self.segmenter);
        let mut statements = Statements::new(rows);
        let mut written = HashMap::new();
        while let Some(columns) = statements.next(&derivation)? {
            let statement = columns.bind(sql, self.index, by, self.generation);
            written.extend(statement.fetch_all(&mut *self.transaction).await.map_err(failed(doing))?);
        }
        Ok(written)
    }

    async fn commit(self, doing: &'static str) -> Result<(), Failure> {
        self.transaction.commit().await.map_err(failed(doing))
    }
}

/// A name with a NUL is that of no index.
fn check_index(index: &str) -> Result<(), BackendError> {
    if index.contains('\0') { Err(index_not_found(index)) } else { Ok(()) }
}

impl TargetWriter for PostgresWriter {
    fn write<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [TargetWrite],
    ) -> BoxFuture<'a, Result<Vec<Applied>, BackendError>> {
        Box::pin(retrying(move || Box::pin(self.try_write(index, by, batch))))
    }

    fn merge<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [(DocumentId, Version, Document)],
    ) -> BoxFuture<'a, Result<Vec<Result<Document, Version>>, BackendError>> {
        Box::pin(retrying(move || Box::pin(self.try_merge(index, by, batch))))
    }

    fn read<'a>(
        &'a self,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Standing>>, BackendError>> {
        Box::pin(standing(self.pool(), index, ids))
    }

    fn replace<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [Replacement],
    ) -> BoxFuture<'a, Result<Vec<bool>, BackendError>> {
        Box::pin(retrying(move || Box::pin(self.try_replace(index, by, batch))))
    }

    fn sweep<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        version: Version,
        filter: Option<&'a FilterInput>,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(retrying(move || Box::pin(self.try_sweep(index, by, version, filter))))
    }

    fn swept<'a>(
        &'a self,
        index: &'a str,
        swept: Swept<'a>,
        after: Option<&'a DocumentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DocumentId>, BackendError>> {
        Box::pin(retrying(move || Box::pin(self.try_swept(index, swept, after, limit))))
    }
}

impl fmt::Debug for PostgresWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresWriter").field("options", &self.options).finish()
    }
}
