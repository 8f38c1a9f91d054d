//! The index: its settings and its documents.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use sqlx::{PgConnection, PgPool, PgTransaction, types::Json};

use super::{
    PostgresOptions,
    derive::Derivation,
    error::{failed, index_not_found, internal},
    postings::{Folded, fold, more_than},
    search::States,
    sql,
};
use crate::{
    document::{Document, DocumentId, Version},
    error::BackendError,
    settings::IndexSettings,
    telemetry,
};

/// Rows written by one statement.
const BATCH: usize = 500;
/// Documents of one fold, of a load.
const FOLD: i64 = 16_000;
/// Changes that searches read by the way: below that it is not worth folding them.
const FEW_CHANGES: i64 = 200;

/// A search index in PostgreSQL. Cloning shares the connections.
#[derive(Clone)]
pub struct PostgresIndex {
    uid: Arc<str>,
    options: PostgresOptions,
    /// Made at the first use, when a runtime is there for certain.
    pool: Arc<OnceLock<PgPool>>,
    states: Arc<States>,
}

/// A document as the source holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionedDocument {
    /// Its primary key.
    pub id: DocumentId,
    /// Which of its writes this is.
    pub version: Version,
    /// Its internal number in the source, from 0 to 2^32 - 1, on which ties hang. One that is none, or that another document has, is
    /// replaced by a number behind all of those.
    pub ordinal: i64,
    /// Its fields.
    pub document: Document,
}

/// What became of the documents of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadCounts {
    /// Documents now standing as given.
    pub written: u64,
    /// Documents not written because a newer version, or a deletion, was there.
    pub stale: u64,
}

impl PostgresIndex {
    pub(super) fn open(options: PostgresOptions, uid: Arc<str>) -> Self {
        Self { uid, options, pool: Arc::default(), states: Arc::default() }
    }

    /// The name of the index.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Makes the index if it is not there, and applies the settings.
    ///
    /// Fails if it is there with another primary key.
    pub async fn create(&self, primary_key: &str, settings: &IndexSettings) -> Result<(), BackendError> {
        let doing = "creating the index";
        let create = sqlx::query(sql::CREATE_INDEX).bind(self.uid()).bind(primary_key).bind(Json(settings));
        create.execute(self.pool()).await.map_err(failed(doing))?;
        let found: String = sqlx::query_scalar(sql::PRIMARY_KEY)
            .bind(self.uid())
            .fetch_one(self.pool())
            .await
            .map_err(failed(doing))?;
        if found != primary_key {
            return Err(internal("creating the index: it is there with another primary key"));
        }
        self.apply_settings(settings).await
    }

    /// The settings in force.
    pub async fn settings(&self) -> Result<IndexSettings, BackendError> {
        let mut connection = self.pool().acquire().await.map_err(failed("connecting to read settings"))?;
        settings(&mut connection, self.uid()).await
    }

    /// Puts settings in force. If what rows hold depends on what changed, they are derived again, some at a time;
    /// searches meanwhile see words of both kinds, and those with a filter or a sort are refused, since a row without
    /// the values of an attribute would pass every `!=`. Repeating it takes up what an interrupted call has left.
    pub async fn apply_settings(&self, settings: &IndexSettings) -> Result<(), BackendError> {
        let doing = "changing the settings";
        let mut change = self.begin(doing).await?;
        let (old, generation) = self.locked_settings(&mut change, sql::SETTINGS_FOR_CHANGE).await?;
        let generation = if old.derives_like(settings) { generation } else { generation + 1 };
        let update = sqlx::query(sql::CHANGE_SETTINGS).bind(self.uid()).bind(Json(settings)).bind(generation);
        update.execute(&mut *change).await.map_err(failed(doing))?;
        change.commit().await.map_err(failed(doing))?;
        let mut after = Some(String::new());
        while let Some(id) = after {
            after = self.derive_next(&id).await?;
            self.fold_many().await;
        }
        self.finish_deriving(generation).await
    }

    /// Writes documents; of each the newest version wins, whatever the order of writes. An equal version replaces, but
    /// does not bring back what was deleted. After many, [`fold_all`](Self::fold_all) makes searches quick.
    pub async fn load(&self, documents: &[VersionedDocument]) -> Result<LoadCounts, BackendError> {
        let mut counts = LoadCounts::default();
        for batch in documents.chunks(BATCH) {
            let LoadCounts { written, stale } = self.load_batch(batch).await?;
            counts.written += written;
            counts.stale += stale;
            self.fold_many().await;
        }
        Ok(counts)
    }

    /// Deletes documents. What is left is a tombstone with the version, so that no older write brings one back.
    pub async fn delete(&self, documents: &[(DocumentId, Version)]) -> Result<LoadCounts, BackendError> {
        let doing = "deleting documents";
        let mut counts = LoadCounts::default();
        for batch in documents.chunks(BATCH) {
            let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
            for (id, version) in batch {
                let known = newest.entry(id.as_str()).or_insert(version.0);
                *known = version.0.max(*known);
            }
            let (ids, versions): (Vec<&str>, Vec<i64>) = newest.into_iter().unzip();
            let mut write = self.begin(doing).await?;
            let (_, generation) = self.locked_settings(&mut write, sql::SETTINGS_FOR_WRITING).await?;
            let delete = sqlx::query(sql::DELETE).bind(self.uid()).bind(generation).bind(ids).bind(versions);
            let deleted = delete.execute(&mut *write).await.map_err(failed(doing))?.rows_affected();
            write.commit().await.map_err(failed(doing))?;
            counts.add(deleted, batch.len());
        }
        Ok(counts)
    }

    /// Moves what has changed into the postings, some thousand documents at a time, until next to nothing is left. Searches see every
    /// change at once, but read all that have not been moved: with many they get slow. Does nothing if somebody else is at it.
    pub async fn fold(&self) -> Result<u64, BackendError> {
        self.fold_down_to(FEW_CHANGES, false).await
    }

    /// The same to the last change, after whoever is at it.
    pub async fn fold_all(&self) -> Result<u64, BackendError> {
        self.fold_down_to(0, true).await
    }

    /// The same, once there are many, in the middle of something else: a failure is none of that, and the next fold makes up for it.
    pub(crate) async fn fold_many(&self) {
        if let Err(error) = self.fold_down_to(FOLD, false).await {
            telemetry::fold_failed();
            tracing::debug!(%error, "changes could not be folded into the postings; searches read them all the same");
        }
    }

    async fn fold_down_to(&self, few: i64, wait: bool) -> Result<u64, BackendError> {
        let mut documents = 0;
        loop {
            let mut connection = self.pool().acquire().await.map_err(failed("connecting to fold changes"))?;
            if !more_than(&mut connection, self.uid(), few).await? {
                return Ok(documents);
            }
            drop(connection);
            let Folded { documents: some, busy } = fold(self.pool(), self.uid(), FOLD, wait).await?;
            documents += some;
            if busy || some == 0 {
                return Ok(documents);
            }
        }
    }

    /// How many documents there are.
    pub async fn document_count(&self) -> Result<u64, BackendError> {
        let doing = "counting documents";
        let mut count = self.begin(doing).await?;
        let count: Option<i64> = sqlx::query_scalar(sql::DOCUMENT_COUNT)
            .bind(self.uid())
            .fetch_optional(&mut *count)
            .await
            .map_err(failed(doing))?;
        count.map(i64::unsigned_abs).ok_or_else(|| index_not_found(self.uid()))
    }

    /// Tells the planner how frequent words and values are now. Worth it after a bulk load: until the server does it by
    /// itself, about a minute later, searches take some times as long. Needs the owner of the tables.
    pub async fn analyze(&self) -> Result<(), BackendError> {
        let doing = "analyzing the documents";
        let mut analyze = self.begin(doing).await?;
        sqlx::query(sql::ANALYZE).execute(&mut *analyze).await.map_err(failed(doing))?;
        analyze.commit().await.map_err(failed(doing))
    }

    /// The same with connections of its own; what searches keep in memory is shared.
    pub(super) fn isolated_index(&self) -> Self {
        let isolated = Self::open(self.options.for_isolated(), Arc::clone(&self.uid));
        Self { states: Arc::clone(&self.states), ..isolated }
    }

    pub(super) fn states(&self) -> &States {
        &self.states
    }

    pub(super) fn options(&self) -> &PostgresOptions {
        &self.options
    }

    pub(super) fn pool(&self) -> &PgPool {
        self.pool.get_or_init(|| self.options.connect_lazy())
    }

    /// A transaction for what takes its time: the statement timeout is for reads.
    async fn begin(&self, doing: &'static str) -> Result<PgTransaction<'static>, BackendError> {
        self.pool().begin_with(sql::BEGIN_UNHURRIED).await.map_err(failed(doing))
    }

    /// Derives the next outdated rows after an id again; says the last one, or `None` at the end.
    async fn derive_next(&self, after: &str) -> Result<Option<String>, BackendError> {
        let doing = "deriving rows again";
        let mut write = self.begin(doing).await?;
        // Read anew each time: if somebody changes them meanwhile, no row is derived under settings already gone.
        let (settings, generation) = self.locked_settings(&mut write, sql::SETTINGS_FOR_WRITING).await?;
        let rows: Vec<(String, String)> = sqlx::query_as(sql::OUTDATED)
            .bind(self.uid())
            .bind(after)
            .bind(generation)
            .bind(BATCH as i64)
            .fetch_all(&mut *write)
            .await
            .map_err(failed(doing))?;
        let derivation = Derivation::new(&settings, self.options.segmenter());
        let (mut ids, mut facets, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for (id, body) in rows {
            let document: Document = serde_json::from_str(&body).map_err(|error| internal(doing).caused_by(error))?;
            let derived = derivation.derive(&document);
            facets.push(Json(derived.facets()));
            words.push(derived.words);
            ids.push(id);
        }
        let last = ids.last().cloned();
        let update =
            sqlx::query(sql::DERIVE_AGAIN).bind(self.uid()).bind(generation).bind(ids).bind(facets).bind(words);
        update.execute(&mut *write).await.map_err(failed(doing))?;
        write.commit().await.map_err(failed(doing))?;
        Ok(last)
    }

    /// Marks that no row is older than `generation`, unless somebody has changed the settings again and has yet to derive.
    async fn finish_deriving(&self, generation: i64) -> Result<(), BackendError> {
        let mark = sqlx::query(sql::ALL_DERIVED).bind(self.uid()).bind(generation);
        mark.execute(self.pool()).await.map_err(failed("marking rows as derived"))?;
        Ok(())
    }

    pub(super) async fn locked_settings(
        &self,
        connection: &mut PgConnection,
        sql: &'static str,
    ) -> Result<(IndexSettings, i64), BackendError> {
        let row: Option<(Json<IndexSettings>, i64)> = sqlx::query_as(sql)
            .bind(self.uid())
            .fetch_optional(connection)
            .await
            .map_err(failed("reading the settings"))?;
        row.map(|(settings, generation)| (settings.0, generation)).ok_or_else(|| index_not_found(self.uid()))
    }
}

/// The settings of any index of the schema.
async fn settings(connection: &mut PgConnection, uid: &str) -> Result<IndexSettings, BackendError> {
    let settings: Option<Json<IndexSettings>> = sqlx::query_scalar(sql::SETTINGS)
        .bind(uid)
        .fetch_optional(connection)
        .await
        .map_err(failed("reading the settings"))?;
    settings.map(|settings| settings.0).ok_or_else(|| index_not_found(uid))
}

impl LoadCounts {
    fn add(&mut self, written: u64, of: usize) {
        self.written += written;
        self.stale += (of as u64).saturating_sub(written);
    }
}

impl fmt::Debug for PostgresIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresIndex").field("uid", &self.uid).field("options", &self.options).finish()
    }
}
