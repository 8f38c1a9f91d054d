//! A row as a document.

use serde_json::Value;

use super::{SqlIds, SqlOptions};
use crate::{
    backfill::source::{
        SourceDocument, SourceError, SourceRow, Unreadable,
        fields::{invalid_id, text, unreadable},
    },
    document::{Document, DocumentId, Version},
    outbox::{escaped_id, is_valid_id, with_id},
};

/// Keys, id, version, deleted, document, and whether the keys are those of the row before.
pub(super) type Columns = (Vec<Option<String>>, Vec<Option<String>>, Option<i64>, Option<bool>, Option<String>, bool);

/// The row of these columns.
pub(super) fn row(columns: Columns, options: &SqlOptions) -> Result<SourceRow, SourceError> {
    let place = text(&columns.0)?;
    Ok(SourceRow { place, content: content(columns, options) })
}

fn content(
    (_, id, version, deleted, document, _): Columns,
    options: &SqlOptions,
) -> Result<SourceDocument, Unreadable> {
    let columns = options.id.join("`, `");
    let parts: Option<Vec<String>> = id.into_iter().collect();
    let parts = parts.ok_or_else(|| unreadable(None, format!("a column of its id is NULL: `{columns}`")))?;
    let id = DocumentId::from(match options.ids {
        SqlIds::Escaped => escaped_id(&parts),
        SqlIds::Verbatim => parts.concat(),
    });
    if !is_valid_id(&id) {
        return Err(invalid_id(&columns));
    }
    if let (Some(column), None) = (&options.version, version) {
        return Err(unreadable(Some(id), format!("its version is NULL: `{column}`")));
    }
    let document = match deleted {
        Some(true) => None,
        _ => Some(body(document.as_deref(), &id, options)?),
    };
    Ok(SourceDocument { id, version: version.map(Version), ordinal: None, document })
}

fn body(document: Option<&str>, id: &DocumentId, options: &SqlOptions) -> Result<Document, Unreadable> {
    // Not what it says: it may quote the document.
    let own = document.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(Value::Object(mut own)) = own else {
        return Err(unreadable(Some(id.clone()), "its columns cannot be read as JSON"));
    };
    own.retain(|name, _| !options.omits(name));
    Ok(with_id(own, id, &options.primary_key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(id: &[&str], version: Option<i64>, document: &str, options: &SqlOptions) -> SourceRow {
        let texts = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect();
        row((texts(&["t", "5"]), texts(id), version, None, Some(document.to_owned()), false), options).unwrap()
    }

    #[test]
    fn a_row_is_a_document_under_the_id_of_the_outbox() {
        let row = read(&["ab", "kukuri:x"], None, r#"{"b":1,"a":{"z":2,"y":null}}"#, &SqlOptions::default());
        assert_eq!(row.place, r#"["t","5"]"#);
        let document = row.content.unwrap();
        assert_eq!(document.id.as_str(), "ab__kukuri_3Ax");
        assert_eq!(
            serde_json::to_string(&document.document).unwrap(),
            r#"{"id":"ab__kukuri_3Ax","b":1,"a":{"z":2,"y":null}}"#
        );
    }

    #[test]
    fn what_is_no_document_is_told_with_its_id() {
        let options = SqlOptions { ids: SqlIds::Verbatim, version: Some("v".to_owned()), ..SqlOptions::default() };
        let why = |id: &[&str], version, document| read(id, version, document, &options).content.unwrap_err();
        assert_eq!(why(&["a b"], Some(1), "{}").id, None);
        let no_version = why(&["a"], None, "{}");
        assert!(no_version.id == Some("a".into()) && no_version.why.contains("`v`"));
        let no_object = why(&["a"], Some(1), r#"["secret"]"#);
        assert!(no_object.id == Some("a".into()) && !no_object.why.contains("secret"));
    }

    #[test]
    fn the_version_is_left_out_of_the_document_unless_it_is_wanted() {
        let mut options = SqlOptions { version: Some("v".to_owned()), ..SqlOptions::default() };
        let document = |options: &SqlOptions| {
            let content = read(&["1"], Some(7), r#"{"id":1,"v":7,"w":2}"#, options).content.unwrap();
            assert_eq!(content.version, Some(Version(7)));
            json!(content.document)
        };
        assert_eq!(document(&options), json!({"id": 1, "w": 2}));
        options.omit = Some(vec!["w".to_owned()]);
        assert_eq!(document(&options), json!({"id": 1, "v": 7}));
    }
}
