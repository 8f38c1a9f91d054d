//! The parameters of a GET request.

use http::Uri;
use serde_json::{Map, Value};

use super::super::place;
use crate::search::is_switch;

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
