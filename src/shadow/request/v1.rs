//! The first form of a stored request. What is as Meilisearch has it by default is left out.

use std::{num::ParseFloatError, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::search::{Extras, FilterInput, Formatting, MatchingStrategy, Page, SearchQuery};

pub(super) const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    v: u64,
    q: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<FilterInput>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sort: Vec<String>,
    page: Slice,
    #[serde(default, skip_serializing_if = "is_default")]
    matching: MatchingStrategy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retrieve: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extras: Option<Box<More>>,
}

/// `[offset, limit]` or `{"page": .., "hits_per_page": ..}`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Slice {
    Window(usize, usize),
    Numbered { page: usize, hits_per_page: usize },
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    search_on: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facets: Option<Vec<String>>,
    /// As text: a number is read back with an error in its last digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    score_threshold: Option<Exact>,
    #[serde(skip_serializing_if = "is_default")]
    show_score: bool,
    #[serde(skip_serializing_if = "is_default")]
    show_score_details: bool,
    #[serde(skip_serializing_if = "is_default")]
    show_matches: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    formatting: Option<Format>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Exact(f64);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Format {
    highlight: Vec<String>,
    before: String,
    behind: String,
    crop: Vec<String>,
    crop_length: usize,
    crop_marker: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<Exact> for String {
    fn from(exact: Exact) -> Self {
        exact.0.to_string()
    }
}

impl TryFrom<String> for Exact {
    type Error = ParseFloatError;

    fn try_from(text: String) -> Result<Self, ParseFloatError> {
        text.parse().map(Self)
    }
}

// Taken apart without `..`: a new field does not compile until it is stored too, or left out on purpose.

impl From<&SearchQuery> for Request {
    fn from(query: &SearchQuery) -> Self {
        let SearchQuery { index, text, user: _, filter, sort, page, matching, retrieve, extras } = query;
        Self {
            v: VERSION,
            q: text.clone(),
            index: index.clone(),
            filter: filter.clone(),
            sort: sort.clone(),
            page: (*page).into(),
            matching: *matching,
            retrieve: retrieve.clone(),
            extras: extras.as_deref().map(|extras| Box::new(extras.into())),
        }
    }
}

impl From<Request> for SearchQuery {
    fn from(request: Request) -> Self {
        let Request { v: _, q, index, filter, sort, page, matching, retrieve, extras } = request;
        let extras = extras.map(|more| Box::new((*more).into()));
        Self { index, text: q, user: None, filter, sort, page: page.into(), matching, retrieve, extras }
    }
}

impl From<Page> for Slice {
    fn from(page: Page) -> Self {
        match page {
            Page::Window { offset, limit } => Self::Window(offset, limit),
            Page::Numbered { page, hits_per_page } => Self::Numbered { page, hits_per_page },
        }
    }
}

impl From<Slice> for Page {
    fn from(slice: Slice) -> Self {
        match slice {
            Slice::Window(offset, limit) => Self::Window { offset, limit },
            Slice::Numbered { page, hits_per_page } => Self::Numbered { page, hits_per_page },
        }
    }
}

impl From<&Extras> for More {
    fn from(extras: &Extras) -> Self {
        let Extras {
            search_on,
            distinct,
            facets,
            score_threshold,
            show_score,
            show_score_details,
            show_matches,
            formatting,
        } = extras.clone();
        let score_threshold = score_threshold.map(Exact);
        let formatting = (formatting != Formatting::default()).then(|| formatting.into());
        Self { search_on, distinct, facets, score_threshold, show_score, show_score_details, show_matches, formatting }
    }
}

impl From<More> for Extras {
    fn from(more: More) -> Self {
        let More {
            search_on,
            distinct,
            facets,
            score_threshold,
            show_score,
            show_score_details,
            show_matches,
            formatting,
        } = more;
        let score_threshold = score_threshold.map(|exact| exact.0);
        let formatting = formatting.map(Into::into).unwrap_or_default();
        Self { search_on, distinct, facets, score_threshold, show_score, show_score_details, show_matches, formatting }
    }
}

impl From<Formatting> for Format {
    fn from(formatting: Formatting) -> Self {
        let Formatting { highlight, before, behind, crop, crop_length, crop_marker } = formatting;
        Self { highlight, before, behind, crop, crop_length, crop_marker }
    }
}

impl From<Format> for Formatting {
    fn from(format: Format) -> Self {
        let Format { highlight, before, behind, crop, crop_length, crop_marker } = format;
        Self { highlight, before, behind, crop, crop_length, crop_marker }
    }
}
