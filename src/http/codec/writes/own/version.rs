//! Which of a document's writes this is.

use jiff::Timestamp;
use serde_json::Value;

use crate::{codec::CodecError, document::Version};

/// Reads a version: an integer, or a time in microseconds since 1970.
pub(super) fn read(value: &Value) -> Result<Version, CodecError> {
    let version = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond))
        }
        _ => None,
    };
    let refuse = || CodecError::Unsupported("a version that is neither an integer nor an RFC 3339 time".into());
    version.map(Version).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Version, read};

    #[test]
    fn integers_and_times() {
        for (value, expected) in [
            (json!(17), Some(17)),
            (json!(-3), Some(-3)),
            (json!(i64::MAX), Some(i64::MAX)),
            (json!("17"), Some(17)),
            (json!("1970-01-01T00:00:01Z"), Some(1_000_000)),
            (json!("1970-01-01T01:00:00.000002+01:00"), Some(2)),
            (json!(u64::MAX), None),
            (json!(1.0), None),
            (json!(""), None),
            (json!("yesterday"), None),
            // No offset: nobody knows when that was.
            (json!("1970-01-01T00:00:01"), None),
            (json!(true), None),
            (json!([1]), None),
        ] {
            assert_eq!(read(&value).ok(), expected.map(Version), "{value}");
        }
    }
}
