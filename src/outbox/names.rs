//! Names that go into SQL, and ids of search documents.

use super::OutboxError;
use crate::document::DocumentId;

/// The longest identifier PostgreSQL keeps; it cuts longer ones without an error.
const LONGEST_NAME: usize = 63;
/// The longest id Meilisearch takes, in bytes.
const LONGEST_ID: usize = 511;

/// A name as it stands in SQL: quoted, so that it can be nothing but a name.
pub(crate) fn quoted(name: &str) -> Result<String, OutboxError> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
        return Err(OutboxError::InvalidName(name.to_owned()));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// One id for several keys, of letters that Meilisearch takes. Different keys never share one.
///
/// Letters, digits and `-` stand for themselves, every other byte is `_` and two hexadecimal digits; keys are joined by `__`,
/// which stands nowhere else because `_` is no digit.
pub(crate) fn escaped_id(keys: &[String]) -> String {
    let mut id = String::with_capacity(keys.iter().map(|key| key.len() + 2).sum());
    for (before, key) in keys.iter().enumerate() {
        if before > 0 {
            id.push_str("__");
        }
        for byte in key.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'-' {
                id.push(char::from(byte));
            } else {
                id.push_str(&format!("_{byte:02X}"));
            }
        }
    }
    id
}

/// Whether Meilisearch takes an id.
pub(crate) fn is_valid_id(id: &DocumentId) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let id = id.as_str();
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn names_are_quoted_or_refused() {
        assert_eq!(quoted("seq").unwrap(), r#""seq""#);
        assert_eq!(quoted(r#"a" ; DROP TABLE b; --"#).unwrap(), r#""a"" ; DROP TABLE b; --""#);
        for wrong in ["", "a\0b", &"x".repeat(64)] {
            assert!(matches!(quoted(wrong), Err(OutboxError::InvalidName(_))), "{wrong:?}");
        }
    }

    #[test]
    fn different_keys_have_different_valid_ids() {
        let parts = ["", "a", "_", "__", "a_", "_a", "5F", "_5F", "a__b", "b", "日本", "kukuri:topic:a b", "-", "A"];
        let mut seen = BTreeMap::new();
        for first in parts {
            for second in parts {
                let keys = [first.to_owned(), second.to_owned()];
                let id = escaped_id(&keys);
                assert!(is_valid_id(&DocumentId::from(id.as_str())), "{id}");
                assert_eq!(seen.insert(id, keys.clone()), None, "{keys:?}");
            }
        }
    }

    #[test]
    fn plain_keys_stay_readable() {
        assert_eq!(escaped_id(&["0a1b".to_owned(), "rust".to_owned()]), "0a1b__rust");
        assert_eq!(escaped_id(&["a:b".to_owned()]), "a_3Ab");
    }

    #[test]
    fn ids_are_as_meilisearch_wants_them() {
        let valid = |id: &str| is_valid_id(&DocumentId::from(id));
        assert!(valid("a-Z_0") && valid(&"x".repeat(511)));
        assert!(!valid("") && !valid("a b") && !valid("é") && !valid(&"x".repeat(512)));
    }
}
