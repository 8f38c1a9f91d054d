//! What the writers were told: the last acknowledged state of every document they wrote.

use std::collections::BTreeMap;

use crossfade::document::Document;
use serde_json::Value;

/// What was acknowledged, by document.
#[derive(Clone, Default)]
pub struct Memory {
    pub acknowledged: u64,
    /// Writes that were answered with anything but success.
    pub refused: u64,
    pub documents: BTreeMap<String, Remembered>,
}

/// One document. Its writes come one after the other, each a revision.
#[derive(Clone, Default)]
pub struct Remembered {
    /// The last revision that was sent.
    sent: u64,
    /// The last one that was acknowledged, and what it made of the document; `None`: it was deleted.
    acknowledged: u64,
    state: Option<Document>,
    /// What was sent since and not acknowledged: it may stand or not.
    unsure: Vec<Option<Document>>,
}

impl Memory {
    /// A write is about to be sent; its revision.
    pub fn sends(&mut self, id: &str) -> u64 {
        let remembered = self.documents.entry(id.to_owned()).or_default();
        remembered.sent += 1;
        remembered.sent
    }

    pub fn answered(&mut self, id: &str, state: Option<Document>, acknowledged: bool) {
        let remembered = self.documents.entry(id.to_owned()).or_default();
        if acknowledged {
            self.acknowledged += 1;
            *remembered =
                Remembered { sent: remembered.sent, acknowledged: remembered.sent, state, unsure: Vec::new() };
        } else {
            self.refused += 1;
            remembered.unsure.push(state);
        }
    }

    /// Whether what is found is no older than what had been acknowledged `then`. Writing may have gone on since.
    pub fn shows(&self, id: &str, then: &Remembered, found: Option<&Document>) -> bool {
        let sent = self.documents.get(id).map_or(0, |now| now.sent);
        match found {
            Some(document) => document.get("revision").and_then(Value::as_u64) >= Some(then.acknowledged),
            None => then.state.is_none() || sent > then.acknowledged,
        }
    }
}

impl Remembered {
    /// Whether what is found after the last write is what was acknowledged.
    pub fn is(&self, found: Option<&Document>) -> bool {
        found == self.state.as_ref() || self.unsure.iter().any(|state| found == state.as_ref())
    }
}
