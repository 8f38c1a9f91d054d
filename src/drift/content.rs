//! The content of a document as a number, so that two sides can be compared without holding both.

use std::hash::Hasher;

use serde_json::{Number, Value};
use siphasher::sip::SipHasher13;

use crate::document::{Document, DocumentId};

/// Meilisearch keeps vectors apart, and shows them only on request.
const KEPT_APART: &str = "_vectors";

/// Most names of fields that are listed of one document.
const MOST_NAMES: usize = 20;

/// Makes fingerprints: 64 bits of a keyed hash (SipHash). The keys are drawn for each run, so that two contents that happen to
/// have the same fingerprint, which hides a difference once in 2^64, have others the next time.
///
/// Alike are documents with the same fields, in any order at any depth: Meilisearch shows them in the order of the index.
/// Numbers are alike that have the same value, so `1` and `1.0` are: a side may have read either from the same column, and
/// filters, sort criteria and most readers do not tell them apart. `_vectors` does not count.
#[derive(Clone, Copy)]
pub(super) struct Fingerprints {
    keys: (u64, u64),
}

/// What is hashed: of different kinds nothing is alike.
#[derive(Clone, Copy)]
enum Kind {
    Null,
    Bool,
    Integer,
    Fraction,
    Text,
    List,
    Field,
    Fields,
    Document,
}

impl Fingerprints {
    pub(super) fn draw() -> Self {
        Self { keys: (rand::random(), rand::random()) }
    }

    /// Of a document under its id.
    pub(super) fn of(&self, id: &DocumentId, document: &Document) -> u64 {
        let content = self.content(document);
        self.hash(Kind::Document, |hasher| {
            hasher.write_u64(content);
            hasher.write(id.as_str().as_bytes());
        })
    }

    /// Of a document alone.
    pub(super) fn content(&self, document: &Document) -> u64 {
        self.fields(document.iter().filter(|(name, _)| *name != KEPT_APART))
    }

    /// The names of the fields in which two documents differ, 20 at most.
    pub(super) fn fields_that_differ(&self, one: &Document, other: &Document) -> Vec<String> {
        let differs = |name: &str| match (one.get(name), other.get(name)) {
            (Some(one), Some(other)) => self.value(one) != self.value(other),
            _ => true,
        };
        let only_there = other.keys().filter(|name| !one.contains_key(*name));
        let all = one.keys().chain(only_there).filter(|name| *name != KEPT_APART);
        all.filter(|name| differs(name)).take(MOST_NAMES).cloned().collect()
    }

    fn value(&self, value: &Value) -> u64 {
        match value {
            Value::Null => self.hash(Kind::Null, |_| {}),
            Value::Bool(truth) => self.hash(Kind::Bool, |hasher| hasher.write_u8(u8::from(*truth))),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.hash(Kind::Text, |hasher| hasher.write(text.as_bytes())),
            Value::Array(values) => self.hash(Kind::List, |hasher| {
                for value in values {
                    hasher.write_u64(self.value(value));
                }
            }),
            Value::Object(fields) => self.fields(fields.iter()),
        }
    }

    /// A sum does not depend on the order of what is added.
    fn fields<'a>(&self, fields: impl Iterator<Item = (&'a String, &'a Value)>) -> u64 {
        let field = |(name, value): (&String, &Value)| {
            let value = self.value(value);
            self.hash(Kind::Field, |hasher| {
                hasher.write_u64(value);
                hasher.write(name.as_bytes());
            })
        };
        let sum = fields.map(field).fold(0, u64::wrapping_add);
        self.hash(Kind::Fields, |hasher| hasher.write_u64(sum))
    }

    fn number(&self, number: &Number) -> u64 {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        let whole = whole.or_else(|| number.as_f64().and_then(whole_of));
        match whole {
            Some(whole) => self.hash(Kind::Integer, |hasher| hasher.write_u128(whole.cast_unsigned())),
            None => {
                let bits = number.as_f64().unwrap_or_default().to_bits();
                self.hash(Kind::Fraction, |hasher| hasher.write_u64(bits))
            }
        }
    }

    fn hash(&self, kind: Kind, write: impl FnOnce(&mut SipHasher13)) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        hasher.write_u8(kind as u8);
        write(&mut hasher);
        hasher.finish()
    }
}

/// A float that is an integer, as one; up to 2^64, above which no integer is read as one.
fn whole_of(float: f64) -> Option<i128> {
    let fits = float.fract() == 0.0 && float.abs() <= 18_446_744_073_709_551_616.0;
    fits.then_some(float as i128)
}

#[cfg(test)]
mod tests;
