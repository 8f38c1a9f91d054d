//! What may stand in the end, by what writers were told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::client::{Told, Write};

/// What may stand of a document. One writer at a time writes it, so that its writes have one order.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// One of these, `None` being no document: what the last acknowledged write made of what stood before it, or what one of
    /// those after it did that nobody knows the end of.
    OneOf(BTreeSet<Option<Held>>),
    /// All of the first numbers, any of the second, and no others: each came with a partial update of a field of its own.
    Fields(BTreeSet<u64>, BTreeSet<u64>),
}

/// What a document holds: the number of what put it, and that of the last partial update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    put: Option<u64>,
    merged: Option<u64>,
}

/// All documents that were written.
pub(super) type Book = BTreeMap<String, Expected>;

/// A write with a number of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbered {
    Put(u64),
    Merge(u64),
    /// A partial update of a field that no other touches.
    Field(u64),
    Delete,
}

impl Numbered {
    pub(super) fn write(self, id: &str) -> Write {
        match self {
            Self::Put(number) => Write::Put(put(id, number)),
            Self::Merge(number) => Write::Merge(json!({ "merged": number })),
            Self::Field(number) => Write::Merge(json!({ format!("f{number}"): number })),
            Self::Delete => Write::Delete,
        }
    }
}

/// The document that a numbered write puts.
pub(super) fn put(id: &str, number: u64) -> Value {
    json!({ "id": id, "title": format!("title {number}"), "put": number })
}

impl Expected {
    /// Of a document that was not there.
    pub(super) fn nothing() -> Self {
        Self::OneOf([None].into())
    }

    pub(super) fn no_fields() -> Self {
        Self::Fields(BTreeSet::new(), BTreeSet::new())
    }

    pub(super) fn note(&mut self, write: Numbered, told: Told) {
        let acknowledged = told == Told::Acknowledged;
        match (self, write) {
            (Self::OneOf(held), write) => {
                let after: BTreeSet<_> = held.iter().map(|held| after(*held, write)).collect();
                if acknowledged {
                    held.clear();
                }
                held.extend(after);
            }
            (Self::Fields(must, _), Numbered::Field(number)) if acknowledged => drop(must.insert(number)),
            (Self::Fields(_, may), Numbered::Field(number)) => drop(may.insert(number)),
            (Self::Fields(..), write) => panic!("{write:?} of a document that is updated only"),
        }
    }

    /// Why what stands may not stand, if so.
    pub(super) fn objection(&self, id: &str, stands: Option<&Value>) -> Option<String> {
        match self {
            Self::OneOf(held) => {
                let allowed = held.iter().any(|held| held.map(|held| held.document(id)).as_ref() == stands);
                (!allowed).then(|| format!("{id} is {stands:?}, and not one of {held:?}"))
            }
            Self::Fields(must, may) => {
                let fields = stands.and_then(Value::as_object).into_iter().flatten();
                let found: BTreeSet<u64> =
                    fields.filter(|(name, _)| *name != "id").filter_map(|f| f.1.as_u64()).collect();
                let lost: Vec<_> = must.difference(&found).collect();
                let strange: Vec<_> = found.iter().filter(|f| !must.contains(f) && !may.contains(f)).collect();
                let wrong = !lost.is_empty() || !strange.is_empty();
                wrong.then(|| format!("{id}: {lost:?} of {} are lost, {strange:?} never were written", must.len()))
            }
        }
    }
}

impl Held {
    fn document(self, id: &str) -> Value {
        let mut document = self.put.map_or_else(|| json!({ "id": id }), |number| put(id, number));
        if let Some(merged) = self.merged {
            document["merged"] = json!(merged);
        }
        document
    }
}

fn after(held: Option<Held>, write: Numbered) -> Option<Held> {
    match write {
        Numbered::Put(number) => Some(Held { put: Some(number), merged: None }),
        Numbered::Merge(number) => Some(Held { merged: Some(number), ..held.unwrap_or_default() }),
        Numbered::Delete => None,
        Numbered::Field(_) => panic!("a field of its own in a document that others write"),
    }
}
