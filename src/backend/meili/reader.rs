//! What the writer and the index read alike: documents by their ids, and whether the tasks before have ended.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{client::Client, error::error, index::path, keys::PrimaryKeys};
use crate::{
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind},
};

/// Documents fetched by one request.
const AT_ONCE: usize = 500;
/// Requests under way at a server that gives documents one by one.
const CONCURRENT: usize = 8;
/// Bytes of an id, at most.
const LONGEST_ID: usize = 511;
/// The first wait for tasks; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// A server as it is read.
pub(super) struct Reader<'a> {
    pub(super) client: &'a Client,
    /// How long a request may take.
    pub(super) timeout: Duration,
    pub(super) primary_keys: &'a PrimaryKeys,
    /// The server is too old to fetch documents by their ids.
    pub(super) one_by_one: &'a Arc<AtomicBool>,
}

/// Asks for the newest unfinished task of an index.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unfinished<'a> {
    index_uids: &'a str,
    statuses: &'static str,
    limit: u32,
    /// None newer than this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
}

#[derive(Deserialize)]
struct Tasks {
    results: Vec<Uid>,
}

#[derive(Deserialize)]
struct Uid {
    uid: u64,
}

#[derive(Serialize)]
struct Wanted<'a> {
    ids: Vec<&'a str>,
    limit: usize,
}

#[derive(Deserialize)]
struct Fetched {
    results: Vec<Document>,
}

impl Reader<'_> {
    /// The documents as they stand once every task accepted before this call has ended, in the order asked for. Fails
    /// if the index is not there.
    pub(super) async fn read_settled(
        &self,
        index: &str,
        ids: &[DocumentId],
        patience: Duration,
    ) -> Result<Vec<Option<Document>>, BackendError> {
        self.barrier(index, patience).await?;
        let found = self.fetch(index, ids).await?;
        // An id may be asked for twice.
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// Waits until no task that was accepted before this call is unfinished; at most for `patience`.
    pub(super) async fn barrier(&self, index: &str, patience: Duration) -> Result<(), BackendError> {
        let doing = "waiting for tasks before reading documents";
        let end = Instant::now() + patience;
        let (mut from, mut wait) = (None, FIRST_WAIT);
        loop {
            let question = Unfinished { index_uids: index, statuses: "enqueued,processing", limit: 1, from };
            let answer: Tasks = self.client.get("/tasks", question, self.timeout, doing).await?;
            let Some(newest) = answer.results.first() else { return Ok(()) };
            // Those accepted later do not count, or a busy index would never be read.
            from.get_or_insert(newest.uid);
            if Instant::now() + wait > end {
                return Err(error(BackendErrorKind::Timeout, doing));
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The documents of these ids; those that are not there, and those that no document can have, are left out.
    pub(super) async fn fetch(
        &self,
        index: &str,
        ids: &[DocumentId],
    ) -> Result<HashMap<DocumentId, Document>, BackendError> {
        let path = &path(index)?;
        // One that is no id would make the whole request wrong.
        let mut ids: Vec<&str> = ids.iter().map(DocumentId::as_str).filter(|id| is_id(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = HashMap::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            if !self.one_by_one.load(Ordering::Relaxed) {
                match self.fetch_some(index, path, some).await {
                    // Before 1.14 ids were unknown there. Nothing else in the request can be wrong.
                    Err(failure) if failure.kind() == BackendErrorKind::InvalidQuery => {
                        tracing::info!("Meilisearch does not fetch documents by ids: they are read one by one");
                        self.one_by_one.store(true, Ordering::Relaxed);
                    }
                    fetched => {
                        found.extend(fetched?);
                        continue;
                    }
                }
            }
            let each: Vec<_> = some.iter().copied().map(|id| self.get_one(path, id).boxed()).collect();
            let each: Vec<Option<_>> = stream::iter(each).buffer_unordered(CONCURRENT).try_collect().await?;
            found.extend(each.into_iter().flatten());
        }
        Ok(found)
    }

    /// Fetches by ids, which are sorted.
    async fn fetch_some(
        &self,
        index: &str,
        path: &str,
        ids: &[&str],
    ) -> Result<Vec<(DocumentId, Document)>, BackendError> {
        let doing = "reading documents back";
        let Some(key) = self.primary_keys.of(self.client, index, self.timeout).await? else {
            // Without a primary key there are no documents.
            return Ok(Vec::new());
        };
        let wanted = Wanted { ids: ids.to_vec(), limit: ids.len() };
        let path = format!("{path}/documents/fetch");
        let fetched: Fetched = self.client.post(&path, wanted, self.timeout, doing).await?;
        let with_id = |document: Document| {
            let id =
                DocumentId::from_json(document.get(&*key)?).filter(|id| ids.binary_search(&id.as_str()).is_ok())?;
            Some((id, document))
        };
        fetched.results.into_iter().map(with_id).collect::<Option<_>>().ok_or_else(|| {
            // The index was made anew with another one.
            self.primary_keys.forget(index);
            error(BackendErrorKind::Internal, format!("{doing}: the primary key is another now; it is asked for again"))
        })
    }

    async fn get_one(&self, path: &str, id: &str) -> Result<Option<(DocumentId, Document)>, BackendError> {
        let path = format!("{path}/documents/{id}");
        let found: Option<Document> = self.client.get_if_there(&path, self.timeout, "reading a document back").await?;
        Ok(found.map(|document| (DocumentId::from(id), document)))
    }
}

/// Whether a document can have this id.
fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(plain)
}
