//! Mistakes that Meilisearch has a code for.

use http::StatusCode;

use crate::codec::CodecError;

/// What Meilisearch calls a mistake.
pub(super) struct Known {
    pub(super) code: &'static str,
    pub(super) status: StatusCode,
}

pub(super) const INVALID_CONTENT_TYPE: Known = Known::unsupported_media_type("invalid_content_type");
pub(super) const MISSING_CONTENT_TYPE: Known = Known::unsupported_media_type("missing_content_type");
pub(super) const MISSING_PAYLOAD: Known = Known::bad_request("missing_payload");
pub(super) const MALFORMED_PAYLOAD: Known = Known::bad_request("malformed_payload");
pub(super) const MISSING_ID: Known = Known::bad_request("missing_document_id");
pub(super) const INVALID_ID: Known = Known::bad_request("invalid_document_id");
pub(super) const INVALID_DELIMITER: Known = Known::bad_request("invalid_document_csv_delimiter");
pub(super) const MISSING_FILTER: Known = Known::bad_request("missing_document_filter");
pub(super) const INVALID_FILTER: Known = Known::bad_request("invalid_document_filter");
pub(super) const BAD_REQUEST: Known = Known::bad_request("bad_request");
const KNOWN: [&Known; 10] = [
    &INVALID_CONTENT_TYPE,
    &MISSING_CONTENT_TYPE,
    &MISSING_PAYLOAD,
    &MALFORMED_PAYLOAD,
    &MISSING_ID,
    &INVALID_ID,
    &INVALID_DELIMITER,
    &MISSING_FILTER,
    &INVALID_FILTER,
    &BAD_REQUEST,
];

impl Known {
    const fn bad_request(code: &'static str) -> Self {
        Self { code, status: StatusCode::BAD_REQUEST }
    }

    const fn unsupported_media_type(code: &'static str) -> Self {
        Self { code, status: StatusCode::UNSUPPORTED_MEDIA_TYPE }
    }

    /// A request that Meilisearch refuses with this code. The code stands before the words, so that the answer can be made
    /// of it when PostgreSQL decides.
    pub(super) fn because(&self, why: impl std::fmt::Display) -> CodecError {
        CodecError::Malformed(format!("{}: {why}", self.code))
    }

    /// The code that a refusal begins with, and the words after it.
    pub(super) fn split(why: &str) -> Option<(&'static Self, &str)> {
        let (code, why) = why.split_once(": ")?;
        KNOWN.into_iter().find(|known| known.code == code).map(|known| (known, why))
    }
}

/// A name that the caller chose, if it can be shown as it is.
pub(super) fn shown(name: &str) -> &str {
    let plain = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if plain { name } else { "…" }
}
