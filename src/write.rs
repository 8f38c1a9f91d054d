//! What a write asks, in the words both sides share.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    document::{Document, DocumentId, Version},
    search::FilterInput,
};

/// What one request writes, independent of the protocol it came in by.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexWrite {
    /// The index that is written.
    pub index: Arc<str>,
    /// What happens to its documents.
    pub changes: Changes,
}

/// What happens to the documents of an index.
#[derive(Clone, Debug, PartialEq)]
pub enum Changes {
    /// One change for each document named, in the order of the request.
    Documents(Vec<Change>),
    /// Every document that passes the filter is deleted; without a filter, every document.
    Sweep(Option<FilterInput>),
}

/// What happens to one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its primary key.
    pub id: DocumentId,
    /// Which of its writes this is, if the service says so; otherwise the clock of the write path does.
    pub version: Option<Version>,
    /// What is done.
    pub action: Action,
}

/// What is done to one document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// It is added, or replaced as a whole.
    Put(Document),
    /// The fields given replace its own; without one it is added. A partial update of Meilisearch.
    Merge(Document),
    /// It is deleted.
    Delete,
}

impl IndexWrite {
    /// One document added or replaced.
    pub fn put(index: impl Into<Arc<str>>, id: impl Into<DocumentId>, document: Document) -> Self {
        Self::one(index, id, Action::Put(document))
    }

    /// One document deleted.
    pub fn delete(index: impl Into<Arc<str>>, id: impl Into<DocumentId>) -> Self {
        Self::one(index, id, Action::Delete)
    }

    /// One change to one document.
    pub fn one(index: impl Into<Arc<str>>, id: impl Into<DocumentId>, action: Action) -> Self {
        let change = Change { id: id.into(), version: None, action };
        Self { index: index.into(), changes: Changes::Documents(vec![change]) }
    }
}

/// A task of Meilisearch, by its uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u64);

/// How a write ended, as its caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was taken; with the task that Meilisearch carries it out by, if that is known.
    Accepted(Option<TaskId>),
    /// It was refused: nothing of it stands or will.
    Refused,
    /// It may stand or not.
    Unknown,
}

impl IndexWrite {
    /// The same with one change for each document: those of one request are carried out in their order, as Meilisearch does.
    #[must_use]
    pub fn folded(mut self) -> Self {
        if let Changes::Documents(changes) = &mut self.changes {
            *changes = fold(std::mem::take(changes));
        }
        self
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        matches!(&self.changes, Changes::Documents(changes) if changes.is_empty())
    }
}

fn fold(changes: Vec<Change>) -> Vec<Change> {
    let mut places: HashMap<DocumentId, usize> = HashMap::with_capacity(changes.len());
    let mut folded: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        match places.get(&change.id).and_then(|place| folded.get_mut(*place)) {
            Some(before) => {
                before.version = before.version.max(change.version);
                before.action = std::mem::replace(&mut before.action, Action::Delete).then(change.action);
            }
            None => {
                places.insert(change.id.clone(), folded.len());
                folded.push(change);
            }
        }
    }
    folded
}

impl Action {
    /// This and then that, as one.
    fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Put(mut document), Self::Merge(fields)) => {
                document.extend(fields);
                Self::Put(document)
            }
            (Self::Merge(mut document), Self::Merge(fields)) => {
                document.extend(fields);
                Self::Merge(document)
            }
            (Self::Delete, Self::Merge(fields)) => Self::Put(fields),
            (_, next) => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(value: serde_json::Value) -> Document {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn changes_of_one_document_are_folded_in_their_order() {
        let (a, b) = (document(json!({"x": 1, "y": 1})), document(json!({"y": 2})));
        let both = document(json!({"x": 1, "y": 2}));
        let cases = [
            ([Action::Put(a.clone()), Action::Merge(b.clone())], Action::Put(both.clone())),
            ([Action::Merge(a.clone()), Action::Merge(b.clone())], Action::Merge(both)),
            ([Action::Delete, Action::Merge(b.clone())], Action::Put(b.clone())),
            ([Action::Put(a.clone()), Action::Put(b.clone())], Action::Put(b.clone())),
            ([Action::Merge(a.clone()), Action::Put(b.clone())], Action::Put(b)),
            ([Action::Put(a), Action::Delete], Action::Delete),
        ];
        for (actions, expected) in cases {
            let change = |(version, action)| Change { id: "1".into(), version: Some(Version(version)), action };
            let other = Change { id: "2".into(), version: None, action: Action::Delete };
            let [first, second] = actions;
            let changes = vec![change((7, first)), other.clone(), change((5, second))];
            let write = IndexWrite { index: "i".into(), changes: Changes::Documents(changes) };
            let folded = write.folded().changes;
            assert_eq!(folded, Changes::Documents(vec![change((7, expected)), other]));
        }
    }
}
