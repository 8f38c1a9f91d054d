//! What a row holds beside the document: its facets as JSON, and its words, packed.

use std::{collections::BTreeMap, ops::Not, sync::Arc};

use serde::Serialize;
use serde_json::Value;

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
        serde_json::to_value(self.stored(document)).unwrap_or_default()
    }

    /// The same as text, which takes a fraction of the memory.
    pub(super) fn facets_as_text(&self, document: &Document) -> String {
        serde_json::to_string(&self.stored(document)).unwrap_or_default()
    }

    fn stored(&self, document: &Document) -> BTreeMap<String, Stored> {
        let facets = facets(document, |name| self.settings.has_facet(name));
        facets.into_iter().map(|(name, facet)| (storable(&name), Stored::of(facet))).collect()
    }

    /// The column `words`.
    pub(super) fn words(&self, document: &Document) -> Vec<u8> {
        pack(&document_words(document, self.settings, &self.tokenizer))
    }
}

/// What is stored of an attribute. Writing it cannot fail: all is plain values under names.
#[derive(Serialize)]
struct Stored {
    exists: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    texts: Vec<String>,
    #[serde(skip_serializing_if = "Not::not")]
    null: bool,
    #[serde(skip_serializing_if = "Not::not")]
    empty: bool,
}

impl Stored {
    fn of(Facet { numbers, texts, null, empty }: Facet) -> Self {
        Self { exists: true, numbers, texts, null, empty }
    }
}

/// Text that PostgreSQL can hold: it has no NUL.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
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
        let (segmenter, document) = (bigrams(), document(json!({"a\0": "B\0", "n": null, "l": [2, 1]})));
        let derivation = Derivation::new(&settings, &segmenter);
        let facets = derivation.facets(&document);
        let expected = json!({"a\u{fffd}": {"exists": true, "texts": ["b\u{fffd}"]},
            "n": {"exists": true, "null": true}, "l": {"exists": true, "numbers": [1.0, 2.0]}});
        assert_eq!(facets, expected);
        assert_eq!(derivation.facets_as_text(&document), facets.to_string());
    }
}
