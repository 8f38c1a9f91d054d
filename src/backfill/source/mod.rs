//! Where a backfill reads from.
//!
//! | source | |
//! | --- | --- |
//! | [`MeiliSource`] | the index itself, for a service that has no other copy; with the source's internal order |
//! | [`SqlSource`] | a table or a query of the service, by keyset pagination |
//! | [`JsonlSource`] | a file of documents, one a line, or standard input |

mod error;
mod fields;
mod jsonl;
mod meili;
mod sql;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use error::{SourceError, SourceErrorKind};
pub use jsonl::JsonlSource;
pub use meili::MeiliSource;
pub use sql::{SqlIds, SqlOptions, SqlSource};

use crate::document::{Document, DocumentId, Version};

/// Something whose rows can be copied. All texts that it gives (cursors, bounds, places) are its own to read: they are kept
/// in the control tables, and handed back in another process.
pub trait BackfillSource: Send + Sync + 'static {
    /// What it is, to find it again for a resume, and for people to read. Without passwords and keys.
    fn describe(&self) -> SourceDescription;

    /// Whether it can be read, and is fit to be: fails early on what would fail late.
    fn check(&self) -> BoxFuture<'_, Result<(), SourceError>>;

    /// Cuts it into shards, `shards` at most. Together they hold every row that is there now and stays.
    fn plan(&self, shards: usize) -> BoxFuture<'_, Result<SourcePlan, SourceError>>;

    /// The next rows of a shard after a cursor, `limit` at most; from its beginning without one.
    ///
    /// A row that is there all the time from the first page to the last is on one of them, whatever is added, changed or
    /// deleted beside it meanwhile. Reading the same page again is always possible, also after a restart.
    fn read<'a>(
        &'a self,
        shard: &'a Shard,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>>;

    /// The rows at these [places](SourceRow::place) as they are now, in any order; those that are gone are left out.
    fn reread<'a>(&'a self, places: &'a [String]) -> BoxFuture<'a, Result<Vec<SourceRow>, SourceError>>;
}

impl BackfillSource for Box<dyn BackfillSource> {
    fn describe(&self) -> SourceDescription {
        (**self).describe()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SourceError>> {
        (**self).check()
    }

    fn plan(&self, shards: usize) -> BoxFuture<'_, Result<SourcePlan, SourceError>> {
        (**self).plan(shards)
    }

    fn read<'a>(
        &'a self,
        shard: &'a Shard,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        (**self).read(shard, after, limit)
    }

    fn reread<'a>(&'a self, places: &'a [String]) -> BoxFuture<'a, Result<Vec<SourceRow>, SourceError>> {
        (**self).reread(places)
    }
}

/// What a source is, in the words of its own options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceDescription {
    /// An index of Meilisearch.
    Meili {
        /// Its name.
        index: String,
        /// The field that holds the version of a document, if one does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// A query of a database.
    Sql(Box<SqlOptions>),
    /// A file.
    Jsonl {
        /// Its path; `-` is standard input.
        path: String,
        /// The field that holds the id.
        primary_key: String,
        /// The field that holds the version of a document, if one does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
}

impl SourceDescription {
    /// Whether its rows bring versions of their own.
    pub(super) fn gives_versions(&self) -> bool {
        match self {
            Self::Meili { version, .. } | Self::Jsonl { version, .. } => version.is_some(),
            Self::Sql(options) => options.version.is_some(),
        }
    }
}

/// How a source is cut.
#[derive(Clone, Debug, PartialEq)]
pub struct SourcePlan {
    /// The shards; at least one.
    pub shards: Vec<Shard>,
    /// How many rows there are, if that can be known or estimated without reading them all.
    pub total: Option<Total>,
}

/// A number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub rows: u64,
    /// Whether they were counted.
    pub exact: bool,
}

/// A stretch of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its name, unique among the shards of a plan.
    pub key: String,
    /// Where it begins; `None`: with the first row.
    pub lower: Option<String>,
    /// Where it ends; `None`: with the last row.
    pub upper: Option<String>,
}

/// Some rows in the order of the source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The rows. May be empty though others follow.
    pub rows: Vec<SourceRow>,
    /// Where the next page begins; `None` leaves it where it was.
    pub cursor: Option<String>,
    /// Whether the shard ends here: the source has said so, not merely said nothing.
    pub end: bool,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRow {
    /// Where it stands, to read it once more.
    pub place: String,
    /// What it holds.
    pub content: Result<SourceDocument, Unreadable>,
}

/// A document as a source holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceDocument {
    /// Its primary key.
    pub id: DocumentId,
    /// Which of its writes this is; `None`: the job says.
    pub version: Option<Version>,
    /// Its internal number in Meilisearch, on which ties hang; `None`: a new one is drawn.
    pub ordinal: Option<i64>,
    /// Its fields; `None` is a document that is deleted.
    pub document: Option<Document>,
}

/// A row that is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its id, if that much could be read.
    pub id: Option<DocumentId>,
    /// Why, in more words. Does not quote the document.
    pub why: String,
}
