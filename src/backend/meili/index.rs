//! The index: where it is, its settings and its documents.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{MeiliWriter, client::Client, error::error, keys::PrimaryKeys, reader::Reader};
use crate::{
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind},
    settings::IndexSettings,
};

/// Where the server is and how long it may take.
#[derive(Clone)]
pub struct MeiliOptions {
    client: Client,
    timeout: Duration,
}

/// An index of a Meilisearch server. Cloning shares the connections.
#[derive(Clone)]
pub struct MeiliIndex {
    uid: Arc<str>,
    options: MeiliOptions,
    primary_keys: PrimaryKeys,
    /// The server is too old to fetch documents by their ids.
    one_by_one: Arc<AtomicBool>,
}

/// How long a read by ids waits for the tasks before it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stretch of the documents of an index, in the order of their internal numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentsPage {
    /// The documents with their ids.
    pub documents: Vec<(DocumentId, Document)>,
    /// How many documents the index holds.
    pub total: u64,
}

impl MeiliOptions {
    /// The server of a URL such as `http://localhost:7700`, with this API key and requests of at most 5 s.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, BackendError> {
        Ok(Self { client: Client::new(url, key)?, timeout: Duration::from_secs(5) })
    }

    /// How long a request may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A writer to the indexes of the server, with connections of its own.
    pub fn writer(self) -> MeiliWriter {
        MeiliWriter::new(self.client, self.timeout)
    }

    /// The index `uid`. Whether it is there is found out by the first query.
    pub fn index(self, uid: impl Into<Arc<str>>) -> MeiliIndex {
        MeiliIndex { uid: uid.into(), options: self, primary_keys: PrimaryKeys::default(), one_by_one: Arc::default() }
    }
}

impl MeiliIndex {
    /// The name of the index.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The settings in force.
    pub async fn settings(&self) -> Result<IndexSettings, BackendError> {
        let path = format!("{}/settings", path(&self.uid)?);
        self.client().get(&path, (), self.timeout(), "reading the settings").await
    }

    /// The name of the primary key; `None` as long as no document has come.
    pub async fn primary_key(&self) -> Result<Option<Arc<str>>, BackendError> {
        self.primary_key_of(&self.uid).await
    }

    /// Documents `offset` to `offset + limit` in the order of their internal numbers, on which ties hang. A document
    /// that is added or deleted between two pages may move the later ones.
    pub async fn documents_in_order(&self, offset: u64, limit: u64) -> Result<DocumentsPage, BackendError> {
        self.list(Slice { offset, limit, fields: None }).await
    }

    /// The same with the ids only: the documents are empty. Costs little, however large they are.
    pub async fn ids_in_order(&self, offset: u64, limit: u64) -> Result<DocumentsPage, BackendError> {
        let Some(primary_key) = self.primary_key().await? else {
            return self.documents_in_order(offset, limit).await;
        };
        let mut page = self.list(Slice { offset, limit, fields: Some(&primary_key) }).await?;
        page.documents.iter_mut().for_each(|(_, document)| document.clear());
        Ok(page)
    }

    /// The documents of these ids as they stand now; those that are not there are left out.
    pub async fn documents(&self, ids: &[DocumentId]) -> Result<HashMap<DocumentId, Document>, BackendError> {
        self.reader().fetch(&self.uid, ids).await
    }

    /// Waits until every task that the server accepted for the index before this call has ended.
    ///
    /// Fails with [`Timeout`](BackendErrorKind::Timeout) if that takes longer than `patience`.
    pub async fn tasks_ended(&self, patience: Duration) -> Result<(), BackendError> {
        path(&self.uid)?;
        self.reader().barrier(&self.uid, patience).await
    }

    async fn list(&self, slice: Slice<'_>) -> Result<DocumentsPage, BackendError> {
        let doing = "listing documents";
        let path = format!("{}/documents", path(&self.uid)?);
        let page: Listed = self.client().get(&path, slice, self.timeout(), doing).await?;
        let Some(primary_key) = self.primary_key().await? else {
            return Ok(DocumentsPage { documents: Vec::new(), total: page.total });
        };
        let with_id = |document: Document| {
            let id = document.get(&*primary_key).and_then(DocumentId::from_json)?;
            Some((id, document))
        };
        let documents: Option<Vec<_>> = page.results.into_iter().map(with_id).collect();
        let documents = documents.ok_or_else(|| {
            // The index was made anew with another one.
            self.forget_primary_key(&self.uid);
            error(BackendErrorKind::Internal, format!("{doing}: one has no primary key; it is asked for again"))
        })?;
        Ok(DocumentsPage { documents, total: page.total })
    }

    /// The documents as they stand once every task accepted before this call has ended, for which it waits 30 s at most. Fails
    /// if the index is not there.
    /// The key needs the rights `documents.get`, `indexes.get` and `tasks.get`.
    pub async fn settled_documents(&self, ids: &[DocumentId]) -> Result<Vec<Option<Document>>, BackendError> {
        self.reader().read_settled(&self.uid, ids, PATIENCE).await
    }

    fn reader(&self) -> Reader<'_> {
        Reader {
            client: self.client(),
            timeout: self.timeout(),
            primary_keys: &self.primary_keys,
            one_by_one: &self.one_by_one,
        }
    }

    pub(super) fn options(&self) -> &MeiliOptions {
        &self.options
    }

    pub(super) fn client(&self) -> &Client {
        &self.options.client
    }

    pub(super) fn timeout(&self) -> Duration {
        self.options.timeout
    }

    /// The primary key of any index, asked for once: it cannot change while there are documents.
    pub(super) async fn primary_key_of(&self, uid: &str) -> Result<Option<Arc<str>>, BackendError> {
        self.primary_keys.of(self.client(), uid, self.timeout()).await
    }

    /// Asks for the primary key again at the next query: the index may have been made anew.
    pub(super) fn forget_primary_key(&self, uid: &str) {
        self.primary_keys.forget(uid);
    }
}

/// The path of an index. A name that no index can have is one that is not there, and never part of another path.
pub(super) fn path(uid: &str) -> Result<String, BackendError> {
    let is_name =
        !uid.is_empty() && uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_name {
        Ok(format!("/indexes/{uid}"))
    } else {
        Err(error(BackendErrorKind::IndexNotFound, "reading the name of the index"))
    }
}

#[derive(Serialize)]
struct Slice<'a> {
    offset: u64,
    limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a str>,
}

#[derive(Deserialize)]
struct Listed {
    results: Vec<Document>,
    total: u64,
}

impl fmt::Debug for MeiliOptions {
    /// Without the address, which may hold a password, and the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeiliOptions").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl fmt::Debug for MeiliIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeiliIndex").field("uid", &self.uid).field("options", &self.options).finish()
    }
}
