//! Reading documents in stretches, by their ids, and at random: for comparing the sides. Nothing here writes.

use sqlx::PgTransaction;

use super::{
    PostgresIndex,
    error::{failed, internal},
    sql, writer,
};
use crate::{
    backend::write::Standing,
    document::{Document, DocumentId, Version},
    error::BackendError,
};

/// Percent of the blocks that a sample begins with at least.
const FEWEST_BLOCKS: f32 = 0.01;

impl PostgresIndex {
    /// The next documents after an id, from the first one on without it, in the order of their ids; `limit` at most. Of
    /// `ranges` only, if they are given: an id is in that of the first 12 bits of its SHA-256.
    ///
    /// A document that stands all the time is in one of the stretches, whatever is written meanwhile.
    pub async fn documents_after(
        &self,
        after: Option<&DocumentId>,
        limit: usize,
        ranges: Option<&[i32]>,
    ) -> Result<Vec<(DocumentId, Version, Document)>, BackendError> {
        let doing = "listing documents";
        let mut read = self.begin_reading(doing).await?;
        let rows: Vec<(String, i64, String)> = sqlx::query_as(sql::DOCUMENTS_AFTER)
            .bind(self.uid())
            .bind(after.map(DocumentId::as_str))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(ranges)
            .fetch_all(&mut *read)
            .await
            .map_err(failed(doing))?;
        read.commit().await.map_err(failed(doing))?;
        let parsed = |(id, version, body): (String, i64, String)| {
            let document = serde_json::from_str(&body).map_err(|error| internal(doing).caused_by(error))?;
            Ok((DocumentId::from(id), Version(version), document))
        };
        rows.into_iter().map(parsed).collect()
    }

    /// What stands of some documents, tombstones included.
    pub async fn standing(&self, ids: &[DocumentId]) -> Result<Vec<Option<Standing>>, BackendError> {
        let doing = "reading documents";
        let mut read = self.begin_reading(doing).await?;
        let standing = writer::standing(&mut *read, self.uid(), ids).await?;
        read.commit().await.map_err(failed(doing))?;
        Ok(standing)
    }

    /// Ids of documents drawn at random, `limit` at most, all of them if there are no more. Neighbours in the table are
    /// likelier to be drawn together.
    pub async fn some_documents(&self, limit: usize) -> Result<Vec<DocumentId>, BackendError> {
        let doing = "drawing documents";
        let wanted = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut read = self.begin_reading(doing).await?;
        let rows: f32 = sqlx::query_scalar(sql::ROWS_ABOUT).fetch_one(&mut *read).await.map_err(failed(doing))?;
        // Some more than are wanted, since other indexes and tombstones are among them; and more again until there are enough.
        let mut percent = (wanted as f32 * 400.0 / rows.max(1.0)).clamp(FEWEST_BLOCKS, 100.0);
        loop {
            let ids: Vec<String> = sqlx::query_scalar(sql::SOME_DOCUMENTS)
                .bind(self.uid())
                .bind(percent)
                .bind(wanted)
                .fetch_all(&mut *read)
                .await
                .map_err(failed(doing))?;
            if ids.len() >= limit || percent >= 100.0 {
                read.commit().await.map_err(failed(doing))?;
                return Ok(ids.into_iter().map(DocumentId::from).collect());
            }
            percent = (percent * 8.0).min(100.0);
        }
    }

    /// A transaction that cannot write, and takes its time.
    async fn begin_reading(&self, doing: &'static str) -> Result<PgTransaction<'static>, BackendError> {
        self.pool().begin_with(sql::BEGIN_READING).await.map_err(failed(doing))
    }
}
