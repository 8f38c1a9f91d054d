//! The parameters of a search, from a body or from a query string.

use http::Uri;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::place;
use crate::{
    codec::CodecError,
    search::{Extras, Page, SearchQuery},
};

/// A search as far as its parameters have been read.
#[derive(Default)]
pub(super) struct Reader {
    query: SearchQuery,
    offset: Option<usize>,
    limit: Option<usize>,
    page: Option<usize>,
    hits_per_page: Option<usize>,
    extras: Extras,
}

impl Reader {
    /// Reads one parameter.
    pub(super) fn read(&mut self, name: &str, value: Value) -> Result<(), CodecError> {
        // Asking for nothing extra is no use of a feature.
        if value.is_null() || (value == Value::Bool(false) && is_switch(name)) {
            return Ok(());
        }
        let Self { query, extras, .. } = self;
        match name {
            "q" => query.text = typed(name, value)?,
            "filter" => query.filter = Some(typed(name, value)?),
            "sort" => query.sort = typed(name, value)?,
            "matchingStrategy" => query.matching = typed(name, value)?,
            "attributesToRetrieve" => {
                let fields: Vec<String> = typed(name, value)?;
                query.retrieve = (!fields.iter().any(|field| field == "*")).then_some(fields);
            }
            "offset" => self.offset = Some(typed(name, value)?),
            "limit" => self.limit = Some(typed(name, value)?),
            "page" => self.page = Some(typed(name, value)?),
            "hitsPerPage" => self.hits_per_page = Some(typed(name, value)?),
            "attributesToSearchOn" => extras.search_on = Some(typed(name, value)?),
            "distinct" => extras.distinct = Some(typed(name, value)?),
            "facets" => extras.facets = Some(typed(name, value)?),
            "rankingScoreThreshold" => extras.score_threshold = Some(share(name, value)?),
            "showRankingScore" => extras.show_score = typed(name, value)?,
            "showRankingScoreDetails" => extras.show_score_details = typed(name, value)?,
            "showMatchesPosition" => extras.show_matches = typed(name, value)?,
            "attributesToHighlight" => extras.formatting.highlight = typed(name, value)?,
            "highlightPreTag" => extras.formatting.before = typed(name, value)?,
            "highlightPostTag" => extras.formatting.behind = typed(name, value)?,
            "attributesToCrop" => extras.formatting.crop = typed(name, value)?,
            "cropLength" => extras.formatting.crop_length = typed(name, value)?,
            "cropMarker" => extras.formatting.crop_marker = typed(name, value)?,
            _ => return Err(CodecError::Unsupported(name.to_owned())),
        }
        Ok(())
    }

    /// The query. Either of `page` and `hitsPerPage` selects numbered pages, as in Meilisearch.
    pub(super) fn finish(self) -> SearchQuery {
        let Self { query, extras, .. } = self;
        let page = match (self.page, self.hits_per_page) {
            (None, None) => Page::Window { offset: self.offset.unwrap_or(0), limit: self.limit.unwrap_or(20) },
            (page, size) => Page::Numbered { page: page.unwrap_or(1), hits_per_page: size.unwrap_or(20) },
        };
        let extras = (extras != Extras::default()).then(|| Box::new(extras));
        SearchQuery { page, extras, ..query }
    }
}

/// Parameters that are off unless they are true.
fn is_switch(name: &str) -> bool {
    matches!(
        name,
        "showRankingScore"
            | "showRankingScoreDetails"
            | "showMatchesPosition"
            | "showPerformanceDetails"
            | "retrieveVectors"
            | "useNetwork"
    )
}

fn typed<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, CodecError> {
    T::deserialize(value).map_err(|error| CodecError::Malformed(format!("`{name}`: {error}")))
}

/// A number from 0 to 1.
fn share(name: &str, value: Value) -> Result<f64, CodecError> {
    let share: f64 = typed(name, value)?;
    match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err(CodecError::Malformed(format!("`{name}`: {share} is not between 0 and 1"))),
    }
}

/// The parameters of a GET request in the types of a POST body. Lists are separated by commas.
pub(super) fn from_query_string(uri: &Uri) -> Map<String, Value> {
    place::parameters(uri)
        .map(|(name, value)| {
            let text = |value: &str| Value::String(value.to_owned());
            let value = match &*name {
                "offset" | "limit" | "page" | "hitsPerPage" | "cropLength" => {
                    value.parse::<u64>().map_or_else(|_| text(&value), Value::from)
                }
                "rankingScoreThreshold" => value.parse::<f64>().map_or_else(|_| text(&value), Value::from),
                // A list of filters is given as JSON.
                "filter" => match serde_json::from_str(&value) {
                    Ok(list @ Value::Array(_)) => list,
                    _ => text(&value),
                },
                "sort"
                | "attributesToRetrieve"
                | "attributesToSearchOn"
                | "attributesToHighlight"
                | "attributesToCrop"
                | "facets" => value.split(',').map(|item| Value::from(item.trim())).collect(),
                name if is_switch(name) => match &*value {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    _ => text(&value),
                },
                _ => text(&value),
            };
            (name.into_owned(), value)
        })
        .collect()
}
