//! What the settings let a query do.

use std::fmt;

use super::{FilterFeatures, FilterableAttributes, IndexSettings, covers};
use crate::{
    filter::{Comparison, Condition, Filter},
    sort::SortCriterion,
};

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
    /// The attribute cannot be a facet: it is not filterable.
    Facet(String),
    /// The attribute cannot be distinct: it is not filterable.
    Distinct(String),
    /// The attribute is not searchable.
    SearchOn(String),
}

impl IndexSettings {
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

    pub(super) fn is_sortable(&self, name: &str) -> bool {
        self.sortable_attributes.iter().any(|sortable| covers(sortable, name))
    }

    pub(super) fn filter_features(&self, name: &str) -> Option<FilterFeatures> {
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

pub(super) fn is_like(name: &str, pattern: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), Some(_)) => end.strip_suffix('*').is_none_or(|middle| name.contains(middle)),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(attribute) => write!(f, "attribute `{attribute}` is not filterable"),
            Self::Operator(attribute) => write!(f, "attribute `{attribute}` is not filterable with this operator"),
            Self::Sort(attribute) => write!(f, "attribute `{attribute}` is not sortable"),
            Self::Facet(attribute) => write!(f, "attribute `{attribute}` is not filterable, so it is no facet"),
            Self::Distinct(attribute) => write!(f, "attribute `{attribute}` is not filterable, so it is not distinct"),
            Self::SearchOn(attribute) => write!(f, "attribute `{attribute}` is not searchable"),
            Self::NoSortRule => f.write_str("the ranking rules do not hold `sort`"),
        }
    }
}

impl std::error::Error for NotAllowed {}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::search::FilterInput;

    fn settings(value: Value) -> IndexSettings {
        serde_json::from_value(value).unwrap()
    }

    fn filter(text: &str) -> Filter {
        Filter::parse(&FilterInput::Expression(text.to_owned())).unwrap()
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
}
