//! What the bodies of Meilisearch's document routes say.

use serde_json::Value;

use super::known::{BAD_REQUEST, INVALID_FILTER, INVALID_ID, MISSING_FILTER, MISSING_ID, shown};
use crate::{
    codec::CodecError,
    document::{Document, DocumentId},
    filter::Filter,
    http::codec::writes::read::{Kind, is_plain, plain_id, united},
    search::FilterInput,
    write::{Action, Change, Changes},
};

/// Documents that are added, replaced or updated.
pub(super) fn changes(documents: Vec<Document>, primary_key: &str, kind: Kind) -> Result<Changes, CodecError> {
    if primary_key.contains('.') {
        // Meilisearch looks into objects for it; nothing else here does.
        return Err(CodecError::Unsupported("a primary key inside of objects".into()));
    }
    let changes = documents.into_iter().map(|document| {
        let id = document_id(&document, primary_key)?;
        Ok(Change { id, version: None, action: kind.action(document) })
    });
    Ok(united(changes.collect::<Result<_, CodecError>>()?))
}

/// The id of a document. With one that Meilisearch does not take the whole task fails, so nothing of the request will stand.
fn document_id(document: &Document, primary_key: &str) -> Result<DocumentId, CodecError> {
    let Some(value) = document.get(primary_key) else {
        return Err(MISSING_ID.because(format_args!("A document doesn't have a `{primary_key}` attribute.")));
    };
    if let Some(id) = plain_id(value) {
        return Ok(id);
    }
    match value {
        // Versions of Meilisearch differ in whether they take the spaces away.
        Value::String(text) if is_plain(text.trim()) => {
            Err(CodecError::Unsupported("a document id with spaces around it".into()))
        }
        _ => Err(INVALID_ID.because(
            "A document identifier is invalid. A document identifier can be of type integer or string, only composed of \
             alphanumeric characters (a-z A-Z 0-9), hyphens (-) and underscores (_), and can not be more than 511 bytes.",
        )),
    }
}

/// Documents that are deleted, from a list of ids. Meilisearch takes any JSON for an id, as its text; what can be no id is
/// none of a document, so that nothing is deleted for it.
pub(super) fn deletions(ids: &Value) -> Result<Changes, CodecError> {
    let Some(ids) = ids.as_array() else {
        return Err(BAD_REQUEST.because("The body is not a list of document ids."));
    };
    let mut changes = Vec::with_capacity(ids.len());
    for id in ids {
        let id = match id {
            Value::String(text) => text.clone(),
            // How it is written as text is not the same in all versions, and `1e20` might be the id of a document.
            Value::Number(number) if number.is_f64() => {
                return Err(CodecError::Unsupported("a document id that is no whole number".into()));
            }
            other => other.to_string(),
        };
        if is_plain(&id) {
            changes.push(Change { id: id.into(), version: None, action: Action::Delete });
        }
    }
    Ok(united(changes))
}

/// What is deleted by a filter. One that says nothing is refused, and never deletes everything.
pub(super) fn sweep(body: Value) -> Result<Changes, CodecError> {
    let Value::Object(mut fields) = body else { return Err(BAD_REQUEST.because("The body is not an object.")) };
    let filter = fields.shift_remove("filter").filter(|filter| !filter.is_null());
    if let Some(unknown) = fields.keys().next() {
        return Err(BAD_REQUEST.because(format_args!("Unknown field `{}`: expected `filter`.", shown(unknown))));
    }
    let Some(filter) = filter else { return Err(MISSING_FILTER.because("Missing field `filter`")) };
    let Ok(filter) = serde_json::from_value::<FilterInput>(filter) else {
        return Err(INVALID_FILTER.because("The filter is no expression, nor a list of them."));
    };
    match Filter::parse(&filter) {
        Ok(Filter::And(all)) if all.is_empty() => Err(INVALID_FILTER.because("Sending an empty filter is forbidden.")),
        Ok(_) => Ok(Changes::Sweep(Some(filter))),
        // Meilisearch may know more operators than this crate.
        Err(error) => Err(CodecError::Unsupported(error.to_string())),
    }
}
