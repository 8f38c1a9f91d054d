//! What a row holds beside the document: its facets as JSON, and its words, packed.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::words::pack;
use crate::{
    document::Document,
    filter::{Facet, facets},
    settings::IndexSettings,
    tokens::{Segmenter, Tokenizer, document_words},
};

/// Settings made ready to derive rows under.
pub(super) struct Derivation<'a> {
    settings: &'a IndexSettings,
    tokenizer: Tokenizer,
}

impl<'a> Derivation<'a> {
    pub(super) fn new(settings: &'a IndexSettings, segmenter: &Arc<dyn Segmenter>) -> Self {
        Self { settings, tokenizer: Tokenizer::new(settings, Some(Arc::clone(segmenter))) }
    }

    /// The column `facets`.
    pub(super) fn facets(&self, document: &Document) -> Value {
        let facets = facets(document, |name| self.settings.has_facet(name));
        Value::Object(facets.into_iter().map(|(name, facet)| (storable(&name), json(facet))).collect())
    }

    /// The column `words`.
    pub(super) fn words(&self, document: &Document) -> Vec<u8> {
        pack(&document_words(document, self.settings, &self.tokenizer))
    }
}

/// Text that PostgreSQL can hold: it has no NUL.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn json(facet: Facet) -> Value {
    let mut members = Map::new();
    members.insert("exists".to_owned(), Value::Bool(true));
    if !facet.numbers.is_empty() {
        members.insert("numbers".to_owned(), facet.numbers.into());
    }
    if !facet.texts.is_empty() {
        members.insert("texts".to_owned(), facet.texts.into());
    }
    for (name, is_so) in [("null", facet.null), ("empty", facet.empty)] {
        if is_so {
            members.insert(name.to_owned(), Value::Bool(true));
        }
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bigrams() -> Arc<dyn Segmenter> {
        Arc::new(crate::tokens::Bigrams)
    }

    fn settings(value: Value) -> IndexSettings {
        serde_json::from_value(value).unwrap()
    }

    fn document(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn facets_are_stored_without_nul() {
        let settings = settings(json!({"filterableAttributes": ["*"]}));
        let facets =
            Derivation::new(&settings, &bigrams()).facets(&document(json!({"a\0": "B\0", "n": null, "l": [2, 1]})));
        let expected = json!({"a\u{fffd}": {"exists": true, "texts": ["b\u{fffd}"]},
            "n": {"exists": true, "null": true}, "l": {"exists": true, "numbers": [1.0, 2.0]}});
        assert_eq!(facets, expected);
    }
}
