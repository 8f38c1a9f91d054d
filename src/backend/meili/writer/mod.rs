//! The writer: documents as tasks, and how the tasks ended.

mod send;
mod tasks;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{client::Client, keys::PrimaryKeys, reader::Reader};
use crate::{
    backend::write::{SourceWriter, TaskState},
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind},
    write::{Action, TaskId},
};

/// Writes to the indexes of a server. Made by [`MeiliOptions::writer`](super::MeiliOptions::writer); cloning shares the
/// connections. The key needs the rights `documents.*`, `tasks.get` and `indexes.get`, and `indexes.create` if indexes are
/// to be made by their first document.
///
/// Besides what [`SourceWriter`] says, errors are [`Rejected`](crate::error::BackendErrorKind::Rejected) for a request the
/// server understands and refuses, or that is larger than it takes: with fewer documents it may be taken; and
/// [`Unavailable`](crate::error::BackendErrorKind::Unavailable) also for a server that has no room for more tasks.
///
/// What [`read`](SourceWriter::read) gives are whole documents, whatever `displayedAttributes` says, except for `_vectors`:
/// Meilisearch keeps vectors apart and shows them only on request, with those it made itself. The order of the fields is
/// that of the index, not that in which they were written.
#[derive(Clone)]
pub struct MeiliWriter {
    client: Client,
    timeout: Duration,
    patience: Duration,
    largest_body: usize,
    /// By index, what its first document makes it with.
    keys: HashMap<Arc<str>, Arc<str>>,
    /// By index, what it has.
    primary_keys: PrimaryKeys,
    /// The server is too old to fetch documents by their ids.
    one_by_one: Arc<AtomicBool>,
}

impl MeiliWriter {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        Self {
            client,
            timeout,
            patience: Duration::from_secs(30),
            largest_body: 95 << 20,
            keys: HashMap::new(),
            primary_keys: PrimaryKeys::default(),
            one_by_one: Arc::default(),
        }
    }

    /// The primary key of an index, so that one that is not there yet is made with it. Without this Meilisearch takes the
    /// only field whose name ends in `id`, if there is one.
    pub fn primary_key(mut self, index: impl Into<Arc<str>>, key: impl Into<Arc<str>>) -> Self {
        self.keys.insert(index.into(), key.into());
        self
    }

    /// How long a request may take; first as long as those of the options.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a read waits for the tasks before it; first 30 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The most bytes of one request; first 95 MiB, a little less than the 100 MiB Meilisearch takes unless it is told
    /// otherwise. More is refused here, because a server that refuses it may close the connection, which looks like an
    /// outage.
    pub fn largest_body(mut self, bytes: usize) -> Self {
        self.largest_body = bytes;
        self
    }
}

impl SourceWriter for MeiliWriter {
    fn send<'a>(
        &'a self,
        index: &'a str,
        batch: &'a [(DocumentId, Action)],
    ) -> BoxFuture<'a, Result<TaskId, BackendError>> {
        Box::pin(self.send_batch(index, batch))
    }

    fn tasks<'a>(&'a self, tasks: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskState>, BackendError>> {
        Box::pin(self.states(tasks))
    }

    fn read<'a>(
        &'a self,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Document>>, BackendError>> {
        Box::pin(async move {
            let reader = Reader {
                client: &self.client,
                timeout: self.timeout,
                primary_keys: &self.primary_keys,
                one_by_one: &self.one_by_one,
            };
            match reader.read_settled(index, ids, self.patience).await {
                // An index that is not there holds nothing: it is made by the first document.
                Err(failure) if failure.kind() == BackendErrorKind::IndexNotFound => Ok(vec![None; ids.len()]),
                read => read,
            }
        })
    }
}

impl fmt::Debug for MeiliWriter {
    /// Without the address, which may hold a password, and the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeiliWriter")
            .field("timeout", &self.timeout)
            .field("patience", &self.patience)
            .field("largest_body", &self.largest_body)
            .field("primary_keys", &self.keys)
            .finish_non_exhaustive()
    }
}
