//! Writing under versions, and reading what stands.

use std::{collections::HashMap, time::Duration};

use sqlx::PgExecutor;

use super::{
    PostgresWriter, check_index,
    failure::{Failure, failed, of},
    rows::{Row, check_ids, places},
    sql,
};
use crate::{
    backend::{
        postgres::error::index_not_found,
        write::{Applied, Stamp, Standing, TargetWrite, WrittenBy},
    },
    document::{Document, DocumentId, Version},
    error::{BackendError, BackendErrorKind, Side},
};

/// Id, version, body, authority, the version it is a copy over, for how many seconds it has stood, and the stamp.
type StandingRow = (Option<String>, Option<i64>, Option<String>, Option<String>, Option<i64>, Option<f64>, Option<i64>);

impl PostgresWriter {
    pub(super) async fn try_write(
        &self,
        index: &str,
        by: WrittenBy,
        batch: &[TargetWrite],
    ) -> Result<Vec<Applied>, Failure> {
        let doing = "writing documents";
        check_ids(batch.iter().map(|write| write.id.as_str()))?;
        let mut held = self.begin(index, doing).await?;
        let rows = batch.iter().map(Row::of).collect();
        let written = held.put(sql::WRITE, by, rows, doing).await?;
        let mut applied: Vec<Option<Applied>> =
            batch.iter().map(|write| Some(Applied::Written { contended: *written.get(write.id.as_str())? })).collect();
        if written.len() < batch.len() {
            // Their rows are locked since: what is read is what they lost against.
            let stale = batch.iter().zip(&applied).filter(|(_, applied)| applied.is_none());
            let stale: Vec<&str> = stale.map(|(write, _)| write.id.as_str()).collect();
            let standing: Vec<(String, i64)> = sqlx::query_as(sql::VERSIONS)
                .bind(index)
                .bind(stale)
                .fetch_all(held.connection())
                .await
                .map_err(failed(doing))?;
            let places = places(batch.iter().map(|write| write.id.as_str()));
            for (id, version) in standing {
                if let Some(place) = places.get(id.as_str()) {
                    applied[*place] = Some(Applied::Stale { current: Version(version) });
                }
            }
        }
        held.commit(doing).await?;
        let lost = || of(BackendErrorKind::Internal, "writing documents: one is neither written nor stale");
        applied.into_iter().map(|applied| applied.ok_or_else(|| lost().into())).collect()
    }
}

/// What stands of some documents, tombstones included.
pub(in crate::backend::postgres) async fn standing(
    executor: impl PgExecutor<'_>,
    index: &str,
    ids: &[DocumentId],
) -> Result<Vec<Option<Standing>>, BackendError> {
    let doing = "reading documents";
    check_index(index)?;
    // An id with a NUL never stands.
    let asked: Vec<&str> = ids.iter().map(DocumentId::as_str).filter(|id| !id.contains('\0')).collect();
    let rows: Vec<StandingRow> =
        sqlx::query_as(sql::READ).bind(index).bind(asked).fetch_all(executor).await.map_err(failed(doing))?;
    if rows.is_empty() {
        return Err(index_not_found(index));
    }
    let mut found = HashMap::with_capacity(rows.len());
    for (id, version, body, authority, copied_over, written, stamp) in rows {
        let (Some(id), Some(version), Some(stamp)) = (id, version, stamp) else { continue };
        let document = body.map(|body| document(&body, doing)).transpose()?;
        let authority = if authority.as_deref() == Some(Side::Pg.as_str()) { Side::Pg } else { Side::Meili };
        found.insert(
            id,
            Standing {
                version: Version(version),
                document,
                authority,
                copied_over: copied_over.map(Version),
                // A clock that was set back says nothing.
                written: written.and_then(|written| Duration::try_from_secs_f64(written).ok()).unwrap_or_default(),
                stamp: Stamp(stamp),
            },
        );
    }
    // An id may be asked for twice.
    Ok(ids.iter().map(|id| found.get(id.as_str()).cloned()).collect())
}

impl<'a> Row<'a> {
    fn of(write: &'a TargetWrite) -> Self {
        let age = write.age.map(|age| age.as_secs_f64());
        Self { age, ..Self::new(write.id.as_str(), write.version, write.document.as_deref()) }
    }

    /// One whose write began nobody knows when.
    pub(super) fn new(id: &'a str, version: Version, document: Option<&'a Document>) -> Self {
        Self { id, version: version.0, document, age: None }
    }
}

/// A stored document.
pub(super) fn document(body: &str, doing: &'static str) -> Result<Document, Failure> {
    serde_json::from_str(body).map_err(|error| of(BackendErrorKind::Internal, doing).caused_by(error).into())
}
