//! What a filter means.

use std::collections::BTreeSet;

use super::{Facets, Filter, facets};
use crate::document::Document;

impl Filter {
    /// Whether a document passes.
    pub fn matches(&self, document: &Document) -> bool {
        let attributes = self.attributes();
        self.holds(&facets(document, |name| attributes.contains(name)))
    }

    /// Whether a document of these facets passes; they must cover [`Filter::attributes`].
    pub fn holds(&self, facets: &Facets) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.holds(facets)),
            Self::Or(filters) => filters.iter().any(|filter| filter.holds(facets)),
            Self::Not(filter) => !filter.holds(facets),
            Self::Condition { attribute, condition } => condition.test().passes(facets.get(attribute)),
        }
    }

    /// The attributes it speaks of.
    pub fn attributes(&self) -> BTreeSet<&str> {
        let mut attributes = BTreeSet::new();
        self.collect_attributes(&mut attributes);
        attributes
    }

    fn collect_attributes<'a>(&'a self, attributes: &mut BTreeSet<&'a str>) {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().for_each(|filter| filter.collect_attributes(attributes));
            }
            Self::Not(filter) => filter.collect_attributes(attributes),
            Self::Condition { attribute, .. } => {
                attributes.insert(attribute);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::search::FilterInput;

    fn holds(filter: &str, document: Value) -> bool {
        let filter = Filter::parse(&FilterInput::Expression(filter.to_owned())).unwrap();
        filter.matches(document.as_object().unwrap())
    }

    #[test]
    fn an_array_matches_if_one_element_does() {
        let document = || json!({"genres": ["Drama", "Comedy"], "year": [1990, 2000]});
        assert!(holds("genres = drama AND genres = COMEDY", document()));
        assert!(!holds("genres != Drama", document()));
        assert!(holds("year 1995 TO 2005", document()) && !holds("year 1991 TO 1999", document()));
    }

    #[test]
    fn what_is_not_there_only_passes_a_negation() {
        for (filter, expected) in
            [("a = 1", false), ("a != 1", true), ("NOT a = 1", true), ("a NOT IN [1]", true), ("a <= 1", false)]
        {
            assert_eq!(holds(filter, json!({"b": 1})), expected, "{filter}");
        }
    }

    #[test]
    fn ends_are_in_or_out_for_numbers_and_texts_alike() {
        for (filter, expected) in [
            ("a > 1", false),
            ("a >= 1", true),
            ("a < 1", false),
            ("a <= 1", true),
            ("a 1 TO 1", true),
            ("a 2 TO 1", false),
        ] {
            assert_eq!(holds(filter, json!({"a": 1})), expected, "{filter}");
            assert_eq!(holds(filter, json!({"a": "1"})), expected, "{filter} as text");
        }
    }

    #[test]
    fn a_number_is_compared_with_texts_as_text() {
        assert!(holds("n >= 1", json!({"n": "zeta"})));
        assert!(holds("n = 1", json!({"n": "1"})) && holds("n = '1.0'", json!({"n": 1})));
        assert!(!holds("n = '1.0'", json!({"n": "1"})));
        assert!(!holds("n >= zeta", json!({"n": 5})));
        assert!(!holds("n 1 TO x", json!({"n": 5})) && holds("n 1 TO x", json!({"n": "5"})));
        assert!(!holds("n > inf", json!({"n": 5})));
    }

    #[test]
    fn existence_null_and_empty_are_three_things() {
        assert!(holds("a EXISTS AND a IS NULL AND a IS NOT EMPTY", json!({"a": null})));
        assert!(holds("a EXISTS AND a IS NOT NULL AND a IS EMPTY", json!({"a": ""})));
        assert!(holds("a EXISTS AND a.b EXISTS AND a.b = true", json!({"a": {"b": true}})));
        assert!(holds("a NOT EXISTS AND a IS NOT NULL", json!({"b": 1})));
    }

    #[test]
    fn an_empty_text_is_no_value() {
        assert!(!holds("a = ''", json!({"a": ""})) && !holds("a IN []", json!({"a": ""})));
    }
}
