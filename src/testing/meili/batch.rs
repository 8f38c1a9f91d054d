//! Which tasks are carried out together, and whether they fail together.
//!
//! As Meilisearch 1.50 does, the tasks that wait for one index make up one batch, as long as they are additions and deletions
//! of documents. A task that fails by itself (a document without an id, one with an id that is none, no primary key to be
//! found) spares the others. A document that cannot be indexed fails all of them, whichever task it came with; unless a
//! later task of the batch has replaced or deleted it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::{
    error::ApiError,
    geo, ids,
    state::{Data, Index},
    task::{Deletion, Method, Work},
};
use crate::document::DocumentId;

/// A task, and what it does.
pub(super) type Waiting = (usize, Work);

/// Takes the next batch of those that wait.
pub(super) fn next(data: &mut Data, waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let Some((uid, work)) = waiting.pop_front() else { return Vec::new() };
    let index = data.task(uid).map(|task| task.index.clone());
    let mut batch = vec![(uid, work)];
    let mut left = VecDeque::with_capacity(waiting.len());
    let mut is_open = true;
    for (uid, work) in waiting.drain(..) {
        // Those of other indexes go on waiting, and hold nothing up.
        let same = is_open && data.task(uid).map(|task| task.index.clone()) == index;
        match same && joins(&batch, &work) {
            true => batch.push((uid, work)),
            false => {
                is_open &= !same;
                left.push_back((uid, work));
            }
        }
    }
    *waiting = left;
    batch
}

/// Whether a task may be carried out together with those before it. Deletions by filter come before additions or not at all.
fn joins(batch: &[Waiting], work: &Work) -> bool {
    let is_of_documents = |work: &Work| matches!(work, Work::Add { .. } | Work::Delete(_));
    let clears = |work: &Work| matches!(work, Work::Delete(Deletion::All));
    let all = |what: fn(&Work) -> bool| batch.iter().all(|(_, work)| what(work));
    if !batch.iter().all(|(_, work)| is_of_documents(work) && !clears(work)) || !is_of_documents(work) {
        return false;
    }
    match work {
        Work::Delete(Deletion::Filter { .. }) => all(|work| matches!(work, Work::Delete(_))),
        Work::Add { primary_key: Some(key), .. } => batch.iter().all(|(_, work)| match work {
            Work::Add { primary_key, .. } => primary_key.as_ref() == Some(key),
            _ => true,
        }),
        _ => !clears(work),
    }
}

/// Why all of it fails, if one of the documents that it leaves cannot be indexed.
pub(super) fn check<'a>(data: &Data, index: &str, batch: impl Iterator<Item = &'a Work>) -> Result<(), ApiError> {
    let Some(index_data) = data.indexes.get(index).filter(|index| geo::matters(index)) else { return Ok(()) };
    for (id, place) in places(index_data, batch) {
        geo::check(&id, &place).map_err(|error| error.prefixed(&format!("Index `{index}`: ")))?;
    }
    Ok(())
}

/// Where the documents are that the batch writes, once it has been carried out.
fn places<'a>(index: &Index, batch: impl Iterator<Item = &'a Work>) -> BTreeMap<DocumentId, Value> {
    let mut key = index.primary_key.clone();
    let mut places = BTreeMap::new();
    for work in batch {
        match work {
            Work::Add { documents, primary_key, method } => {
                let Ok(Some(found)) = ids::primary_key(key.as_deref(), primary_key.as_deref(), documents.first())
                else {
                    continue;
                };
                let read: Result<Vec<DocumentId>, _> =
                    documents.iter().map(|document| ids::document_id(document, &found)).collect();
                key = Some(found);
                // One that has no id takes the whole task with it.
                for (id, document) in read.into_iter().flatten().zip(documents) {
                    match (document.get("_geo"), method) {
                        (None, Method::Update) => {}
                        (place, _) => drop(places.insert(id, place.cloned().unwrap_or_default())),
                    }
                }
            }
            Work::Delete(Deletion::Ids(ids)) => ids.iter().for_each(|id| drop(places.remove(id))),
            // Comes first, before there is anything.
            _ => {}
        }
    }
    places
}
