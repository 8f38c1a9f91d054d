//! What ids may look like, and which field holds them.

use serde_json::Value;

use super::error::ApiError;
use crate::document::{Document, DocumentId};

/// Why a text is no index uid, if it is none.
pub(super) fn check_index(uid: &str) -> Result<(), ApiError> {
    if is_plain(uid, 512) {
        return Ok(());
    }
    let message = format!(
        "`{uid}` is not a valid index uid. Index uid can be an integer or a string containing only alphanumeric \
         characters, hyphens (-) and underscores (_), and can not be more than 512 bytes."
    );
    Err(ApiError::bad_request("invalid_index_uid", message))
}

/// The id of a document.
pub(super) fn document_id(document: &Document, primary_key: &str) -> Result<DocumentId, ApiError> {
    let Some(value) = document.get(primary_key) else {
        let shown = Value::Object(document.clone());
        let message = format!("Document doesn't have a `{primary_key}` attribute: `{shown}`.");
        return Err(ApiError::bad_request("missing_document_id", message));
    };
    DocumentId::from_json(value).filter(|id| is_plain(id.as_str(), 511)).ok_or_else(|| {
        let message = format!(
            "Document identifier `{value}` is invalid. A document identifier can be of type integer or string, only \
             composed of alphanumeric characters (a-z A-Z 0-9), hyphens (-) and underscores (_), and can not be more \
             than 511 bytes."
        );
        ApiError::bad_request("invalid_document_id", message)
    })
}

/// The primary key of an index: its own, the one asked for, or the only field whose name ends in `id`.
pub(super) fn primary_key(
    own: Option<&str>,
    asked: Option<&str>,
    first: Option<&Document>,
) -> Result<Option<String>, ApiError> {
    match (own, asked) {
        (Some(own), Some(asked)) if own != asked => {
            let message = format!("Index already has a primary key: `{own}`.");
            Err(ApiError::bad_request("index_primary_key_already_exists", message))
        }
        (Some(key), _) | (None, Some(key)) => Ok(Some(key.to_owned())),
        (None, None) => first.map(infer).transpose(),
    }
}

fn infer(document: &Document) -> Result<String, ApiError> {
    let mut candidates = document.keys().filter(|name| name.to_lowercase().ends_with("id"));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(ApiError::bad_request(
            "index_primary_key_no_candidate_found",
            "The primary key inference failed as the engine did not find any field ending with `id` in its name. Please \
             specify the primary key manually using the `primaryKey` query parameter.",
        )),
        (Some(a), Some(b)) => {
            let found = candidates.count() + 2;
            let message = format!(
                "The primary key inference failed as the engine found {found} fields ending with `id` in their names: \
                 '{a}' and '{b}'. Please specify the primary key manually using the `primaryKey` query parameter."
            );
            Err(ApiError::bad_request("index_primary_key_multiple_candidates_found", message))
        }
    }
}

fn is_plain(text: &str, most: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= most && text.bytes().all(plain)
}
