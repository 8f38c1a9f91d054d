//! Deleting by a filter, or all; and what old deletions leave.

use super::{
    Held, PostgresWriter, check_index,
    failure::{Failure, failed, of},
    sql::{self, Swath},
};
use crate::{
    backend::{
        postgres::{
            error::{index_not_found, not_allowed, of_filter, unsupported},
            search::is_too_large,
            sql::BEGIN_UNHURRIED,
        },
        write::{Swept, WrittenBy},
    },
    document::{DocumentId, Version},
    error::{BackendError, BackendErrorKind},
    filter::Filter,
    search::FilterInput,
};

/// Tombstones removed by one statement.
const PURGED_AT_ONCE: i64 = 10_000;

impl PostgresWriter {
    pub(super) async fn try_sweep(
        &self,
        index: &str,
        by: WrittenBy,
        version: Version,
        filter: Option<&FilterInput>,
    ) -> Result<u64, Failure> {
        let doing = "deleting documents by a filter";
        let mut held = self.begin_unhurried(index, doing).await?;
        let filter = held.read_filter(filter)?;
        let swath = Swath { index, filter: filter.as_ref(), version: version.0 };
        let mut sweep = sql::sweep(swath, by.writer.0, by.authority.as_str());
        let sweep = sweep.build().persistent(false);
        let swept = sweep.execute(held.connection()).await.map_err(failed(doing))?.rows_affected();
        held.commit(doing).await?;
        Ok(swept)
    }

    pub(super) async fn try_swept(
        &self,
        index: &str,
        swept: Swept<'_>,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<DocumentId>, Failure> {
        let doing = "listing what was swept";
        // Once, before the first page: what is not on a page then was written by somebody who sees the mark.
        if after.is_none() {
            self.mark_swept(index).await?;
        }
        let mut held = self.begin_unhurried(index, doing).await?;
        let after = after.map(DocumentId::as_str);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let filter;
        let mut page = match swept {
            Swept::Tombstones(version) => sql::tombstones(index, version.0, after, limit),
            Swept::Matching(input, version) => {
                filter = held.read_filter(input)?;
                sql::matching(Swath { index, filter: filter.as_ref(), version: version.0 }, after, limit)
            }
        };
        let page = page.build_query_scalar::<String>().persistent(false);
        let ids = page.fetch_all(held.connection()).await.map_err(failed(doing))?;
        held.commit(doing).await?;
        Ok(ids.into_iter().map(DocumentId::from).collect())
    }

    /// Marks the index as swept now, when no writer is under way that could have missed it.
    async fn mark_swept(&self, index: &str) -> Result<(), Failure> {
        let doing = "marking the index as swept";
        check_index(index)?;
        let mut mark = self.pool().begin().await.map_err(failed(doing))?;
        sqlx::query(sql::LOCK_SWEEPS).bind(index).execute(&mut *mark).await.map_err(failed(doing))?;
        let marked = sqlx::query(sql::MARK_SWEPT).bind(index).execute(&mut *mark).await.map_err(failed(doing))?;
        mark.commit().await.map_err(failed(doing))?;
        if marked.rows_affected() == 0 { Err(index_not_found(index).into()) } else { Ok(()) }
    }

    pub(super) async fn purge_some(&self, index: &str, older_than: f64) -> Result<u64, Failure> {
        let doing = "removing tombstones";
        check_index(index)?;
        let mut purge = self.pool().begin_with(BEGIN_UNHURRIED).await.map_err(failed(doing))?;
        let some = sqlx::query(sql::PURGE).bind(index).bind(older_than).bind(PURGED_AT_ONCE);
        let some = some.execute(&mut *purge).await.map_err(failed(doing))?.rows_affected();
        purge.commit().await.map_err(failed(doing))?;
        Ok(some)
    }
}

impl Held<'_> {
    /// Reads a filter and holds it against the settings.
    fn read_filter(&self, filter: Option<&FilterInput>) -> Result<Option<Filter>, BackendError> {
        let Some(filter) = filter else { return Ok(None) };
        let filter = Filter::parse(filter).map_err(of_filter)?;
        if matches!(&filter, Filter::And(all) if all.is_empty()) {
            // Meilisearch refuses it too: whoever wants to delete everything says so.
            return Err(of(BackendErrorKind::InvalidQuery, "deleting by a filter that says nothing"));
        }
        if is_too_large(Some(&filter), &[]) {
            return Err(unsupported("translating a filter with too many values for one statement"));
        }
        self.settings.allow_filter(&filter).map_err(not_allowed)?;
        if !self.derived {
            let doing = "deleting by a filter while a change of the settings is carried out";
            return Err(of(BackendErrorKind::Unavailable, doing));
        }
        Ok(Some(filter))
    }
}
