//! Reading single rows of the shadow log, to look at pairs and to ask them again.

mod sql;

use jiff::Timestamp;
use serde_json::Value;

use super::{Store, StoreError};
use crate::{
    document::DocumentId,
    error::Side,
    search::SearchQuery,
    shadow::{Outcome, RequestAbsent, RequestError},
};

/// The rows of the shadow log.
#[derive(Clone, Debug)]
pub struct ShadowRows {
    store: Store,
}

/// A row of the shadow log.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowRow {
    /// Its number.
    pub id: i64,
    /// When the request arrived.
    pub at: Timestamp,
    /// The name the layer was given.
    pub endpoint: String,
    /// The words asked for, normalized; a hash under redaction.
    pub query_norm: String,
    /// The side that was to answer.
    pub primary: Side,
    /// How it ended, by [`Outcome::as_str`].
    pub outcome: String,
    /// The kind of the error; empty without one.
    pub error_kind: String,
    /// Whether no write to the index was under way.
    pub settled: Option<bool>,
    /// What Meilisearch showed, best first; `None` if it did not answer.
    pub meili: Option<Vec<DocumentId>>,
    /// What PostgreSQL showed.
    pub pg: Option<Vec<DocumentId>>,
    /// The request, as it is stored.
    pub request_json: Option<Value>,
    /// The request to be asked again; nobody is in it as its reader.
    pub request: Result<SearchQuery, NoRequest>,
}

/// Why a row cannot be asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRequest {
    /// It was left out when the row was written.
    #[error("the log keeps no request of it: {}", advice(.0))]
    Absent(String),
    /// The query was never read, or the row is older than the column.
    #[error(
        "the log holds no request of it: the read ended as `{0}` before its query was read, or the row was written by an \
         earlier version"
    )]
    Unread(String),
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] RequestError),
}

impl Store {
    /// The rows of the shadow log.
    pub fn shadow_rows(&self) -> ShadowRows {
        ShadowRows { store: self.clone() }
    }
}

impl ShadowRows {
    /// The row of this number, if it is there.
    pub async fn get(&self, id: i64) -> Result<Option<ShadowRow>, StoreError> {
        sql::get(self.store.pool(), id).await.map_err(StoreError::of("reading a row of the shadow log"))
    }

    /// The worst pairs since then, up to `many`, the worst first: by overlap@10, then by agreement NDCG@10, then the newest. They are settled,
    /// differ, and hold their request; of one request only the last such pair.
    pub async fn worst(&self, since: Timestamp, many: u32) -> Result<Vec<ShadowRow>, StoreError> {
        let since = since.max(Timestamp::UNIX_EPOCH);
        sql::worst(self.store.pool(), since, many).await.map_err(StoreError::of("looking for the worst pairs"))
    }
}

impl ShadowRow {
    /// What a side showed.
    pub fn shown(&self, side: Side) -> Option<&[DocumentId]> {
        match side {
            Side::Meili => self.meili.as_deref(),
            Side::Pg => self.pg.as_deref(),
        }
    }

    /// Whether it ended so.
    pub fn ended(&self, outcome: Outcome) -> bool {
        self.outcome == outcome.as_str()
    }
}

/// What to know about each reason, and what to do.
fn advice(reason: &str) -> String {
    let known = RequestAbsent::ALL.into_iter().find(|absent| absent.as_str() == reason);
    match known {
        Some(RequestAbsent::TooLarge) => {
            format!("it had more than {} bytes; ask it by hand", crate::shadow::StoredRequest::LIMIT)
        }
        Some(RequestAbsent::Unstorable) => "it holds a NUL, which JSON in PostgreSQL cannot".to_owned(),
        Some(RequestAbsent::Redacted) => {
            "queries are stored as hashes (Redaction::users_and_queries), so that nobody can ask them again".to_owned()
        }
        Some(RequestAbsent::NamesReader) => {
            "its filter names the user who asked, and users are stored as hashes (Redaction::users)".to_owned()
        }
        Some(RequestAbsent::Off) => "the service keeps none (ShadowLogOptions::requests)".to_owned(),
        None => format!("`{reason}`, which is a reason of a later version"),
    }
}
