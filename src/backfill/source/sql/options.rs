//! What a SQL source reads.

use serde::{Deserialize, Serialize};

/// The posts of a service as the [outbox intake](crate::outbox) looks them up by default: one document for each topic a
/// post stands in, of those that are current, not deleted and not expired.
pub(super) const DEFAULT_QUERY: &str = "\
SELECT e.event_id, t.topic_id, e.pubkey, e.kind, e.created_at, e.tags, e.content
FROM cn_relay.events e JOIN cn_relay.event_topics t ON t.event_id = e.event_id
WHERE NOT e.is_deleted AND e.is_current AND e.kind = 1
    AND (e.expires_at IS NULL OR e.expires_at > extract(epoch FROM clock_timestamp()))";

/// What a SQL source reads, and how documents are made of it. Kept with the job, so it holds no URL.
///
/// Every row of the query becomes a document of its columns, in their order, as `to_json` shows them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqlOptions {
    /// The query; first the posts that the outbox intake looks up by default. It needs no order, and is only read, in a
    /// read-only transaction.
    pub query: String,
    /// The columns that number the rows: no two rows may be equal in all of them, and none may be NULL. An index on them, in
    /// this order, makes pages quick.
    pub keys: Vec<String>,
    /// The columns from which the id of a document is made.
    pub id: Vec<String>,
    /// How it is made.
    pub ids: SqlIds,
    /// The field of the document that gets the id; the first, unless the row has that value there already.
    pub primary_key: String,
    /// A column of integers that is the version of a document. A row in which it is NULL is unreadable.
    pub version: Option<String>,
    /// A column of booleans that says that a document is deleted; NULL is not deleted.
    pub deleted: Option<String>,
    /// Columns that do not belong into the document; `None`: `version` and `deleted`.
    pub omit: Option<Vec<String>>,
    /// How many seconds a statement may take; 0 is for ever. Cutting a source in several shards may take ten times as long.
    pub statement_timeout: u32,
}

/// How a document's id is made of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqlIds {
    /// As the outbox makes it: letters, digits and `-` stand for themselves, all others are escaped; columns are joined by
    /// `__`.
    #[default]
    Escaped,
    /// As it stands in the one column.
    Verbatim,
}

impl Default for SqlOptions {
    fn default() -> Self {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            query: DEFAULT_QUERY.to_owned(),
            keys: columns(&["topic_id", "created_at", "event_id"]),
            id: columns(&["event_id", "topic_id"]),
            ids: SqlIds::Escaped,
            primary_key: "id".to_owned(),
            version: None,
            deleted: None,
            omit: None,
            statement_timeout: 60,
        }
    }
}

impl SqlOptions {
    /// Whether a column is left out of documents.
    pub(super) fn omits(&self, column: &str) -> bool {
        match &self.omit {
            Some(omit) => omit.iter().any(|name| name == column),
            None => [&self.version, &self.deleted].into_iter().flatten().any(|name| name == column),
        }
    }

    /// All columns that are named, each once.
    pub(super) fn columns(&self) -> Vec<&str> {
        let single = [&self.version, &self.deleted].into_iter().flatten();
        let named = self.keys.iter().chain(&self.id).chain(single).chain(self.omit.iter().flatten());
        let mut columns: Vec<&str> = Vec::new();
        for name in named {
            if !columns.contains(&name.as_str()) {
                columns.push(name);
            }
        }
        columns
    }
}
