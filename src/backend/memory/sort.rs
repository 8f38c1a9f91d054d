//! Sort criteria: `field:asc`, `field:desc`.

use std::cmp::Ordering;

use serde_json::Value;

use super::store::lookup;
use crate::document::Document;

/// One sort criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// The field, nested ones with dots.
    pub field: String,
    /// Greatest first.
    pub descending: bool,
}

/// A document's value for a criterion. Numbers come before text whatever the direction, and documents without a value
/// last.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Number(f64),
    Text(String),
    Missing,
}

impl Criterion {
    /// Reads `field:asc` or `field:desc`; `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (field, direction) = text.rsplit_once(':')?;
        let descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => return None,
        };
        Some(Self { field: field.to_owned(), descending })
    }

    /// The document's value. A list counts with its best element.
    pub(super) fn key(&self, document: &Document) -> Key {
        match lookup(document, &self.field) {
            None => Key::Missing,
            Some(Value::Array(elements)) => {
                elements.iter().map(Key::of).min_by(|a, b| self.compare(a, b)).unwrap_or(Key::Missing)
            }
            Some(value) => Key::of(value),
        }
    }

    /// Which of two values comes first.
    pub(super) fn compare(&self, a: &Key, b: &Key) -> Ordering {
        let ascending = match (a, b) {
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            _ => return a.kind().cmp(&b.kind()),
        };
        if self.descending { ascending.reverse() } else { ascending }
    }
}

impl Key {
    fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => number.as_f64().map_or(Self::Missing, Self::Number),
            Value::String(text) => Self::Text(text.to_lowercase()),
            Value::Bool(truth) => Self::Text(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Missing,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Missing => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sorted(criterion: &str) -> Vec<&'static str> {
        let criterion = Criterion::parse(criterion).unwrap();
        let values = [
            ("text", json!({ "v": "Ab" })),
            ("none", json!({})),
            ("two", json!({ "v": 2 })),
            ("null", json!({ "v": null })),
            ("list", json!({ "v": [3, 1] })),
            ("true", json!({ "v": true })),
        ];
        let mut keyed = values.map(|(name, document)| (name, criterion.key(document.as_object().unwrap())));
        keyed.sort_by(|(_, a), (_, b)| criterion.compare(a, b));
        keyed.map(|(name, _)| name).to_vec()
    }

    #[test]
    fn numbers_come_before_text_and_missing_values_last_in_both_directions() {
        assert_eq!(sorted("v:asc"), ["list", "two", "text", "true", "none", "null"]);
        assert_eq!(sorted("v:desc"), ["list", "two", "true", "text", "none", "null"]);
    }

    #[test]
    fn a_criterion_names_its_direction() {
        assert_eq!(Criterion::parse("a:b:desc"), Some(Criterion { field: "a:b".into(), descending: true }));
        assert_eq!(Criterion::parse("a"), None);
        assert_eq!(Criterion::parse("a:up"), None);
    }
}
