//! What a search index holds: documents, their ids and versions.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// One JSON object as the source stores it. Key order is kept, so that an answer from PostgreSQL shows fields in the
/// order Meilisearch shows them.
pub type Document = serde_json::Map<String, serde_json::Value>;

/// The primary key of a document, as text. Cloning is a reference count.
///
/// Meilisearch ids are integers or strings of `A-Z a-z 0-9 - _`; an integer id is held in its decimal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentId(Arc<str>);

/// What orders two writes of one document; monotonic per document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);

impl DocumentId {
    /// Takes any text as an id; validity is the index's business.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an id out of a JSON value: a string, or an integer in decimal.
    pub fn from_json(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Some(Self::new(text.as_str())),
            serde_json::Value::Number(number) if number.is_i64() || number.is_u64() => {
                Some(Self::new(number.to_string()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for DocumentId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for DocumentId {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}
