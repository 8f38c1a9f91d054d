//! The settings of an index, as Meilisearch shows them.

use serde_json::{Map, Value, json};

use super::{
    error::ApiError,
    fields::{describe, listed},
};
use crate::{settings::IndexSettings, sort::SortCriterion};

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

/// Settings that are lists of text, and the code of the error when they are not.
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
        patch.iter().try_for_each(|(name, value)| check_one(name, value))
    }

    /// Takes a change over: `null` is back to the default, objects are changed field by field.
    pub(super) fn merge(&mut self, patch: &Map<String, Value>) {
        let Self(defaults) = Self::default();
        for (name, value) in patch {
            match (value, self.0.get_mut(name)) {
                (Value::Object(fields), Some(Value::Object(present))) if name != "synonyms" => {
                    overlay(present, fields, defaults.get(name));
                }
                _ => {
                    let default = || defaults.get(name).cloned().unwrap_or_default();
                    self.0.insert(name.clone(), if value.is_null() { default() } else { value.clone() });
                }
            }
        }
    }

    /// What `GET settings` shows.
    pub(super) fn show(&self) -> &Map<String, Value> {
        &self.0
    }

    /// What of them decides answers.
    pub(super) fn typed(&self) -> IndexSettings {
        // What has been taken over can be read: see `check`.
        serde_json::from_value(Value::Object(self.0.clone())).unwrap_or_default()
    }

    /// Refuses a search that the settings do not allow, or that the double does not imitate under them.
    pub(super) fn check_search(&self, sort: &[SortCriterion]) -> Result<(), ApiError> {
        if !sort.is_empty() && !self.list("rankingRules").iter().any(|rule| rule == "sort") {
            let message = "You must specify where `sort` is listed in the rankingRules setting to use the sort \
                parameter at search time.";
            return Err(ApiError::bad_request("invalid_search_sort", message));
        }
        match self.0.get("distinctAttribute") {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(ApiError::not_imitated("distinctAttribute")),
        }
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

    fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.get(name).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

/// Changes an object field by field; `null` is back to the default.
fn overlay(present: &mut Map<String, Value>, fields: &Map<String, Value>, defaults: Option<&Value>) {
    for (name, value) in fields {
        let default = defaults.and_then(|defaults| defaults.get(name));
        match (value, present.get_mut(name)) {
            (Value::Object(fields), Some(Value::Object(present))) => overlay(present, fields, default),
            (Value::Null, _) => match default {
                Some(default) => {
                    present.insert(name.clone(), default.clone());
                }
                None => {
                    present.remove(name);
                }
            },
            _ => {
                present.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Whether a setting has its type.
fn check_one(name: &str, value: &Value) -> Result<(), ApiError> {
    let mut read = Settings::default();
    read.merge(&Map::from_iter([(name.to_owned(), value.clone())]));
    let Err(error) = serde_json::from_value::<IndexSettings>(Value::Object(read.0)) else { return Ok(()) };
    let mut code = "invalid_settings_".to_owned();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            code.push('_');
        }
        code.push(letter.to_ascii_lowercase());
    }
    Err(ApiError::bad_request(code, format!("Invalid value at `.{name}`: {error}")))
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}
