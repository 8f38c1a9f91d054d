//! What a row of the outbox asks for.

use std::collections::HashMap;

use super::{
    OutboxContent, OutboxIds, OutboxOptions,
    names::{escaped_id, is_valid_id},
};
use crate::document::{Document, DocumentId};

/// A row as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) op: Option<String>,
    pub(super) keys: Vec<Option<String>>,
    pub(super) document: Option<String>,
    /// Why it could not be read; the rest is then empty.
    pub(super) damage: Option<String>,
}

/// A row that says something about a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) row: Named,
    pub(super) deed: Deed,
}

/// What a row names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    pub(super) seq: i64,
    pub(super) op: String,
    pub(super) keys: Vec<String>,
    pub(super) id: DocumentId,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Deed {
    Put(Document),
    Delete,
    /// Whatever the present state says.
    LookUp,
}

/// A row that cannot be applied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Letter {
    pub(super) seq: i64,
    pub(super) op: Option<String>,
    pub(super) keys: Vec<Option<String>>,
    pub(super) id: Option<DocumentId>,
    pub(super) reason: Reason,
    pub(super) why: String,
}

/// Why a row of the outbox became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    UnknownOp,
    Unreadable,
    InvalidId,
    Lookup,
    Rejected,
    TaskFailed,
    Failed,
}

impl Reason {
    /// The value of the label and the column.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::UnknownOp => "unknown_op",
            Self::Unreadable => "unreadable",
            Self::InvalidId => "invalid_id",
            Self::Lookup => "lookup",
            Self::Rejected => "rejected",
            Self::TaskFailed => "task_failed",
            Self::Failed => "failed",
        }
    }
}

/// What the rows ask for, the last one of each document, and those that ask for nothing that can be done.
pub(super) fn sort(rows: Vec<Row>, options: &OutboxOptions) -> (Vec<Change>, Vec<Letter>) {
    let (mut changes, mut letters) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match read(&row, options) {
            Ok(change) => changes.push(change),
            Err((reason, why)) => letters.push(row.letter(reason, why)),
        }
    }
    let last: HashMap<DocumentId, i64> = changes.iter().map(|change| (change.row.id.clone(), change.row.seq)).collect();
    changes.retain(|change| last.get(&change.row.id) == Some(&change.row.seq));
    (changes, letters)
}

fn read(row: &Row, options: &OutboxOptions) -> Result<Change, (Reason, String)> {
    if let Some(damage) = &row.damage {
        return Err((Reason::Unreadable, damage.clone()));
    }
    let op = row.op.as_deref().unwrap_or_default();
    let deletes = options.deletes.iter().any(|known| known == op);
    if !deletes && !options.upserts.iter().any(|known| known == op) {
        return Err((Reason::UnknownOp, "the column of the operation has a value that is not configured".to_owned()));
    }
    let keys: Option<Vec<String>> = row.keys.iter().cloned().collect();
    let keys = keys.ok_or_else(|| (Reason::Unreadable, "a key column is NULL".to_owned()))?;
    let id = match &options.ids {
        OutboxIds::Escaped => escaped_id(&keys),
        OutboxIds::Verbatim => keys.concat(),
        OutboxIds::With(make) => make(&keys),
    };
    let id = DocumentId::from(id);
    if !is_valid_id(&id) {
        let why = "the id of the document is not one of 1 to 511 letters, digits, hyphens and underscores";
        return Err((Reason::InvalidId, why.to_owned()));
    }
    let deed = match &options.content {
        OutboxContent::Lookup(lookup) if lookup.deletes || !deletes => Deed::LookUp,
        _ if deletes => Deed::Delete,
        _ => Deed::Put(document(row.document.as_deref(), &id, options).map_err(|why| (Reason::Unreadable, why))?),
    };
    Ok(Change { row: Named { seq: row.seq, op: op.to_owned(), keys, id }, deed })
}

/// A document out of a column, with its id under the primary key.
pub(super) fn document(text: Option<&str>, id: &DocumentId, options: &OutboxOptions) -> Result<Document, String> {
    let text = text.ok_or("the row has no document")?;
    let own: Document =
        serde_json::from_str(text).map_err(|error| format!("the document is no JSON object: {error}"))?;
    Ok(with_id(own, id, &options.primary_key))
}

/// The document with its id under the primary key; as it is if it has it there already, also as an integer.
pub(crate) fn with_id(own: Document, id: &DocumentId, primary_key: &str) -> Document {
    if own.get(primary_key).and_then(DocumentId::from_json).as_ref() == Some(id) {
        return own;
    }
    // First, as in documents that are written by hand.
    let mut document = Document::with_capacity(own.len() + 1);
    document.insert(primary_key.to_owned(), id.as_str().into());
    document.extend(own.into_iter().filter(|(name, _)| name != primary_key));
    document
}

impl Row {
    pub(super) fn letter(self, reason: Reason, why: String) -> Letter {
        Letter { seq: self.seq, op: self.op, keys: self.keys, id: None, reason, why }
    }
}

impl Named {
    /// It cannot be applied.
    pub(super) fn letter(&self, reason: Reason, why: impl Into<String>) -> Letter {
        Letter {
            seq: self.seq,
            op: Some(self.op.clone()),
            keys: self.keys.iter().cloned().map(Some).collect(),
            id: Some(self.id.clone()),
            reason,
            why: why.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn options() -> OutboxOptions {
        OutboxOptions::new("postgres://localhost/none").unwrap()
    }

    fn carried() -> OutboxOptions {
        options().content(OutboxContent::Column("doc".to_owned()))
    }

    fn row(seq: i64, op: &str, keys: [&str; 2], document: Option<&str>) -> Row {
        let keys = keys.map(|key| Some(key.to_owned())).to_vec();
        Row { seq, op: Some(op.to_owned()), keys, document: document.map(str::to_owned), damage: None }
    }

    #[test]
    fn the_last_row_of_a_document_counts() {
        let rows = vec![
            row(1, "upsert", ["a", "x"], Some("{}")),
            row(2, "upsert", ["a", "y"], Some("{}")),
            row(3, "delete", ["a", "x"], None),
            row(4, "what", ["a", "y"], None),
        ];
        let (changes, letters) = sort(rows, &carried());
        let seen: Vec<_> = changes.iter().map(|change| (change.row.seq, change.row.id.as_str())).collect();
        assert_eq!(seen, [(2, "a__y"), (3, "a__x")]);
        assert_eq!(changes[1].deed, Deed::Delete);
        assert_eq!((letters[0].seq, letters[0].reason), (4, Reason::UnknownOp));
    }

    #[test]
    fn the_id_stands_in_the_document() {
        let put = |text: &str| {
            let (mut changes, _) = sort(vec![row(1, "upsert", ["7", "x"], Some(text))], &carried());
            match changes.pop().unwrap().deed {
                Deed::Put(document) => serde_json::to_string(&document).unwrap(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(put(r#"{"b":1,"a":2}"#), r#"{"id":"7__x","b":1,"a":2}"#);
        assert_eq!(put(r#"{"b":1,"id":"7__x"}"#), r#"{"b":1,"id":"7__x"}"#);
        assert_eq!(put(r#"{"b":1,"id":9}"#), r#"{"id":"7__x","b":1}"#);
    }

    #[test]
    fn an_integer_id_stays_one() {
        let ids = OutboxIds::With(Arc::new(|keys: &[String]| keys[0].clone()));
        let (changes, _) = sort(vec![row(1, "upsert", ["7", "x"], Some(r#"{"id":7}"#))], &carried().ids(ids));
        assert_eq!(changes[0].deed, Deed::Put(json!({"id": 7}).as_object().unwrap().clone()));
    }

    #[test]
    fn what_cannot_be_applied_is_told_apart() {
        let mut null = row(1, "upsert", ["a", "x"], Some("{}"));
        null.keys[1] = None;
        let mut no_op = row(2, "", ["a", "x"], None);
        no_op.op = None;
        let rows = vec![
            null,
            no_op,
            row(3, "upsert", ["a", "x"], None),
            row(4, "upsert", ["a", "x"], Some("[]")),
            row(5, "upsert", ["a", &"x".repeat(600)], Some("{}")),
            Row { seq: 6, damage: Some("torn".to_owned()), ..Row::default() },
        ];
        let (changes, letters) = sort(rows, &carried());
        assert_eq!(changes, []);
        let reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
        assert_eq!(reasons, ["unreadable", "unknown_op", "unreadable", "unreadable", "invalid_id", "unreadable"]);
    }

    #[test]
    fn a_lookup_believes_deletions_unless_told_otherwise() {
        let rows = || vec![row(1, "delete", ["a", "x"], None), row(2, "upsert", ["b", "x"], None)];
        let deeds =
            |options: &OutboxOptions| sort(rows(), options).0.into_iter().map(|change| change.deed).collect::<Vec<_>>();
        assert_eq!(deeds(&options()), [Deed::Delete, Deed::LookUp]);
        let lookup = super::super::OutboxLookup::default().also_deletes(true);
        assert_eq!(deeds(&options().content(OutboxContent::Lookup(lookup))), [Deed::LookUp, Deed::LookUp]);
    }
}
