//! The settings of an index, as Meilisearch's `GET /indexes/{uid}/settings` gives them.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    document::Document,
    filter::{Comparison, Condition, Filter},
    sort::SortCriterion,
};

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
    /// How deep pages go.
    pub pagination: Pagination,
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

/// Why the settings do not allow a query; Meilisearch refuses it likewise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// The attribute is not filterable.
    Filter(String),
    /// The attribute is filterable, but not with this operator.
    Operator(String),
    /// The attribute is not sortable.
    Sort(String),
    /// The ranking rules do not hold `sort`.
    NoSortRule,
}

impl IndexSettings {
    /// The place of an attribute among the searchable ones, from 0; `None` is not searched.
    pub fn attribute_rank(&self, name: &str) -> Option<usize> {
        self.searchable_attributes.iter().position(|searchable| covers(searchable, name))
    }

    /// Whether filters or sort criteria may name an attribute.
    pub fn has_facet(&self, name: &str) -> bool {
        self.filter_features(name).is_some() || self.is_sortable(name)
    }

    /// Whether a document gives the same searchable words and facets under both.
    pub fn derives_like(&self, other: &Self) -> bool {
        self.searchable_attributes == other.searchable_attributes
            && self.filterable_attributes == other.filterable_attributes
            && self.sortable_attributes == other.sortable_attributes
            && self.stop_words == other.stop_words
    }

    /// Whether every condition of a filter is on an attribute that allows it.
    pub fn allow_filter(&self, filter: &Filter) -> Result<(), NotAllowed> {
        match filter {
            Filter::And(filters) | Filter::Or(filters) => {
                filters.iter().try_for_each(|filter| self.allow_filter(filter))
            }
            Filter::Not(filter) => self.allow_filter(filter),
            Filter::Condition { attribute, condition } => match self.filter_features(attribute) {
                None => Err(NotAllowed::Filter(attribute.clone())),
                Some(features) if features.allow(condition) => Ok(()),
                Some(_) => Err(NotAllowed::Operator(attribute.clone())),
            },
        }
    }

    /// Whether every criterion names a sortable attribute.
    pub fn allow_sort(&self, criteria: &[SortCriterion]) -> Result<(), NotAllowed> {
        if !criteria.is_empty() && !self.ranking_rules.iter().any(|rule| rule == "sort") {
            return Err(NotAllowed::NoSortRule);
        }
        match criteria.iter().find(|criterion| !self.is_sortable(&criterion.attribute)) {
            Some(criterion) => Err(NotAllowed::Sort(criterion.attribute.clone())),
            None => Ok(()),
        }
    }

    /// What an answer shows of a document: the displayed fields, of those the ones asked for (`None` is all). The order
    /// of the fields stays.
    pub fn show(&self, document: Document, retrieve: Option<&[String]>) -> Document {
        let displayed = select(document, &self.displayed_attributes);
        match retrieve {
            Some(retrieve) => select(displayed, retrieve),
            None => displayed,
        }
    }

    fn is_sortable(&self, name: &str) -> bool {
        self.sortable_attributes.iter().any(|sortable| covers(sortable, name))
    }

    fn filter_features(&self, name: &str) -> Option<FilterFeatures> {
        self.filterable_attributes.iter().find_map(|attributes| match attributes {
            FilterableAttributes::Name(filterable) => {
                covers(filterable, name).then_some(FilterFeatures { equality: true, comparison: true })
            }
            FilterableAttributes::Rule { attribute_patterns, features } => {
                attribute_patterns.iter().any(|pattern| is_like(name, pattern)).then_some(features.filter)
            }
        })
    }
}

impl FilterFeatures {
    fn allow(self, condition: &Condition) -> bool {
        match condition {
            Condition::Compare(Comparison::Equal | Comparison::NotEqual, _) | Condition::In(_) => self.equality,
            Condition::Compare(..) | Condition::Between(..) => self.comparison,
            Condition::Exists | Condition::IsNull | Condition::IsEmpty => self.equality || self.comparison,
        }
    }
}

/// Whether a listed attribute is this one, or one that holds it (`a` holds `a.b`), or `*`.
fn covers(listed: &str, name: &str) -> bool {
    listed == "*" || name.strip_prefix(listed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_like(name: &str, pattern: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), Some(_)) => end.strip_suffix('*').is_none_or(|middle| name.contains(middle)),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

/// The fields that are listed, or hold a listed one; of those only the listed part.
fn select(document: Document, listed: &[String]) -> Document {
    if listed.iter().any(|name| name == "*") { document } else { select_under(document, "", listed) }
}

fn select_under(document: Document, prefix: &str, listed: &[String]) -> Document {
    let mut selected = Document::new();
    for (key, value) in document {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if listed.iter().any(|listed| covers(listed, &name)) {
            selected.insert(key, value);
        } else if listed.iter().any(|listed| covers(&name, listed)) {
            match value {
                Value::Object(object) => {
                    selected.insert(key, Value::Object(select_under(object, &name, listed)));
                }
                Value::Array(elements) => {
                    let objects = elements.into_iter().filter_map(|element| match element {
                        Value::Object(object) => Some(Value::Object(select_under(object, &name, listed))),
                        _ => None,
                    });
                    selected.insert(key, Value::Array(objects.collect()));
                }
                _ => {}
            }
        }
    }
    selected
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
            pagination: Pagination::default(),
        }
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

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(attribute) => write!(f, "attribute `{attribute}` is not filterable"),
            Self::Operator(attribute) => write!(f, "attribute `{attribute}` is not filterable with this operator"),
            Self::Sort(attribute) => write!(f, "attribute `{attribute}` is not sortable"),
            Self::NoSortRule => f.write_str("the ranking rules do not hold `sort`"),
        }
    }
}

impl std::error::Error for NotAllowed {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::FilterInput;

    fn settings(value: Value) -> IndexSettings {
        serde_json::from_value(value).unwrap()
    }

    fn filter(text: &str) -> Filter {
        Filter::parse(&FilterInput::Expression(text.to_owned())).unwrap()
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

    #[test]
    fn a_filter_may_name_what_is_filterable() {
        let settings = settings(json!({"filterableAttributes": ["a", {"attributePatterns": ["*_id", "m*"]}]}));
        for allowed in ["a = 1", "a.b > 1", "x_id = 1", "NOT mm IN [1]", "x_id EXISTS"] {
            assert_eq!(settings.allow_filter(&filter(allowed)), Ok(()), "{allowed}");
        }
        assert_eq!(settings.allow_filter(&filter("a = 1 OR ab = 1")), Err(NotAllowed::Filter("ab".into())));
        assert_eq!(settings.allow_filter(&filter("x_id < 1")), Err(NotAllowed::Operator("x_id".into())));
    }

    #[test]
    fn a_sort_needs_a_sortable_attribute_and_the_rule() {
        let criteria = [SortCriterion { attribute: "y".into(), direction: crate::sort::Direction::Ascending }];
        assert_eq!(settings(json!({"sortableAttributes": ["y"]})).allow_sort(&criteria), Ok(()));
        assert_eq!(settings(json!({})).allow_sort(&criteria), Err(NotAllowed::Sort("y".into())));
        let unruly = settings(json!({"sortableAttributes": ["y"], "rankingRules": ["words"]}));
        assert_eq!(unruly.allow_sort(&criteria), Err(NotAllowed::NoSortRule));
    }

    #[test]
    fn fields_shown_keep_their_order() {
        let document = json!({"z": 1, "a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}, 3], "h": 1});
        let settings = settings(json!({"displayedAttributes": ["l", "a", "z"]}));
        let shown = |retrieve: Option<&[String]>| {
            serde_json::to_string(&settings.show(document.as_object().unwrap().clone(), retrieve)).unwrap()
        };
        assert_eq!(shown(None), r#"{"z":1,"a":{"b":1,"c":2},"l":[{"x":1,"y":2},3]}"#);
        let some = ["h".to_owned(), "l.x".to_owned(), "a.c".to_owned()];
        assert_eq!(shown(Some(&some)), r#"{"a":{"c":2},"l":[{"x":1}]}"#);
        assert_eq!(shown(Some(&["*".to_owned()])), shown(None));
    }
}
