//! The settings of the index: Meilisearch's settings object, or one that holds it as `settings`.

use std::{fs, path::Path};

use serde_json::Value;

use super::EvalError;
use crate::{document::Document, settings::IndexSettings};

/// The settings of the index, as both sides take them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvalSettings {
    /// All of them, for Meilisearch.
    pub raw: Document,
    /// Those that this crate knows.
    pub known: IndexSettings,
}

impl EvalSettings {
    /// Reads settings. Fails if they are no JSON object, or what is known of them has another shape.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let text = fs::read_to_string(path).map_err(EvalError::unreadable(path))?;
        Self::parse(&text).map_err(|why| EvalError::content(path, why))
    }

    /// The fields a person knows a document by: the searchable ones, the first first.
    pub fn telling_fields(&self) -> Vec<String> {
        let named = self.known.searchable_attributes.iter();
        named.filter(|name| *name != "*").cloned().collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let read: Document = serde_json::from_str(text).map_err(|error| format!("it is no JSON object: {error}"))?;
        let raw = match read.get("settings") {
            Some(Value::Object(settings)) => settings.clone(),
            Some(_) => return Err("`settings` is no object".to_owned()),
            None => read,
        };
        // Meilisearch takes null for: as it is by default.
        let known = raw.iter().filter(|(_, value)| !value.is_null());
        let known = Value::Object(known.map(|(name, value)| (name.clone(), value.clone())).collect());
        let known = serde_json::from_value(known).map_err(|error| format!("these are no settings: {error}"))?;
        Ok(Self { raw, known })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_unknown_settings_kept() {
        let inner =
            r#"{"searchableAttributes": ["*", "title"], "stopWords": null, "typoTolerance": {"enabled": true}}"#;
        let settings = EvalSettings::parse(inner).unwrap();
        assert_eq!(EvalSettings::parse(&format!(r#"{{"documents": 3, "settings": {inner}}}"#)).unwrap(), settings);
        assert_eq!(settings.telling_fields(), ["title"]);
        assert!(settings.raw.contains_key("typoTolerance") && settings.known.stop_words.is_empty());
        assert!(EvalSettings::default().telling_fields().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, told) in [
            ("[]", "it is no JSON object"),
            (r#"{"settings": 3}"#, "`settings` is no object"),
            (r#"{"searchableAttributes": 3}"#, "these are no settings"),
        ] {
            assert!(EvalSettings::parse(text).unwrap_err().starts_with(told), "{text}");
        }
    }
}
