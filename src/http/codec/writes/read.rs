//! What reading documents has in common, whatever the protocol.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::{Value, error::Category};

use crate::{
    codec::CodecError,
    document::{Document, DocumentId},
    write::{Action, Change, Changes, IndexWrite},
};

/// Whether Meilisearch takes a text as an id.
pub(super) fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !id.is_empty() && id.len() <= 511 && id.bytes().all(plain)
}

/// The id that a value is, as Meilisearch reads it.
pub(super) fn plain_id(value: &Value) -> Option<DocumentId> {
    DocumentId::from_json(value).filter(|id| is_plain(id.as_str()))
}

/// How a write puts its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Merge,
}

impl Kind {
    pub(super) fn action(self, document: Document) -> Action {
        match self {
            Self::Put => Action::Put(document),
            Self::Merge => Action::Merge(document),
        }
    }
}

/// Makes one change of all to the same document, where the first stood: what the index holds after carrying them out one
/// by one, which for versioned ones is in the order of their versions.
pub(super) fn united(changes: Vec<Change>) -> Changes {
    let mut places: HashMap<DocumentId, usize> = HashMap::with_capacity(changes.len());
    let mut united: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let place = *places.entry(change.id.clone()).or_insert(united.len());
        match united.get_mut(place) {
            None => united.push(change),
            Some(present) => unite(present, change),
        }
    }
    Changes::Documents(united)
}

fn unite(present: &mut Change, mut other: Change) {
    if other.version >= present.version {
        std::mem::swap(present, &mut other);
    }
    // `present` is the later one now. Only a partial update leaves something of what was before.
    if let (Action::Merge(fields), Action::Merge(before)) = (&mut present.action, other.action) {
        let later = std::mem::replace(fields, before);
        fields.extend(later);
    }
}

/// Why text that was to be `values` JSON values could not be read: refused by whoever reads it, or perhaps by this crate
/// alone. Of what follows the last value not everybody takes notice; nesting without end, numbers out of range and halves
/// of surrogate pairs are a matter of how closely one looks.
pub(super) fn unread(body: &[u8], values: usize, error: &serde_json::Error) -> Unread {
    let mut stream = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
    let mut whole = 0;
    let broken = stream.by_ref().take(values).any(|value| {
        whole += 1;
        value.is_err()
    });
    let read = body.get(..stream.byte_offset()).unwrap_or(body);
    let missing = whole == 0 && values == 1;
    if error.classify() == Category::Data || broken || missing || std::str::from_utf8(read).is_err() {
        Unread::Malformed
    } else {
        Unread::Doubtful
    }
}

/// See [`unread`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Nobody takes it.
    Malformed,
    /// Somebody might.
    Doubtful,
}

/// PostgreSQL can hold no NUL character in a text.
pub(super) fn refuse_nul(write: &IndexWrite) -> Result<(), CodecError> {
    let Changes::Documents(changes) = &write.changes else { return Ok(()) };
    let held = |change: &Change| match &change.action {
        Action::Put(document) | Action::Merge(document) => !fields_have_nul(document),
        Action::Delete => true,
    };
    if changes.iter().all(held) {
        return Ok(());
    }
    Err(CodecError::Unsupported("a document with a NUL character, which PostgreSQL cannot hold".into()))
}

fn fields_have_nul(fields: &Document) -> bool {
    fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(fields) => fields_have_nul(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
