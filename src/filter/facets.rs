//! What filters and sort criteria see of a document.

use std::collections::BTreeMap;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::document::Document;

/// The attributes of a document that are there, by their dotted names.
pub type Facets = BTreeMap<String, Facet>;

/// The values of one attribute. Those of arrays count one by one, those of nested objects under the dotted name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facet {
    /// Its numbers, ascending, each once.
    pub numbers: Vec<f64>,
    /// Its strings and booleans, [normalized](normalize), ascending by code point, each once.
    pub texts: Vec<String>,
    /// It is `null`; a null inside an array does not count.
    pub null: bool,
    /// It is an empty string, array or object; one inside an array does not count.
    pub empty: bool,
}

/// Flattens a document, keeping the attributes that `keep` says.
pub fn facets(document: &Document, keep: impl Fn(&str) -> bool) -> Facets {
    let mut walk = Walk { keep, facets: Facets::new() };
    walk.object(document, "");
    for facet in walk.facets.values_mut() {
        facet.numbers.sort_by(f64::total_cmp);
        facet.numbers.dedup();
        facet.texts.sort_unstable();
        facet.texts.dedup();
    }
    walk.facets
}

/// The form in which strings are compared, the one Meilisearch uses: trimmed, decomposed (NFKD), lowercased.
///
/// NUL becomes U+FFFD, since PostgreSQL's JSONB cannot hold it and both evaluations must agree.
pub fn normalize(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii() && byte != 0) {
        return text.trim().to_ascii_lowercase();
    }
    text.trim()
        .nfkd()
        .map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c })
        .collect::<String>()
        .to_lowercase()
}

/// How a document spells a [normalized](normalize) value of an attribute, the first of several spellings.
pub fn spelling<'d>(document: &'d Document, attribute: &str, normalized: &str) -> Option<&'d str> {
    document.iter().find_map(|(key, value)| spelled(value, attribute.strip_prefix(key.as_str())?, normalized))
}

fn spelled<'d>(value: &'d Value, rest: &str, normalized: &str) -> Option<&'d str> {
    match value {
        Value::String(text) => (rest.is_empty() && normalize(text) == normalized).then_some(text),
        Value::Array(elements) => elements.iter().find_map(|element| spelled(element, rest, normalized)),
        Value::Object(object) => spelling(object, rest.strip_prefix('.')?, normalized),
        _ => None,
    }
}

struct Walk<K> {
    keep: K,
    facets: Facets,
}

impl<K: Fn(&str) -> bool> Walk<K> {
    fn object(&mut self, object: &Document, prefix: &str) {
        for (key, value) in object {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            self.value(&name, value, false);
        }
    }

    fn value(&mut self, name: &str, value: &Value, in_array: bool) {
        if (self.keep)(name) {
            // Objects inside an array say nothing about the array's own name.
            self.facets.entry(name.to_owned()).or_default().add(value, in_array);
        }
        match value {
            Value::Object(object) => self.object(object, name),
            Value::Array(elements) => elements.iter().for_each(|element| self.value(name, element, true)),
            _ => {}
        }
    }
}

impl Facet {
    fn add(&mut self, value: &Value, in_array: bool) {
        match value {
            // Adding zero turns the negative zero into the positive one.
            Value::Number(number) => self.numbers.extend(number.as_f64().filter(|n| n.is_finite()).map(|n| n + 0.0)),
            Value::Bool(truth) => self.texts.push(truth.to_string()),
            Value::String(text) if !text.is_empty() => self.texts.push(normalize(text)),
            Value::Null => self.null |= !in_array,
            Value::String(_) => self.empty |= !in_array,
            Value::Array(elements) => self.empty |= elements.is_empty() && !in_array,
            Value::Object(object) => self.empty |= object.is_empty() && !in_array,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Facets {
        facets(value.as_object().unwrap(), |_| true)
    }

    #[test]
    fn arrays_and_objects_are_flattened() {
        let found = of(json!({"a": [2, "Été", {"b": [1, 2, 1]}, ["x"], true]}));
        assert_eq!(found["a"].numbers, [2.0]);
        assert_eq!(found["a"].texts, ["e\u{301}te\u{301}", "true", "x"]);
        assert_eq!(found["a.b"].numbers, [1.0, 2.0]);
    }

    #[test]
    fn a_value_is_found_again_as_it_is_spelled() {
        let document = json!({"ab": "Red", "a": {"b": ["x", {"c": " RED"}], "b.c": "red"}, "n": 5});
        let spelled = |attribute: &str| spelling(document.as_object().unwrap(), attribute, "red");
        assert_eq!(
            (spelled("ab"), spelled("a.b.c"), spelled("a.b"), spelled("n")),
            (Some("Red"), Some(" RED"), None, None)
        );
    }

    #[test]
    fn null_and_empty_count_on_the_attribute_itself_only() {
        let found = of(json!({"n": null, "e": "", "l": [], "o": {}, "in": [null, "", [], {}], "deep": {"n": null}}));
        assert!(found["n"].null && found["deep.n"].null && !found["deep"].null);
        assert!(found["e"].empty && found["l"].empty && found["o"].empty);
        assert_eq!(found["in"], Facet::default());
    }

    #[test]
    fn a_key_with_a_dot_is_the_nested_name() {
        let found = of(json!({"a.b": 1, "a": {"b": 2}}));
        assert_eq!(found["a.b"].numbers, [1.0, 2.0]);
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let document = json!({"a": {"b": 1}, "c": 2});
        let found = facets(document.as_object().unwrap(), |name| name == "a.b");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a.b"]);
    }
}
