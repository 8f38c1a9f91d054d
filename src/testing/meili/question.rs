//! Reads a search request.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    error::ApiError,
    expressions::{read_filter, read_sort},
    fields::Fields,
    parameters::{check_parameters, number},
};
use crate::{
    filter::Filter,
    search::{MatchingStrategy, Page},
    sort::SortCriterion,
};

/// The fields a search may have, in Meilisearch's order.
const KNOWN: [&str; 30] = [
    "q",
    "offset",
    "limit",
    "page",
    "hitsPerPage",
    "attributesToRetrieve",
    "attributesToCrop",
    "cropLength",
    "cropMarker",
    "attributesToHighlight",
    "highlightPreTag",
    "highlightPostTag",
    "showMatchesPosition",
    "filter",
    "sort",
    "distinct",
    "facets",
    "matchingStrategy",
    "attributesToSearchOn",
    "rankingScoreThreshold",
    "locales",
    "hybrid",
    "vector",
    "retrieveVectors",
    "media",
    "personalize",
    "useNetwork",
    "showRankingScore",
    "showRankingScoreDetails",
    "showPerformanceDetails",
];

/// The parameters a search by `GET` may have, in Meilisearch's order.
const KNOWN_PARAMETERS: [&str; 30] = [
    "q",
    "offset",
    "limit",
    "page",
    "hitsPerPage",
    "attributesToRetrieve",
    "attributesToCrop",
    "cropLength",
    "cropMarker",
    "attributesToHighlight",
    "highlightPreTag",
    "highlightPostTag",
    "showMatchesPosition",
    "filter",
    "sort",
    "distinct",
    "facets",
    "matchingStrategy",
    "attributesToSearchOn",
    "rankingScoreThreshold",
    "locales",
    "hybridEmbedder",
    "hybridSemanticRatio",
    "vector",
    "retrieveVectors",
    "personalizeUserContext",
    "useNetwork",
    "showRankingScore",
    "showRankingScoreDetails",
    "showPerformanceDetails",
];

/// A search, read.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) text: String,
    pub(super) filter: Option<Filter>,
    pub(super) sort: Vec<SortCriterion>,
    pub(super) page: Page,
    pub(super) matching: MatchingStrategy,
    pub(super) retrieve: Option<Vec<String>>,
    pub(super) show_score: bool,
}

impl Question {
    /// Reads a body.
    pub(super) fn read(body: Value) -> Result<Self, ApiError> {
        Self::from_fields(Fields::new(body, "", &KNOWN)?)
    }

    /// Reads one query of several, the one at `place`; the index it is for comes first.
    pub(super) fn read_part(body: Value, place: &str) -> Result<(String, Self), ApiError> {
        let known: Vec<&str> = ["indexUid"].into_iter().chain(KNOWN).chain(["federationOptions"]).collect();
        let mut fields = Fields::new(body, place, &known)?;
        let uid = fields.text("indexUid", "invalid_index_uid")?;
        let missing =
            || ApiError::bad_request("missing_index_uid", format!("Missing field `indexUid` inside `{place}`"));
        Ok((uid.ok_or_else(missing)?, Self::from_fields(fields)?))
    }

    fn from_fields(mut fields: Fields) -> Result<Self, ApiError> {
        let text = fields.text("q", "invalid_search_q")?.unwrap_or_default();
        let offset = fields.count_or("offset", "invalid_search_offset", 0)?;
        let limit = fields.count_or("limit", "invalid_search_limit", 20)?;
        let page = fields.count("page", "invalid_search_page")?;
        let hits_per_page = fields.count("hitsPerPage", "invalid_search_hits_per_page")?;
        let page = match (page, hits_per_page) {
            (None, None) => Page::Window { offset, limit },
            _ => Page::Numbered { page: page.unwrap_or(1), hits_per_page: hits_per_page.unwrap_or(20) },
        };
        let question = Self {
            text,
            filter: fields.value("filter").map(|value| read_filter(value, "invalid_search_filter")).transpose()?,
            sort: read_sort(fields.texts("sort", "invalid_search_sort")?, "invalid_search_sort")?,
            page,
            matching: read_matching(fields.text("matchingStrategy", "invalid_search_matching_strategy")?)?,
            retrieve: fields.texts("attributesToRetrieve", "invalid_search_attributes_to_retrieve")?,
            show_score: fields.truth("showRankingScore", "invalid_search_show_ranking_score")?.unwrap_or(false),
        };
        fields.finish()?;
        Ok(question)
    }

    /// Reads the parameters of a `GET`.
    pub(super) fn from_parameters(parameters: &HashMap<String, String>) -> Result<Self, ApiError> {
        check_parameters(parameters, &KNOWN_PARAMETERS)?;
        let mut body = Map::new();
        for (name, text) in parameters {
            let value = match name.as_str() {
                "attributesToRetrieve" | "sort" => text.split(',').map(str::trim).collect(),
                "offset" => json!(number(parameters, name, "invalid_search_offset", 0)?),
                "limit" => json!(number(parameters, name, "invalid_search_limit", 20)?),
                "page" => json!(number(parameters, name, "invalid_search_page", 1)?),
                "hitsPerPage" => json!(number(parameters, name, "invalid_search_hits_per_page", 20)?),
                // A list may be given as JSON; anything else is an expression.
                "filter" => serde_json::from_str(text).ok().filter(Value::is_array).unwrap_or_else(|| json!(text)),
                "showRankingScore" => json!(text == "true"),
                _ => json!(text),
            };
            body.insert(name.clone(), value);
        }
        // What only a `GET` knows is not imitated anyway.
        let known: Vec<&str> = KNOWN.into_iter().chain(KNOWN_PARAMETERS).collect();
        Self::from_fields(Fields::new(Value::Object(body), "", &known)?)
    }

    /// Whether nothing but the text decides which documents are found.
    pub(super) fn is_plain(&self) -> bool {
        self.filter.is_none() && self.sort.is_empty() && self.matching == MatchingStrategy::Last && !self.show_score
    }
}

fn read_matching(text: Option<String>) -> Result<MatchingStrategy, ApiError> {
    let Some(text) = text else {
        return Ok(MatchingStrategy::default());
    };
    serde_json::from_value(json!(text)).map_err(|_| {
        let message =
            format!("Unknown value `{text}` at `.matchingStrategy`: expected one of `last`, `all`, `frequency`");
        ApiError::bad_request("invalid_search_matching_strategy", message)
    })
}
