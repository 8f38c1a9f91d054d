//! What a search asks and what it answers, in the words both sides share.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod class;
mod extras;
mod parameters;

pub use class::QueryClass;
pub use extras::{Extras, FacetCounts, FacetStats, Formatting, HitExtras};
#[cfg(feature = "http")]
pub(crate) use parameters::is_switch;
pub use parameters::{ParameterError, Parameters};

use crate::document::{Document, DocumentId};

/// One search, independent of the protocol it came in by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchQuery {
    /// The index to ask; `None` is the index the backend was made for.
    pub index: Option<Arc<str>>,
    /// The words, as the user typed them. Empty is a placeholder search: every document that passes the filter.
    pub text: String,
    /// Who reads: the key of the sticky canary, and a column of the shadow log. `None` is an anonymous reader.
    pub user: Option<Arc<str>>,
    /// A Meilisearch filter expression, not yet parsed: a side that does not speak the language parses it.
    pub filter: Option<FilterInput>,
    /// Meilisearch sort criteria, `field:asc` or `field:desc`, the first decides first.
    pub sort: Vec<String>,
    /// Which slice of the ranking is wanted.
    pub page: Page,
    /// What happens when not every word matches.
    pub matching: MatchingStrategy,
    /// The fields each hit shows; `None` is all displayed fields.
    pub retrieve: Option<Vec<String>>,
    /// What few searches ask for; `None` is nothing of it.
    pub extras: Option<Box<Extras>>,
}

/// The slice of a ranking, in either of the two forms Meilisearch knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `offset` and `limit`; the answer carries an *estimated* total.
    Window {
        /// Hits to skip.
        offset: usize,
        /// Hits to return at most.
        limit: usize,
    },
    /// `page` (from 1) and `hitsPerPage`; the answer carries an exact total. Page 0 is empty.
    Numbered {
        /// The page wanted, from 1.
        page: usize,
        /// Hits on a page.
        hits_per_page: usize,
    },
}

/// What happens when a document does not hold every word of the query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MatchingStrategy {
    /// Words are dropped from the end until enough documents are found.
    #[default]
    Last,
    /// Only documents that hold all words.
    All,
    /// Words are dropped from the most frequent to the least.
    Frequency,
}

/// A filter as Meilisearch takes it: one expression, or a list of which all must hold; a list inside is an *or*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilterInput {
    /// `"genres = Drama AND year > 1990"`
    Expression(String),
    /// `["year > 1990", ["genres = Drama", "genres = Comedy"]]`
    AllOf(Vec<FilterTerm>),
}

/// One member of a filter list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilterTerm {
    /// An expression that must hold.
    Expression(String),
    /// Expressions of which one must hold.
    AnyOf(Vec<String>),
}

/// What a side answered: a slice of its ranking. Cloning is a reference count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchHits {
    /// The slice asked for, best first.
    pub hits: Arc<[Hit]>,
    /// How many documents match in all: an estimate, or exact in page mode.
    pub total: u64,
    /// The values of the facets that were asked for; `None` if none were.
    pub facets: Option<Arc<FacetCounts>>,
}

/// One document of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its primary key.
    pub id: DocumentId,
    /// The fields asked for.
    pub document: Document,
    /// What [`Extras`] asked for; `None` is nothing.
    pub extras: Option<Box<HitExtras>>,
}

impl SearchQuery {
    /// A query for `text` with the source's defaults: first page of 20, no filter, no sort.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The same query asked by `user`.
    pub fn by(mut self, user: impl Into<Arc<str>>) -> Self {
        self.user = Some(user.into());
        self
    }
}

impl Hit {
    /// A document without extras.
    pub fn new(id: impl Into<DocumentId>, document: Document) -> Self {
        Self { id: id.into(), document, extras: None }
    }
}

impl Page {
    /// Hits to skip.
    pub fn offset(self) -> usize {
        match self {
            Self::Window { offset, .. } => offset,
            Self::Numbered { page, hits_per_page } => page.saturating_sub(1).saturating_mul(hits_per_page),
        }
    }

    /// Hits to return at most.
    pub fn limit(self) -> usize {
        match self {
            Self::Window { limit, .. } => limit,
            Self::Numbered { page: 0, .. } => 0,
            Self::Numbered { hits_per_page, .. } => hits_per_page,
        }
    }
}

impl Default for Page {
    /// Meilisearch's own default: the first 20.
    fn default() -> Self {
        Self::Window { offset: 0, limit: 20 }
    }
}

impl SearchHits {
    /// Hits and their total, without facets.
    pub fn new(hits: impl Into<Arc<[Hit]>>, total: u64) -> Self {
        Self { hits: hits.into(), total, facets: None }
    }

    /// The ids of the hits, best first.
    pub fn ids(&self) -> Vec<DocumentId> {
        self.hits.iter().map(|hit| hit.id.clone()).collect()
    }
}
