//! The proof at the end: both sides hold the same documents, and every write that was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use crossfade::document::Document;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::memory::Memory;

/// The documents of a side, by id.
pub type Documents = BTreeMap<String, Document>;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Proof {
    pub meili: Content,
    pub pg: Content,
    /// Documents that differ between the sides, or stand on one only.
    pub drift: usize,
    /// Documents whose last acknowledged state does not stand on a side.
    pub lost: usize,
    /// Some of either, to look at.
    pub examples: Vec<String>,
}

/// What a side holds.
#[derive(Debug, Serialize)]
pub struct Content {
    pub documents: usize,
    /// SHA-256 over the documents by id, each as its id and its JSON with the fields in order.
    pub hash: String,
}

impl Proof {
    pub fn of(meili: &Documents, pg: &Documents, memory: &Memory) -> Self {
        let ids: BTreeSet<&String> = meili.keys().chain(pg.keys()).collect();
        let drift: Vec<&String> = ids.into_iter().filter(|id| meili.get(*id) != pg.get(*id)).collect();
        let lost = memory.documents.iter().filter(|(id, remembered)| {
            let stands = |side: &Documents| remembered.is(side.get(*id));
            !stands(meili) || !stands(pg)
        });
        let lost: Vec<&String> = lost.map(|(id, _)| id).collect();
        let examples = drift.iter().chain(&lost).take(5).map(|id| show(id, meili, pg)).collect();
        Self { meili: Content::of(meili), pg: Content::of(pg), drift: drift.len(), lost: lost.len(), examples }
    }

    pub fn holds(&self) -> bool {
        self.drift == 0 && self.lost == 0 && self.meili.hash == self.pg.hash
    }
}

impl Content {
    fn of(documents: &Documents) -> Self {
        let mut hash = Sha256::new();
        for (id, document) in documents {
            let document = canonical(&Value::Object(document.clone()));
            // Neither can hold a line feed that is not escaped.
            hash.update(format!("{id}\n{document}\n"));
        }
        let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { documents: documents.len(), hash }
    }
}

/// JSON with the fields of objects sorted by name: the sides may keep them in different orders.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let field =
                |(name, value): (&String, &Value)| format!("{}:{}", Value::from(name.as_str()), canonical(value));
            format!("{{{}}}", sorted.into_iter().map(field).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

fn show(id: &str, meili: &Documents, pg: &Documents) -> String {
    let text = |side: &Documents| side.get(id).map_or("nothing".to_owned(), |it| Value::Object(it.clone()).to_string());
    format!("{id}: meili has {}, pg has {}", text(meili), text(pg))
}
