//! Carries out the work of a task. The long part only reads, so that searches go on meanwhile.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    error::ApiError,
    expressions::{check_filter, expressions},
    ids,
    state::{Data, Index, Shared},
    task::{Deletion, Method, Work},
};
use crate::{
    backend::memory::{Prepared, Store},
    document::{Document, DocumentId},
};

/// Does it; counts the documents concerned. Whether the documents can be indexed, `batch::check` has said.
pub(super) fn apply(shared: &Shared, uid: &str, work: Work) -> Result<usize, ApiError> {
    match work {
        Work::CreateIndex { primary_key } => create(&mut shared.write(), uid, primary_key),
        Work::DeleteIndex => {
            let removed = shared.write().indexes.remove(uid).ok_or_else(|| ApiError::index_not_found(uid))?;
            Ok(removed.store.len())
        }
        Work::Settings(patch) => settings(shared, uid, &patch),
        Work::Add { documents, primary_key, method } => add(shared, uid, documents, primary_key.as_deref(), method),
        Work::Delete(deletion) => delete(&mut shared.write(), uid, deletion),
    }
}

fn create(data: &mut Data, uid: &str, primary_key: Option<String>) -> Result<usize, ApiError> {
    if data.indexes.contains_key(uid) {
        return Err(ApiError::bad_request("index_already_exists", format!("Index `{uid}` already exists.")));
    }
    data.indexes.insert(uid.to_owned(), Index::new(primary_key));
    Ok(0)
}

fn settings(shared: &Shared, uid: &str, patch: &Map<String, Value>) -> Result<usize, ApiError> {
    let (settings, rederived) = {
        let data = shared.read();
        let index = data.indexes.get(uid);
        let mut settings = index.map(|index| index.settings.clone()).unwrap_or_default();
        settings.merge(patch);
        let rederived = index.and_then(|index| index.store.rederived(&settings.typed()));
        (settings, rederived)
    };
    let mut data = shared.write();
    let index = data.indexes.entry(uid.to_owned()).or_insert_with(|| Index::new(None));
    match rederived {
        Some(store) => index.store = store,
        None => index.store.set_settings(settings.typed()),
    }
    index.settings = settings;
    index.updated_at = Timestamp::now();
    Ok(0)
}

fn add(
    shared: &Shared,
    uid: &str,
    documents: Vec<Document>,
    asked_key: Option<&str>,
    method: Method,
) -> Result<usize, ApiError> {
    let count = documents.len();
    // An index that is not there is made, even if the documents are refused.
    shared.write().indexes.entry(uid.to_owned()).or_insert_with(|| Index::new(None));
    let (primary_key, prepared) = {
        let data = shared.read();
        let index = data.index(uid)?;
        let primary_key = ids::primary_key(index.primary_key.as_deref(), asked_key, documents.first())?;
        let prepared = match &primary_key {
            Some(key) => prepare(&index.store, documents, key, method)?,
            None => Vec::new(),
        };
        (primary_key, prepared)
    };
    let mut data = shared.write();
    let index = data.indexes.entry(uid.to_owned()).or_insert_with(|| Index::new(None));
    index.primary_key = primary_key;
    for document in prepared {
        index.store.insert(document);
    }
    index.updated_at = Timestamp::now();
    Ok(count)
}

/// Works out what each document becomes, in the order of their first mention, and cuts it into words.
fn prepare(
    store: &Store,
    documents: Vec<Document>,
    primary_key: &str,
    method: Method,
) -> Result<Vec<Prepared>, ApiError> {
    let mut order: Vec<(DocumentId, Document)> = Vec::with_capacity(documents.len());
    let mut places: HashMap<DocumentId, usize> = HashMap::with_capacity(documents.len());
    for document in documents {
        let id = ids::document_id(&document, primary_key)?;
        let place = *places.entry(id.clone()).or_insert(order.len());
        match (order.get_mut(place), method) {
            (Some((_, present)), Method::Replace) => *present = document,
            (Some((_, present)), Method::Update) => present.extend(document),
            (None, Method::Replace) => order.push((id, document)),
            (None, Method::Update) => {
                let mut merged = store.get(&id).map(|present| Document::clone(present)).unwrap_or_default();
                merged.extend(document);
                order.push((id, merged));
            }
        }
    }
    Ok(order.into_iter().map(|(id, document)| store.prepare(id, Arc::new(document))).collect())
}

fn delete(data: &mut Data, uid: &str, deletion: Deletion) -> Result<usize, ApiError> {
    let index = data.indexes.get_mut(uid).ok_or_else(|| ApiError::index_not_found(uid))?;
    let ids = match deletion {
        Deletion::Ids(ids) => ids,
        Deletion::Filter { filter, original } => {
            check_filter(&filter, &expressions(&original), &index.settings.filterable(), "invalid_document_filter")
                .map_err(|error| error.prefixed(&format!("Index `{uid}`: ")))?;
            let matching = index.store.iter().filter(|(_, document)| filter.matches(document));
            matching.map(|(id, _)| id.clone()).collect()
        }
        Deletion::All => index.store.iter().map(|(id, _)| id.clone()).collect(),
    };
    let deleted = ids.iter().filter(|id| index.store.remove(id)).count();
    index.updated_at = Timestamp::now();
    Ok(deleted)
}
