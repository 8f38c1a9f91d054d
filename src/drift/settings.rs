//! In which settings the indexes differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::settings::{FilterableAttributes, IndexSettings};

/// A setting in which the indexes differ. Copied by
/// [`PostgresIndex::apply_settings`](crate::backend::postgres::PostgresIndex::apply_settings).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingDifference {
    /// Its name, as Meilisearch writes it.
    pub name: &'static str,
    /// Its value in Meilisearch.
    pub meili: Value,
    /// Its value in PostgreSQL.
    pub pg: Value,
}

/// The settings in which two indexes differ. Order counts where Meilisearch goes by it: among the searchable attributes, the
/// ranking rules, and filterable attributes of which the first that matches decides.
pub fn compare_settings(meili: &IndexSettings, pg: &IndexSettings) -> Vec<SettingDifference> {
    let mut found = Vec::new();
    let mut compare = |name, same: bool, of: &dyn Fn(&IndexSettings) -> Value| {
        if !same {
            found.push(SettingDifference { name, meili: of(meili), pg: of(pg) });
        }
    };
    let texts = |texts: &[String]| Value::from(texts.to_vec());
    let ordered = |of: fn(&IndexSettings) -> &Vec<String>| of(meili) == of(pg);
    let set = |of: fn(&IndexSettings) -> &Vec<String>| as_set(of(meili)) == as_set(of(pg));
    compare("searchableAttributes", ordered(|s| &s.searchable_attributes), &|s| texts(&s.searchable_attributes));
    compare("displayedAttributes", set(|s| &s.displayed_attributes), &|s| texts(&s.displayed_attributes));
    compare("filterableAttributes", same_filterable(meili, pg), &|s| json(&s.filterable_attributes));
    compare("sortableAttributes", set(|s| &s.sortable_attributes), &|s| texts(&s.sortable_attributes));
    compare("rankingRules", ordered(|s| &s.ranking_rules), &|s| texts(&s.ranking_rules));
    compare("stopWords", set(|s| &s.stop_words), &|s| texts(&s.stop_words));
    compare("synonyms", synonyms(meili) == synonyms(pg), &|s| json(&s.synonyms));
    compare("distinctAttribute", meili.distinct_attribute == pg.distinct_attribute, &|s| json(&s.distinct_attribute));
    compare("pagination", meili.pagination == pg.pagination, &|s| json(&s.pagination));
    found
}

fn as_set(texts: &[String]) -> BTreeSet<&str> {
    texts.iter().map(String::as_str).collect()
}

fn synonyms(settings: &IndexSettings) -> BTreeMap<&str, BTreeSet<&str>> {
    settings.synonyms.iter().map(|(word, others)| (word.as_str(), as_set(others))).collect()
}

fn same_filterable(meili: &IndexSettings, pg: &IndexSettings) -> bool {
    let names = |settings: &IndexSettings| -> Option<BTreeSet<String>> {
        let name = |attributes: &FilterableAttributes| match attributes {
            FilterableAttributes::Name(name) => Some(name.clone()),
            FilterableAttributes::Rule { .. } => None,
        };
        settings.filterable_attributes.iter().map(name).collect()
    };
    match (names(meili), names(pg)) {
        (Some(meili), Some(pg)) => meili == pg,
        _ => meili.filterable_attributes == pg.filterable_attributes,
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differing(meili: Value, pg: Value) -> Vec<&'static str> {
        let settings = |value| serde_json::from_value::<IndexSettings>(value).unwrap();
        compare_settings(&settings(meili), &settings(pg)).into_iter().map(|difference| difference.name).collect()
    }

    #[test]
    fn each_setting_is_compared() {
        for (name, value) in [
            ("searchableAttributes", json!(["a"])),
            ("displayedAttributes", json!(["a"])),
            ("filterableAttributes", json!(["a"])),
            ("sortableAttributes", json!(["a"])),
            ("rankingRules", json!(["words"])),
            ("stopWords", json!(["the"])),
            ("synonyms", json!({"a": ["b"]})),
            ("distinctAttribute", json!("a")),
            ("pagination", json!({"maxTotalHits": 5})),
        ] {
            let mut with = json!({});
            with[name] = value;
            assert_eq!(differing(with.clone(), json!({})), [name]);
            assert_eq!(differing(json!({}), with.clone()), [name]);
            assert!(differing(with.clone(), with).is_empty());
        }
    }

    #[test]
    fn order_counts_only_where_meilisearch_goes_by_it() {
        let rule = |pattern: &str| json!({"attributePatterns": [pattern]});
        for (name, one, other, counts) in [
            ("searchableAttributes", json!(["a", "b"]), json!(["b", "a"]), true),
            ("rankingRules", json!(["words", "typo"]), json!(["typo", "words"]), true),
            ("filterableAttributes", json!([rule("a*"), "b"]), json!(["b", rule("a*")]), true),
            ("filterableAttributes", json!(["a", "b"]), json!(["b", "a"]), false),
            ("displayedAttributes", json!(["a", "b"]), json!(["b", "a"]), false),
            ("sortableAttributes", json!(["a", "b"]), json!(["b", "a"]), false),
            ("stopWords", json!(["a", "b"]), json!(["b", "a"]), false),
            ("synonyms", json!({"x": ["a", "b"]}), json!({"x": ["b", "a"]}), false),
        ] {
            let (mut left, mut right) = (json!({}), json!({}));
            (left[name], right[name]) = (one, other);
            assert_eq!(!differing(left, right).is_empty(), counts, "{name}");
        }
    }
}
