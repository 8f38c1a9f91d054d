//! Filters and sort criteria: reading them, and refusing what an index's settings do not allow.

use serde_json::Value;

use super::error::ApiError;
use crate::{
    filter::{Condition, Filter},
    search::FilterInput,
    sort::SortCriterion,
};

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
    // A field holds what is nested in it.
    let covers = |listed: &String, name: &str| {
        name.strip_prefix(&**listed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_sortable = |name: &str| sortable.iter().any(|listed| covers(listed, name));
    let Some(SortCriterion { attribute, .. }) = sort.iter().find(|criterion| !is_sortable(&criterion.attribute)) else {
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
