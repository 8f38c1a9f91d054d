//! The settings of an index, as Meilisearch shows them.

use serde_json::{Map, Value, json};

use super::{
    error::ApiError,
    fields::{describe, listed},
};

/// All settings of one index.
#[derive(Clone, Debug)]
pub(super) struct Settings(Map<String, Value>);

/// The settings there are, in Meilisearch's order.
const KNOWN: [&str; 22] = [
    "displayedAttributes",
    "searchableAttributes",
    "filterableAttributes",
    "sortableAttributes",
    "foreignKeys",
    "rankingRules",
    "stopWords",
    "nonSeparatorTokens",
    "separatorTokens",
    "dictionary",
    "synonyms",
    "distinctAttribute",
    "proximityPrecision",
    "typoTolerance",
    "faceting",
    "pagination",
    "embedders",
    "searchCutoffMs",
    "localizedAttributes",
    "facetSearch",
    "prefixSearch",
    "chat",
];

/// Settings that are lists of text, and the code of the error when they are not. Others are kept and shown unchecked.
const LISTS: [(&str, &str); 5] = [
    ("displayedAttributes", "invalid_settings_displayed_attributes"),
    ("searchableAttributes", "invalid_settings_searchable_attributes"),
    ("sortableAttributes", "invalid_settings_sortable_attributes"),
    ("rankingRules", "invalid_settings_ranking_rules"),
    ("stopWords", "invalid_settings_stop_words"),
];

impl Default for Settings {
    fn default() -> Self {
        let defaults = json!({
            "displayedAttributes": ["*"],
            "searchableAttributes": ["*"],
            "filterableAttributes": [],
            "sortableAttributes": [],
            "rankingRules":
                ["words", "typo", "proximity", "attributeRank", "sort", "wordPosition", "exactness"],
            "stopWords": [],
            "nonSeparatorTokens": [],
            "separatorTokens": [],
            "dictionary": [],
            "synonyms": {},
            "distinctAttribute": null,
            "proximityPrecision": "byWord",
            "typoTolerance": {
                "enabled": true,
                "minWordSizeForTypos": { "oneTypo": 5, "twoTypos": 9 },
                "disableOnWords": [],
                "disableOnAttributes": [],
                "disableOnNumbers": false
            },
            "faceting": { "maxValuesPerFacet": 100, "sortFacetValuesBy": { "*": "alpha" } },
            "pagination": { "maxTotalHits": 1000 },
            "embedders": {},
            "searchCutoffMs": null,
            "localizedAttributes": null,
            "facetSearch": true,
            "prefixSearch": "indexingTime"
        });
        match defaults {
            Value::Object(map) => Self(map),
            _ => Self(Map::new()),
        }
    }
}

impl Settings {
    /// Whether a change can be understood at all.
    pub(super) fn check(patch: &Map<String, Value>) -> Result<(), ApiError> {
        if let Some(name) = patch.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            let message = format!("Unknown field `{name}`: expected one of {}", listed(&KNOWN));
            return Err(ApiError::bad_request("bad_request", message));
        }
        if let Some(name) = ["foreignKeys", "chat"].into_iter().find(|name| patch.contains_key(*name)) {
            return Err(ApiError::not_imitated(name));
        }
        for (name, code) in LISTS {
            match patch.get(name) {
                None | Some(Value::Null | Value::Array(_)) => {}
                Some(value) => {
                    let message =
                        format!("Invalid value type at `.{name}`: expected an array, but found {}", describe(value));
                    return Err(ApiError::bad_request(code, message));
                }
            }
        }
        Ok(())
    }

    /// Takes a change over: `null` is back to the default, objects are changed field by field.
    pub(super) fn merge(&mut self, patch: &Map<String, Value>) {
        let defaults = Self::default();
        for (name, value) in patch {
            match (value, self.0.get_mut(name)) {
                (Value::Null, Some(present)) => *present = defaults.0.get(name).cloned().unwrap_or_default(),
                (Value::Object(fields), Some(Value::Object(present))) if name != "synonyms" => overlay(present, fields),
                _ => {
                    self.0.insert(name.clone(), value.clone());
                }
            }
        }
    }

    /// What `GET settings` shows.
    pub(super) fn show(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The attributes searched, best first; `None` is all.
    pub(super) fn searchable(&self) -> Option<Vec<String>> {
        let names = self.list("searchableAttributes");
        (!names.iter().any(|name| name == "*")).then_some(names)
    }

    /// The fields that answers may show; `None` is all.
    pub(super) fn displayed(&self) -> Option<Vec<String>> {
        let names = self.list("displayedAttributes");
        (!names.iter().any(|name| name == "*")).then_some(names)
    }

    /// The attributes that filters may use, in alphabetical order.
    pub(super) fn filterable(&self) -> Vec<String> {
        sorted(self.list("filterableAttributes"))
    }

    /// The attributes that sort criteria may use, in alphabetical order.
    pub(super) fn sortable(&self) -> Vec<String> {
        sorted(self.list("sortableAttributes"))
    }

    /// The most hits that can be reached by paging.
    pub(super) fn max_total_hits(&self) -> usize {
        let hits = self.0.get("pagination").and_then(|pagination| pagination.get("maxTotalHits"));
        hits.and_then(Value::as_u64).unwrap_or(1000) as usize
    }

    fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.get(name).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

fn overlay(present: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        match (value, present.get_mut(name)) {
            (Value::Object(fields), Some(Value::Object(present))) => overlay(present, fields),
            _ => {
                present.insert(name.clone(), value.clone());
            }
        }
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}
