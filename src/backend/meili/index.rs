//! The index: where it is, its settings and its documents.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{MeiliWriter, client::Client, error::error, keys::PrimaryKeys};
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
}

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
        MeiliIndex { uid: uid.into(), options: self, primary_keys: PrimaryKeys::default() }
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
        let doing = "listing documents";
        let path = format!("{}/documents", path(&self.uid)?);
        let page: Listed = self.client().get(&path, Slice { offset, limit }, self.timeout(), doing).await?;
        let Some(primary_key) = self.primary_key().await? else {
            return Ok(DocumentsPage { documents: Vec::new(), total: page.total });
        };
        let with_id = |document: Document| match document.get(&*primary_key).and_then(DocumentId::from_json) {
            Some(id) => Ok((id, document)),
            None => Err(error(BackendErrorKind::Internal, "listing documents: one has no primary key")),
        };
        let documents = page.results.into_iter().map(with_id).collect::<Result<_, _>>()?;
        Ok(DocumentsPage { documents, total: page.total })
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
struct Slice {
    offset: u64,
    limit: u64,
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
