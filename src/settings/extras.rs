//! What the settings say about facets, and about searching in some attributes.

use super::{FilterableAttributes, IndexSettings, NotAllowed, allow::is_like, covers};

/// The attributes a search is restricted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchedOn {
    /// It is not.
    All,
    /// By their places among the searchable ones.
    Places(Vec<u32>),
    /// One that Meilisearch knows by the documents only.
    Unknown(String),
}

impl IndexSettings {
    /// Whether an attribute may be counted as a facet, or be distinct for one search.
    pub fn is_filterable(&self, name: &str) -> bool {
        self.filter_features(name).is_some_and(|features| features.equality || features.comparison)
    }

    /// Whether each of the facets that are asked for can be one: it, or what matches it, is filterable.
    pub fn allow_facets(&self, facets: &[String]) -> Result<(), NotAllowed> {
        let can_be = |facet: &str| {
            self.is_filterable(facet)
                || self.filterable_attributes.iter().any(|attributes| match attributes {
                    FilterableAttributes::Name(name) => is_like(name, facet) || covers(facet, name),
                    // Two patterns may have something in common.
                    FilterableAttributes::Rule { attribute_patterns, .. } => {
                        facet.contains('*') || attribute_patterns.iter().any(|pattern| covers(facet, pattern))
                    }
                })
        };
        match facets.iter().find(|facet| !can_be(facet)) {
            Some(facet) => Err(NotAllowed::Facet(facet.clone())),
            None => Ok(()),
        }
    }

    /// Whether an attribute may be distinct for one search.
    pub fn allow_distinct(&self, name: &str) -> Result<(), NotAllowed> {
        if self.is_filterable(name) { Ok(()) } else { Err(NotAllowed::Distinct(name.to_owned())) }
    }

    /// Whether an attribute is one of the facets that are asked for.
    pub fn is_facet(&self, name: &str, facets: &[String]) -> bool {
        self.is_filterable(name) && facets.iter().any(|facet| is_like(name, facet))
    }

    /// The facets among those asked for that the settings name: they are shown even if no document has them.
    pub fn named_facets(&self, facets: &[String]) -> Vec<&str> {
        let names = self.filterable_attributes.iter().filter_map(|attributes| match attributes {
            FilterableAttributes::Name(name) => Some(name.as_str()),
            FilterableAttributes::Rule { .. } => None,
        });
        names.filter(|name| *name != "*" && self.is_facet(name, facets)).collect()
    }

    /// Whether the values of a facet stand by how many documents have them, and not by the alphabet.
    pub fn facet_by_count(&self, name: &str) -> bool {
        let orders = &self.faceting.sort_facet_values_by;
        orders.get(name).or_else(|| orders.get("*")).is_some_and(|order| order == "count")
    }

    /// Where a search that names attributes searches.
    pub fn searched_on(&self, names: &[String]) -> Result<SearchedOn, NotAllowed> {
        let mut places = Vec::new();
        let mut all = false;
        for name in names {
            if name == "*" {
                all = true;
                continue;
            }
            let searchable = || (0u32..).zip(&self.searchable_attributes);
            let mut found: Vec<u32> =
                searchable().filter(|(_, searched)| is_like(searched, name)).map(|(place, _)| place).collect();
            if found.is_empty() {
                // With `*`, and inside of objects, the documents say which attributes there are.
                if self.searchable_attributes.iter().any(|searched| covers(searched, name)) || name.contains('*') {
                    return Ok(SearchedOn::Unknown(name.clone()));
                }
                return Err(NotAllowed::SearchOn(name.clone()));
            }
            places.append(&mut found);
        }
        Ok(if all { SearchedOn::All } else { SearchedOn::Places(places) })
    }

    /// Whether answers may show an attribute.
    pub fn displays(&self, name: &str) -> bool {
        self.displayed_attributes.iter().any(|displayed| covers(displayed, name) || covers(name, displayed))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: serde_json::Value) -> IndexSettings {
        serde_json::from_value(value).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn facets_are_filterable() {
        let settings = settings(json!({"filterableAttributes": ["a", "d.x", {"attributePatterns": ["*_id"]}]}));
        for allowed in ["a", "*", "d", "x_id", "a*", "a.b"] {
            assert_eq!(settings.allow_facets(&names(&[allowed])), Ok(()), "{allowed}");
        }
        assert_eq!(settings.allow_facets(&names(&["a", "b"])), Err(NotAllowed::Facet("b".into())));
        assert_eq!(settings.named_facets(&names(&["*"])), ["a", "d.x"]);
        assert_eq!(settings.named_facets(&names(&["a"])), ["a"]);
        assert!(settings.is_facet("x_id", &names(&["*"])) && !settings.is_facet("b", &names(&["*"])));
        assert!(settings.allow_distinct("a").is_ok() && settings.allow_distinct("c").is_err());
        assert!(self::settings(json!({})).allow_facets(&names(&["*"])).is_err());
    }

    #[test]
    fn a_search_may_name_searchable_attributes() {
        let some = settings(json!({"searchableAttributes": ["title", "body", "meta"]}));
        let on = |list: &[&str]| some.searched_on(&names(list));
        assert_eq!(on(&["body", "t*"]), Ok(SearchedOn::Places(vec![1, 0])));
        assert_eq!(on(&["*"]), Ok(SearchedOn::All));
        assert_eq!(on(&[]), Ok(SearchedOn::Places(vec![])));
        assert_eq!(on(&["meta.x"]), Ok(SearchedOn::Unknown("meta.x".into())));
        assert_eq!(on(&["*", "year"]), Err(NotAllowed::SearchOn("year".into())));
        assert_eq!(settings(json!({})).searched_on(&names(&["a"])), Ok(SearchedOn::Unknown("a".into())));
    }
}
