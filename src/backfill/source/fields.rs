//! What the sources read alike: ids and versions out of documents, and their own texts out of the control tables.

use serde::{Serialize, de::DeserializeOwned};

use super::{SourceError, SourceErrorKind, Unreadable};
use crate::{
    document::{Document, DocumentId, Version},
    outbox::is_valid_id,
};

/// Trying again does not help before somebody has done something.
pub(super) fn unfit(doing: impl Into<String>) -> SourceError {
    SourceError::new(SourceErrorKind::Unfit, doing)
}

/// Trying again may help.
pub(super) fn unavailable(doing: impl Into<String>) -> SourceError {
    SourceError::new(SourceErrorKind::Unavailable, doing)
}

/// Reads a cursor, a bound or a place, which is `what`.
pub(super) fn parse<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, SourceError> {
    serde_json::from_str(text).map_err(|_| not_ours(what))
}

/// A cursor, a bound or a place of something else.
pub(super) fn not_ours(what: &str) -> SourceError {
    unfit(format!("reading {what} of the job: it is not one of this source; start a new job"))
}

/// Writes a cursor, a bound or a place.
pub(super) fn text(value: &impl Serialize) -> Result<String, SourceError> {
    serde_json::to_string(value).map_err(|error| unfit("writing the place it has come to").caused_by(error))
}

/// The id under the primary key, if Meilisearch takes it.
pub(super) fn id_of(document: &Document, primary_key: &str) -> Result<DocumentId, Unreadable> {
    let value = document
        .get(primary_key)
        .ok_or_else(|| unreadable(None, format!("it has no field `{primary_key}`, which is to be the primary key")))?;
    DocumentId::from_json(value).filter(is_valid_id).ok_or_else(|| invalid_id(primary_key))
}

/// What is wrong with an id.
pub(super) fn invalid_id(of: &str) -> Unreadable {
    let why = format!("`{of}` is no integer and not one of 1 to 511 letters, digits, hyphens and underscores");
    unreadable(None, why)
}

/// The version in a field, if there is to be one.
pub(super) fn version_of(
    document: &Document,
    id: &DocumentId,
    field: Option<&str>,
) -> Result<Option<Version>, Unreadable> {
    let Some(field) = field else { return Ok(None) };
    match document.get(field).and_then(serde_json::Value::as_i64) {
        Some(version) => Ok(Some(Version(version))),
        None => {
            let why = format!("its field `{field}`, which is to be its version, is not there or no 64-bit integer");
            Err(unreadable(Some(id.clone()), why))
        }
    }
}

/// A row that is no document.
pub(super) fn unreadable(id: Option<DocumentId>, why: impl Into<String>) -> Unreadable {
    Unreadable { id, why: why.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(value: Value) -> Document {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn ids_are_those_of_meilisearch() {
        for good in [json!("a-Z_0"), json!(7), json!(-7)] {
            assert!(id_of(&document(json!({"id": good})), "id").is_ok(), "{good}");
        }
        for wrong in [json!("a b"), json!(""), json!(1.5), json!(null), json!(["a"]), json!("é")] {
            let unreadable = id_of(&document(json!({"id": wrong})), "id").unwrap_err();
            assert!(unreadable.why.contains("`id`") && unreadable.id.is_none(), "{}", unreadable.why);
        }
        assert!(id_of(&document(json!({"x": 1})), "id").unwrap_err().why.contains("no field `id`"));
    }

    #[test]
    fn a_version_is_an_integer_or_the_row_is_unreadable() {
        let version = |value: Value| version_of(&document(json!({"v": value})), &"a".into(), Some("v"));
        assert_eq!(version(json!(7)), Ok(Some(Version(7))));
        for wrong in [json!("7"), json!(7.5), json!(null), json!(u64::MAX)] {
            assert_eq!(version(wrong).unwrap_err().id, Some("a".into()));
        }
        assert_eq!(version_of(&Document::new(), &"a".into(), None), Ok(None));
        assert!(version_of(&Document::new(), &"a".into(), Some("v")).is_err());
    }
}
