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

    /// What the row of a document holds beside it.
    pub(super) fn derive(&self, document: &Document) -> Derived {
        let facets = facets(document, |name| self.settings.has_facet(name));
        let words = pack(&document_words(document, self.settings, &self.tokenizer), &facets);
        Derived {
            facets: facets.into_iter().map(|(name, facet)| (storable(&name), Stored::of(facet))).collect(),
            words,
        }
    }
}

/// What a row holds beside the document.
#[derive(Default)]
pub(super) struct Derived {
    facets: BTreeMap<String, Stored>,
    /// The column `words`.
    pub(super) words: Vec<u8>,
}

impl Derived {
    /// The column `facets`.
    pub(super) fn facets(&self) -> Value {
        serde_json::to_value(&self.facets).unwrap_or_default()
    }

    /// The same as text, which takes a fraction of the memory.
    pub(super) fn facets_as_text(&self) -> String {
        serde_json::to_string(&self.facets).unwrap_or_default()
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
        let derived = derivation.derive(&document);
        let expected = json!({"a\u{fffd}": {"exists": true, "texts": ["b\u{fffd}"]},
            "n": {"exists": true, "null": true}, "l": {"exists": true, "numbers": [1.0, 2.0]}});
        assert_eq!(derived.facets(), expected);
        assert_eq!(derived.facets_as_text(), derived.facets().to_string());
    }
}
