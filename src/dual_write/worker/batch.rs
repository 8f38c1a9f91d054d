//! Batches: entries of one index, of which each document is written once.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    document::DocumentId,
    journal::{End, Entry},
};

/// What is to be written of one document, and the entries that are done with it.
#[derive(Debug)]
pub(super) struct Newest {
    /// The one to write.
    pub(super) entry: Entry,
    /// Older ones.
    pub(super) superseded: Vec<Entry>,
    /// Whether a later entry had a lower version: Meilisearch may hold that one.
    pub(super) disordered: bool,
}

impl Newest {
    /// Ends the entry. The older ones are done with: it says all that they said; unless one came later, which must not be
    /// forgotten before the document has been written.
    pub(super) fn end(self, end: End) -> Vec<(Entry, End)> {
        let kept = self.disordered && matches!(end, End::Retry { .. });
        let of_older = if kept { end.clone() } else { End::Done { supersedes: false } };
        let superseded = self.superseded.into_iter().map(|entry| (entry, of_older.clone()));
        superseded.chain([(self.entry, end)]).collect()
    }
}

/// Sorts entries by index, in their order.
pub(super) fn by_index(entries: Vec<Entry>) -> BTreeMap<Arc<str>, Vec<Entry>> {
    let mut indexes: BTreeMap<Arc<str>, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        indexes.entry(entry.intent.index.clone()).or_default().push(entry);
    }
    indexes
}

/// The newest entry of each document. Entries come in the order in which they were appended.
pub(super) fn newest(entries: Vec<Entry>) -> Vec<Newest> {
    let mut documents: BTreeMap<DocumentId, Newest> = BTreeMap::new();
    for entry in entries {
        match documents.get_mut(&entry.intent.id) {
            None => {
                let id = entry.intent.id.clone();
                documents.insert(id, Newest { entry, superseded: Vec::new(), disordered: false });
            }
            Some(known) if known.entry.intent.version <= entry.intent.version => {
                let older = std::mem::replace(&mut known.entry, entry);
                known.superseded.push(older);
                known.disordered = false;
            }
            Some(known) => {
                known.superseded.push(entry);
                known.disordered = true;
            }
        }
    }
    documents.into_values().collect()
}
