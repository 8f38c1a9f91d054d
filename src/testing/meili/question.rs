//! Reads a search request, and refuses what the index's settings do not allow.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{error::ApiError, fields::Fields};
use crate::{
    filter::{Condition, Filter},
    search::{FilterInput, MatchingStrategy, Page},
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
        let mut fields = Fields::new(body, &KNOWN)?;
        let text = fields.text("q", "invalid_search_q")?.unwrap_or_default();
        let offset = fields.count("offset", "invalid_search_offset")?.unwrap_or(0);
        let limit = fields.count("limit", "invalid_search_limit")?.unwrap_or(20);
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
    pub(super) fn from_parameters(parameters: HashMap<String, String>) -> Result<Self, ApiError> {
        let mut body = Map::new();
        for (name, text) in parameters {
            let value = match name.as_str() {
                "attributesToRetrieve" | "sort" => text.split(',').map(str::trim).collect(),
                "q" | "matchingStrategy" => Value::String(text),
                // A list may be given as JSON; anything else is an expression.
                "filter" => serde_json::from_str(&text).ok().filter(Value::is_array).unwrap_or(Value::String(text)),
                _ => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            };
            body.insert(name, value);
        }
        Self::read(Value::Object(body))
    }

    /// Whether nothing but the text decides which documents are found.
    pub(super) fn is_plain(&self) -> bool {
        self.filter.is_none() && self.sort.is_empty() && self.matching == MatchingStrategy::Last && !self.show_score
    }
}

/// Reads a filter.
pub(super) fn read_filter(value: Value, code: &'static str) -> Result<Filter, ApiError> {
    let input: FilterInput = serde_json::from_value(value).map_err(|_| {
        ApiError::bad_request(code, "Invalid syntax for the filter parameter: expected a string or an array.")
    })?;
    Filter::parse(&input).map_err(|error| ApiError::bad_request(code, error.to_string()))
}

/// Reads sort criteria.
pub(super) fn read_sort(texts: Option<Vec<String>>, code: &'static str) -> Result<Vec<SortCriterion>, ApiError> {
    let read = |text: String| {
        text.parse().map_err(|_| {
            let message = format!("Invalid syntax for the sort parameter: expected expression ending by `:asc` or `:desc`, found `{text}`.");
            ApiError::bad_request(code, message)
        })
    };
    texts.unwrap_or_default().into_iter().map(read).collect()
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

/// Refuses a filter on an attribute that is not filterable. `shown` is the text the message quotes and points into.
pub(super) fn check_filter(
    filter: &Filter,
    shown: &str,
    filterable: &[String],
    code: &'static str,
) -> Result<(), ApiError> {
    let allowed = |attribute: &str| {
        filterable.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => attribute.starts_with(start),
            None => {
                attribute == pattern
                    || attribute.strip_prefix(pattern.as_str()).is_some_and(|rest| rest.starts_with('.'))
            }
        })
    };
    let attributes = filter.attributes();
    let Some(refused) = attributes.into_iter().find(|attribute| !allowed(attribute)) else {
        return Ok(());
    };
    let start = shown.find(refused).map_or(1, |at| shown[..at].chars().count() + 1);
    let end = start + refused.chars().count();
    let message = match listed(filterable) {
        Some(names) => format!(
            "Attribute `{refused}` is not filterable. Available filterable attribute patterns are: {names}.\n\
             {start}:{end} {shown}"
        ),
        None => format!(
            "Attribute `{refused}` is not filterable. This index does not have configured filterable attributes.\n\
             {start}:{end} {shown}"
        ),
    };
    Err(ApiError::bad_request(code, message))
}

/// Refuses a sort by a field that is not sortable.
pub(super) fn check_sort(sort: &[SortCriterion], sortable: &[String], code: &'static str) -> Result<(), ApiError> {
    let Some(SortCriterion { attribute, .. }) = sort.iter().find(|criterion| !sortable.contains(&criterion.attribute))
    else {
        return Ok(());
    };
    let available = match listed(sortable) {
        Some(names) => format!("Available sortable attributes are: {names}."),
        None => "This index does not have configured sortable attributes.".to_owned(),
    };
    Err(ApiError::bad_request(code, format!("Attribute `{attribute}` is not sortable. {available}")))
}

/// A filter as the search route quotes it in its errors: every word in quotation marks.
pub(super) fn quoted(filter: &Filter) -> String {
    match filter {
        Filter::Condition { attribute, condition: Condition::Compare(comparison, literal) } => {
            format!("\"{attribute}\" {comparison} \"{}\"", literal.0)
        }
        _ => filter.to_string(),
    }
}

fn listed(names: &[String]) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
