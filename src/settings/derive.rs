//! What of the settings decides what is derived from documents.

use std::collections::BTreeSet;

use super::IndexSettings;

impl IndexSettings {
    /// Whether the values of an attribute matter: filters or sort criteria may name it, a ranking rule does, or answers show each of
    /// its values once.
    pub fn has_facet(&self, name: &str) -> bool {
        self.filter_features(name).is_some()
            || self.is_sortable(name)
            || self.distinct_attribute.as_deref() == Some(name)
            || self.ranked_attributes().any(|ranked| ranked == name)
    }

    /// Whether a document gives the same searchable words and facets under both.
    pub fn derives_like(&self, other: &Self) -> bool {
        self.searchable_attributes == other.searchable_attributes
            && self.filterable_attributes == other.filterable_attributes
            && self.sortable_attributes == other.sortable_attributes
            && self.distinct_attribute == other.distinct_attribute
            && self.ranked_attributes().collect::<BTreeSet<_>>() == other.ranked_attributes().collect()
            && self.stop_words == other.stop_words
            && self.separator_tokens == other.separator_tokens
            && self.non_separator_tokens == other.non_separator_tokens
            && self.dictionary == other.dictionary
            && self.localized_attributes == other.localized_attributes
    }

    /// The attributes of ranking rules of one's own, `year:desc` or as old settings have it `desc(year)`.
    fn ranked_attributes(&self) -> impl Iterator<Item = &str> {
        self.ranking_rules.iter().filter_map(|rule| {
            let old = rule.strip_prefix("asc(").or_else(|| rule.strip_prefix("desc("));
            let new = rule.strip_suffix(":asc").or_else(|| rule.strip_suffix(":desc"));
            new.or_else(|| old?.strip_suffix(')'))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_orders_or_tells_apart_is_kept() {
        let settings = |rules: &[&str], distinct: Option<&str>| -> IndexSettings {
            serde_json::from_value(json!({"rankingRules": rules, "distinctAttribute": distinct})).unwrap()
        };
        let some = settings(&["words", "year:desc", "asc(size)"], Some("group"));
        assert!(["year", "size", "group"].into_iter().all(|name| some.has_facet(name)) && !some.has_facet("words"));
        assert!(some.derives_like(&settings(&["asc(size)", "year:desc"], Some("group"))));
        assert!(!some.derives_like(&settings(&["year:desc"], Some("group"))));
        assert!(!some.derives_like(&settings(&["words", "year:desc", "asc(size)"], None)));
    }
}
