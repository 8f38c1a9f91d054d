//! The fields of a document, formatted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text::{Text, Wish};
use crate::{document::Document, ranking::Matched, search::Formatting, settings::IndexSettings, tokens::Tokenizer};

/// Formats documents for one query.
#[derive(Debug)]
pub struct Formatter<'a> {
    /// What the query finds.
    pub matched: &'a Matched,
    /// Cuts texts as they were cut for the index, stop words being words: a tokenizer without them.
    pub tokenizer: &'a Tokenizer,
    /// The settings of the index.
    pub settings: &'a IndexSettings,
    /// What is asked for.
    pub formatting: &'a Formatting,
    /// The fields that hits show.
    pub retrieve: Option<&'a [String]>,
    /// Whether it is asked where the matches are.
    pub places: bool,
}

/// A document, formatted. What is not asked for is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Formatted {
    /// Its fields; numbers are texts, as in Meilisearch.
    pub document: Option<Document>,
    /// For each field with matches, where they are.
    pub matches: Option<Document>,
}

impl Formatter<'_> {
    /// Formats one.
    pub fn format(&self, document: &Document) -> Formatted {
        let wanted = self.is_wanted();
        if !wanted && !self.places {
            return Formatted::default();
        }
        let mut shown = self.settings.show(document.clone(), None);
        let mut places = BTreeMap::new();
        for (name, value) in &mut shown {
            self.value(name, value, &mut Vec::new(), &mut places);
        }
        Formatted {
            document: wanted.then(|| self.settings.show(shown, self.fields().as_deref())),
            matches: self.places.then(|| places.into_iter().map(|(name, list)| (name, Value::Array(list))).collect()),
        }
    }

    /// Whether a field that may be shown is to be formatted.
    fn is_wanted(&self) -> bool {
        let Formatting { highlight, crop, .. } = self.formatting;
        let mut names = highlight.iter().map(String::as_str).chain(crop.iter().map(|crop| cropped(crop, 0).0));
        names.any(|name| name == "*" || self.settings.displays(name))
    }

    /// The fields of the formatted document: those that hits show, and those that are formatted.
    fn fields(&self) -> Option<Vec<String>> {
        let Formatting { highlight, crop, .. } = self.formatting;
        let formatted = highlight.iter().map(String::as_str).chain(crop.iter().map(|crop| cropped(crop, 0).0));
        Some(self.retrieve?.iter().map(String::as_str).chain(formatted).map(str::to_owned).collect())
    }

    fn value(&self, name: &str, value: &mut Value, path: &mut Vec<usize>, places: &mut BTreeMap<String, Vec<Value>>) {
        let text = match value {
            Value::Null | Value::Bool(_) => return,
            Value::Object(object) => {
                for (key, value) in object {
                    self.value(&format!("{name}.{key}"), value, path, places);
                }
                return;
            }
            Value::Array(elements) => {
                for (place, element) in elements.iter_mut().enumerate() {
                    path.push(place);
                    self.value(name, element, path, places);
                    path.pop();
                }
                return;
            }
            Value::String(text) => std::mem::take(text),
            Value::Number(number) => number.to_string(),
        };
        let wish = self.wish(name);
        if wish == Wish::default() && !self.places {
            *value = Value::String(text);
            return;
        }
        let read = Text::new(&text, self.tokenizer, self.matched);
        if self.places {
            let found = read.places(path);
            if !found.is_empty() {
                // As Meilisearch has it: of several texts of one name, the last that has matches is told.
                places.insert(name.to_owned(), found);
            }
        }
        *value = Value::String(read.show(wish, self.formatting));
    }

    /// What is to be done with a field: what is said of it, of what it is in, and of what is in it.
    fn wish(&self, name: &str) -> Wish {
        let Formatting { highlight, crop, crop_length, .. } = self.formatting;
        let concerns = |listed: &str| listed == "*" || is_within(listed, name) || is_within(name, listed);
        let lengths = crop.iter().map(|crop| cropped(crop, *crop_length)).filter(|(listed, _)| concerns(listed));
        Wish {
            highlight: highlight.iter().any(|listed| concerns(listed)),
            crop: lengths.map(|(_, length)| length).next_back(),
        }
    }
}

/// Reads `overview:10`.
fn cropped(text: &str, default: usize) -> (&str, usize) {
    match text.rsplit_once(':') {
        Some((name, length)) => (name, length.parse().unwrap_or(default)),
        None => (text, default),
    }
}

fn is_within(outer: &str, name: &str) -> bool {
    name.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests;
