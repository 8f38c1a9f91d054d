//! One query and its answer.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{MeiliIndex, error::error, extras, index::path};
use crate::{
    backend::{SearchBackend, write::SourceWriter},
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind, Side},
    search::{FilterInput, Hit, MatchingStrategy, Page, SearchHits, SearchQuery},
};

impl SearchBackend for MeiliIndex {
    fn side(&self) -> Side {
        Side::Meili
    }

    fn search<'a>(&'a self, query: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
        Box::pin(self.answer(query))
    }

    fn index(&self) -> Option<&str> {
        Some(self.uid())
    }

    fn source_writer(&self) -> Option<Arc<dyn SourceWriter>> {
        Some(Arc::new(self.options().clone().writer()))
    }
}

impl MeiliIndex {
    async fn answer(&self, query: &SearchQuery) -> Result<SearchHits, BackendError> {
        let uid = query.index.as_deref().unwrap_or(self.uid());
        let path = format!("{}/search", path(uid)?);
        let Some(primary_key) = self.primary_key_of(uid).await? else {
            // Without a primary key there are no documents.
            return Ok(SearchHits::default());
        };
        let question = Question::new(query, &primary_key);
        let answer: Answer = self.client().post(&path, &question, self.timeout(), "searching").await?;
        let asks_for_key = query.retrieve.as_ref().is_none_or(|retrieve| covers(retrieve, &primary_key));
        let hit = |mut document: Document| {
            let extras = query.extras.as_deref().and_then(|extras| extras::of_hit(extras, &mut document));
            let id = document.get(&*primary_key).and_then(DocumentId::from_json)?;
            if !asks_for_key {
                document.shift_remove(&*primary_key);
            }
            Some(Hit { extras, ..Hit::new(id, document) })
        };
        let facets = extras::facets(answer.facet_distribution, answer.facet_stats);
        match answer.hits.into_iter().map(hit).collect() {
            Some(hits) => {
                let total = answer.total_hits.or(answer.estimated_total_hits).unwrap_or(0);
                Ok(SearchHits { hits, total, facets })
            }
            None => {
                self.forget_primary_key(uid);
                let doing = "reading the ids of hits: the primary key is not among the displayed attributes";
                Err(error(BackendErrorKind::Unsupported, doing))
            }
        }
    }
}

/// The body of `POST /indexes/{uid}/search`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    q: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a FilterInput>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    sort: &'a [String],
    #[serde(flatten)]
    slice: Slice,
    matching_strategy: MatchingStrategy,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes_to_retrieve: Option<Vec<&'a str>>,
    #[serde(flatten)]
    extras: extras::Parameters<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Slice {
    Window {
        offset: usize,
        limit: usize,
    },
    #[serde(rename_all = "camelCase")]
    Numbered {
        page: usize,
        hits_per_page: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    hits: Vec<Document>,
    estimated_total_hits: Option<u64>,
    total_hits: Option<u64>,
    facet_distribution: Option<BTreeMap<String, Document>>,
    facet_stats: Option<BTreeMap<String, extras::Ends>>,
}

impl<'a> Question<'a> {
    /// The fields asked for, and the primary key, without which no id can be read.
    fn new(query: &'a SearchQuery, primary_key: &'a str) -> Self {
        let attributes_to_retrieve = query.retrieve.as_ref().map(|retrieve| {
            let key = (!covers(retrieve, primary_key)).then_some(primary_key);
            retrieve.iter().map(String::as_str).chain(key).collect()
        });
        let slice = match query.page {
            Page::Window { offset, limit } => Slice::Window { offset, limit },
            Page::Numbered { page, hits_per_page } => Slice::Numbered { page, hits_per_page },
        };
        Self {
            q: &query.text,
            filter: query.filter.as_ref(),
            sort: &query.sort,
            slice,
            matching_strategy: query.matching,
            attributes_to_retrieve,
            extras: query.extras.as_deref().map(extras::Parameters::new).unwrap_or_default(),
        }
    }
}

fn covers(retrieve: &[String], primary_key: &str) -> bool {
    retrieve.iter().any(|field| field == "*" || field == primary_key)
}
