//! Reads a search request, and refuses what the index's settings do not allow.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    error::ApiError,
    fields::Fields,
    parameters::{check_parameters, number},
};
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

/// Reads a filter.
pub(super) fn read_filter(value: Value, code: &'static str) -> Result<Filter, ApiError> {
    let refuse = |expected, found: &Value| {
        let message = format!("Invalid syntax for the filter parameter: `expected {expected}, found: {found}`.");
        ApiError::bad_request(code, message)
    };
    match &value {
        Value::String(_) => {}
        Value::Array(elements) => {
            if let Some(other) = elements.iter().find(|element| !element.is_string() && !element.is_array()) {
                return Err(refuse("String, [String]", other));
            }
        }
        other => return Err(refuse("String, Array", other)),
    }
    let input: FilterInput = serde_json::from_value(value.clone()).map_err(|_| refuse("String, [String]", &value))?;
    Filter::parse(&input).map_err(|error| ApiError::bad_request(code, error.to_string()))
}

/// The expressions a filter was given in.
pub(super) fn expressions(filter: &Value) -> Vec<String> {
    match filter {
        Value::String(text) => vec![text.clone()],
        Value::Array(elements) => elements.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
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

/// Refuses a filter on an attribute that is not filterable. `shown` are the texts
/// of which the message quotes one and points into it.
pub(super) fn check_filter(
    filter: &Filter,
    shown: &[String],
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
    let shown = shown.iter().find(|text| text.contains(refused)).map_or("", String::as_str);
    let start = shown.find(refused).map_or(1, |at| shown[..at].chars().count() + 1);
    let end = start + refused.chars().count();
    let message = match names(filterable) {
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
    let available = match sortable {
        [] => "This index does not have configured sortable attributes.".to_owned(),
        _ => format!("Available sortable attributes are: `{}`.", sortable.join(", ")),
    };
    Err(ApiError::bad_request(code, format!("Attribute `{attribute}` is not sortable. {available}")))
}

/// A filter as the search route quotes it in its errors: every word in quotation marks, every member in parentheses.
pub(super) fn quoted(filter: &Filter) -> String {
    let joined = |members: &[Filter], word: &str| {
        let members: Vec<String> = members.iter().map(|member| format!("({})", quoted(member))).collect();
        members.join(word)
    };
    match filter {
        Filter::And(members) => joined(members, " AND "),
        Filter::Or(members) => joined(members, " OR "),
        Filter::Not(member) => format!("NOT ({})", quoted(member)),
        Filter::Condition { attribute, condition } => {
            let rest = match condition {
                Condition::Compare(comparison, literal) => format!("{comparison} \"{}\"", literal.0),
                Condition::Between(from, to) => format!("\"{}\" TO \"{}\"", from.0, to.0),
                Condition::In(members) => {
                    let members: Vec<String> = members.iter().map(|member| format!("\"{}\"", member.0)).collect();
                    format!("IN [{}]", members.join(", "))
                }
                Condition::Exists | Condition::IsNull | Condition::IsEmpty => condition.to_string(),
            };
            format!("\"{attribute}\" {rest}")
        }
    }
}

fn names(names: &[String]) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
