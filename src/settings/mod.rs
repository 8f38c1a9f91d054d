//! The settings of an index, as Meilisearch's `GET /indexes/{uid}/settings` gives them.

mod allow;
mod derive;
mod extras;
mod show;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use allow::NotAllowed;
pub use extras::SearchedOn;

/// What of an index's settings decides answers here; the rest of Meilisearch's settings is passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IndexSettings {
    /// The attributes searched, the most important first; `*` is all, alike.
    pub searchable_attributes: Vec<String>,
    /// The attributes shown; `*` is all.
    pub displayed_attributes: Vec<String>,
    /// The attributes filters may name.
    pub filterable_attributes: Vec<FilterableAttributes>,
    /// The attributes sort criteria may name.
    pub sortable_attributes: Vec<String>,
    /// What decides the order, the first first.
    pub ranking_rules: Vec<String>,
    /// Words that are not searched for.
    pub stop_words: Vec<String>,
    /// For a word, what may stand in its place.
    pub synonyms: BTreeMap<String, Vec<String>>,
    /// The attribute of which an answer shows each value once.
    pub distinct_attribute: Option<String>,
    /// How deep pages go.
    pub pagination: Pagination,
    /// Strings at which words are cut, beside the usual ones.
    pub separator_tokens: Vec<String>,
    /// Usual separators at which words are not cut.
    pub non_separator_tokens: Vec<String>,
    /// Strings that stay whole.
    pub dictionary: Vec<String>,
    /// Which languages fields are in, by pattern.
    pub localized_attributes: Option<Vec<LocalizedAttributes>>,
    /// How far a word of a query may be from the words that are found.
    pub typo_tolerance: TypoTolerance,
    /// Whether the last word of a query finds the words that begin with it.
    pub prefix_search: PrefixSearch,
    /// What counts as near.
    pub proximity_precision: ProximityPrecision,
    /// How the values of facets are counted.
    pub faceting: Faceting,
}

/// The languages of some fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalizedAttributes {
    /// Names of fields; `*` at either end stands for anything.
    pub attribute_patterns: Vec<String>,
    /// Languages by their codes of three letters.
    pub locales: Vec<String>,
}

/// How far a word of a query may be from the words that are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TypoTolerance {
    /// Whether at all.
    pub enabled: bool,
    /// From how many characters on.
    pub min_word_size_for_typos: MinWordSize,
    /// Words of queries that are taken as they are.
    pub disable_on_words: Vec<String>,
    /// Attributes whose words are found as they are.
    pub disable_on_attributes: Vec<String>,
    /// Whether numbers are found as they are.
    pub disable_on_numbers: bool,
}

/// Characters a word must have to be looked for with typos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MinWordSize {
    /// For one typo.
    pub one_typo: u8,
    /// For two.
    pub two_typos: u8,
}

/// Whether the last word of a query finds the words that begin with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PrefixSearch {
    /// It does.
    #[default]
    IndexingTime,
    /// It does not.
    Disabled,
}

/// What counts as near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProximityPrecision {
    /// Words that stand near each other.
    #[default]
    ByWord,
    /// Words in one attribute.
    ByAttribute,
}

/// How the values of facets are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Faceting {
    /// How many values an answer shows of a facet.
    pub max_values_per_facet: usize,
    /// In which order, by facet: `alpha` or `count`.
    pub sort_facet_values_by: BTreeMap<String, String>,
}

/// How deep pages go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pagination {
    /// The last hit any page can show.
    pub max_total_hits: usize,
}

/// Attributes that filters may name, in either form Meilisearch knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilterableAttributes {
    /// One attribute and what is nested in it.
    Name(String),
    /// All attributes of a pattern.
    #[serde(rename_all = "camelCase")]
    Rule {
        /// Names; `*` at either end stands for anything.
        attribute_patterns: Vec<String>,
        /// What is allowed there.
        #[serde(default)]
        features: FilterableFeatures,
    },
}

/// The `features` of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterableFeatures {
    /// What filters may do.
    #[serde(default)]
    pub filter: FilterFeatures,
}

/// The operators filters may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterFeatures {
    /// `=`, `!=`, `IN`.
    pub equality: bool,
    /// `<`, `<=`, `>`, `>=`, `TO`.
    pub comparison: bool,
}

impl IndexSettings {
    /// The place of an attribute among the searchable ones, from 0; `None` is not searched.
    pub fn attribute_rank(&self, name: &str) -> Option<usize> {
        self.searchable_attributes.iter().position(|searchable| covers(searchable, name))
    }
}

/// Whether a listed attribute is this one, or one that holds it (`a` holds `a.b`), or `*`.
fn covers(listed: &str, name: &str) -> bool {
    listed == "*" || name.strip_prefix(listed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Default for IndexSettings {
    /// Meilisearch's own defaults.
    fn default() -> Self {
        let all = || vec!["*".to_owned()];
        let rules = ["words", "typo", "proximity", "attributeRank", "sort", "wordPosition", "exactness"];
        Self {
            searchable_attributes: all(),
            displayed_attributes: all(),
            filterable_attributes: Vec::new(),
            sortable_attributes: Vec::new(),
            ranking_rules: rules.map(str::to_owned).to_vec(),
            stop_words: Vec::new(),
            synonyms: BTreeMap::new(),
            distinct_attribute: None,
            pagination: Pagination::default(),
            separator_tokens: Vec::new(),
            non_separator_tokens: Vec::new(),
            dictionary: Vec::new(),
            localized_attributes: None,
            typo_tolerance: TypoTolerance::default(),
            prefix_search: PrefixSearch::default(),
            proximity_precision: ProximityPrecision::default(),
            faceting: Faceting::default(),
        }
    }
}

impl Default for TypoTolerance {
    fn default() -> Self {
        Self {
            enabled: true,
            min_word_size_for_typos: MinWordSize::default(),
            disable_on_words: Vec::new(),
            disable_on_attributes: Vec::new(),
            disable_on_numbers: false,
        }
    }
}

impl Default for MinWordSize {
    fn default() -> Self {
        Self { one_typo: 5, two_typos: 9 }
    }
}

impl Default for Faceting {
    fn default() -> Self {
        let alphabetical = [("*".to_owned(), "alpha".to_owned())];
        Self { max_values_per_facet: 100, sort_facet_values_by: alphabetical.into() }
    }
}

impl Default for Pagination {
    fn default() -> Self {
        Self { max_total_hits: 1000 }
    }
}

impl Default for FilterFeatures {
    /// Meilisearch's own default for a rule.
    fn default() -> Self {
        Self { equality: true, comparison: false }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(value: Value) -> IndexSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn meilisearch_settings_are_read_and_written_back() {
        let read = settings(json!({
            "searchableAttributes": ["title"], "stopWords": ["the"], "typoTolerance": {"enabled": true},
            "filterableAttributes": ["year", {"attributePatterns": ["*_id"], "features": {"facetSearch": false}}],
            "pagination": {"maxTotalHits": 5}, "distinctAttribute": null,
        }));
        assert_eq!((read.pagination.max_total_hits, read.displayed_attributes.as_slice()), (5, &["*".to_owned()][..]));
        assert_eq!(settings(serde_json::to_value(&read).unwrap()), read);
    }
}
