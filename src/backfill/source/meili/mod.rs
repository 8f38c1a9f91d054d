//! An index of Meilisearch as a source.

mod plan;
mod read;
mod window;

use std::time::Duration;

use futures_util::future::BoxFuture;

use self::plan::Bound;
use super::{
    BackfillSource, Page, Shard, SourceDescription, SourceDocument, SourceError, SourcePlan, SourceRow, Total,
    Unreadable,
    fields::{text, unavailable, unfit, version_of},
};
use crate::{
    backend::meili::MeiliIndex,
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind},
};

/// Reads an index of Meilisearch in its internal order, which decides ties, and keeps that order as the ordinals.
///
/// Pages are asked for by offset, unsorted: a sorted listing leaves out documents whose sorted field is null. What is
/// added or deleted meanwhile moves the rest; the ids that were read last show by how much. Only if all of the last 32
/// were deleted between two pages, the shard is read again from the beginning of the index: twice, but whole.
///
/// Documents are whole, whatever `displayedAttributes` says, except for `_vectors`, which Meilisearch shows only on request.
/// The key needs the rights `documents.get`, `settings.get`, `indexes.get` and `tasks.get`.
#[derive(Clone, Debug)]
pub struct MeiliSource {
    index: MeiliIndex,
    version: Option<String>,
    patience: Duration,
}

impl MeiliSource {
    /// Reads this index. Requests carry whole pages of documents: its timeout should allow for that.
    pub fn new(index: MeiliIndex) -> Self {
        Self { index, version: None, patience: Duration::from_secs(30) }
    }

    /// The field that holds the version of a document, a 64-bit integer. A document without one is unreadable.
    #[must_use]
    pub fn version_field(mut self, name: impl Into<String>) -> Self {
        self.version = Some(name.into());
        self
    }

    /// How long [`check`](BackfillSource::check) waits for the tasks that were accepted before it; first 30 s.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    async fn is_fit(&self) -> Result<(), SourceError> {
        self.index.settings().await.map_err(|error| self.failed("looking at the index", error))?;
        let ended = self.index.tasks_ended(self.patience).await;
        ended.map_err(|error| match error.kind() {
            BackendErrorKind::Timeout => {
                let (uid, seconds) = (self.index.uid(), self.patience.as_secs_f32());
                let doing =
                    format!("waiting {seconds} s for the tasks of the index `{uid}` that came before; let them end");
                unavailable(doing).caused_by(error)
            }
            _ => self.failed("waiting for the tasks that came before", error),
        })
    }

    async fn cut(&self, shards: usize) -> Result<SourcePlan, SourceError> {
        let listed = |error| self.failed("counting documents", error);
        let total = self.index.ids_in_order(0, 1).await.map_err(listed)?.total;
        let mut bounds: Vec<Bound> = Vec::new();
        for offset in plan::cuts(total, shards) {
            let bound = self.bound(offset).await?;
            // The index may have shrunk.
            if bound.offset > bounds.last().map_or(0, |last| last.offset) {
                bounds.push(bound);
            }
        }
        let bounds: Vec<String> = bounds.iter().map(text).collect::<Result<_, _>>()?;
        let shard = |at: usize| Shard {
            key: plan::key(at),
            lower: at.checked_sub(1).and_then(|before| bounds.get(before).cloned()),
            upper: bounds.get(at).cloned(),
        };
        let shards = (0..=bounds.len()).map(shard).collect();
        Ok(SourcePlan { shards, total: Some(Total { rows: total, exact: true }) })
    }

    /// The boundary at an offset, or a little before.
    async fn bound(&self, offset: u64) -> Result<Bound, SourceError> {
        let begin = offset.saturating_sub(window::TAIL as u64);
        let page = self.index.ids_in_order(begin, offset - begin).await;
        let page = page.map_err(|error| self.failed("cutting the index in shards", error))?;
        let ids: Vec<String> = page.documents.iter().map(|(id, _)| id.as_str().to_owned()).collect();
        // Without ids, nobody could say where it was.
        Ok(if ids.is_empty() { Bound::default() } else { Bound { offset: begin + ids.len() as u64, ids } })
    }

    async fn read_again(&self, places: &[String]) -> Result<Vec<SourceRow>, SourceError> {
        let ids: Vec<DocumentId> = places.iter().map(|place| DocumentId::from(place.as_str())).collect();
        let found = self.index.documents(&ids).await.map_err(|error| self.failed("reading documents again", error))?;
        Ok(found.into_iter().map(|(id, document)| self.row(id, document, None)).collect())
    }

    fn row(&self, id: DocumentId, document: Document, ordinal: Option<i64>) -> SourceRow {
        SourceRow { place: id.as_str().to_owned(), content: self.content(id, document, ordinal) }
    }

    fn content(&self, id: DocumentId, document: Document, ordinal: Option<i64>) -> Result<SourceDocument, Unreadable> {
        let version = version_of(&document, &id, self.version.as_deref())?;
        Ok(SourceDocument { id, version, ordinal, document: Some(document) })
    }

    fn failed(&self, doing: &str, error: BackendError) -> SourceError {
        let uid = self.index.uid();
        match error.kind() {
            BackendErrorKind::IndexNotFound => {
                unfit(format!("{doing}: Meilisearch has no index `{uid}`; correct its name")).caused_by(error)
            }
            BackendErrorKind::Unauthorized | BackendErrorKind::InvalidQuery | BackendErrorKind::Forbidden => {
                unfit(format!("{doing} of `{uid}`")).caused_by(error)
            }
            _ => unavailable(format!("{doing} of `{uid}`")).caused_by(error),
        }
    }
}

impl BackfillSource for MeiliSource {
    fn describe(&self) -> SourceDescription {
        SourceDescription::Meili { index: self.index.uid().to_owned(), version: self.version.clone() }
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(self.is_fit())
    }

    fn plan(&self, shards: usize) -> BoxFuture<'_, Result<SourcePlan, SourceError>> {
        Box::pin(self.cut(shards))
    }

    fn read<'a>(
        &'a self,
        shard: &'a Shard,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(self.page(shard, after, limit))
    }

    fn reread<'a>(&'a self, places: &'a [String]) -> BoxFuture<'a, Result<Vec<SourceRow>, SourceError>> {
        Box::pin(self.read_again(places))
    }
}
