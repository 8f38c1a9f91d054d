//! What went wrong, in the words of the house.

use meilisearch_sdk::errors::{Error, ErrorCode, ErrorType, MeilisearchError};

use crate::error::{BackendError, BackendErrorKind, Side};

/// The status of a request that is too large.
const PAYLOAD_TOO_LARGE: u16 = 413;

/// An error of `kind` while `doing`.
pub(super) fn error(kind: BackendErrorKind, doing: impl Into<String>) -> BackendError {
    BackendError::new(Side::Meili, kind, doing)
}

/// The SDK's error while `doing`. Its messages may hold the URL, and with it a password: they are left out there.
pub(super) fn failed(doing: &'static str, failure: Error) -> BackendError {
    match failure {
        Error::Meilisearch(answer) => error(kind_of_answer(&answer), doing).caused_by(answer),
        Error::MeilisearchCommunication(answer) => {
            let status = answer.status_code;
            error(kind_of_status(status), doing).caused_by(format!("the server answered with status {status}"))
        }
        Error::HttpError(failure) => {
            let kind = if failure.is_timeout() {
                BackendErrorKind::Timeout
            } else if failure.is_decode() || failure.is_builder() {
                BackendErrorKind::Internal
            } else {
                BackendErrorKind::Unavailable
            };
            error(kind, doing).caused_by(failure.without_url())
        }
        Error::ParseError(failure) => error(BackendErrorKind::Internal, doing).caused_by(failure),
        _ => error(BackendErrorKind::Internal, doing),
    }
}

/// The SDK's error of a write. What the server understands and refuses is the fault of what was sent.
pub(super) fn not_sent(doing: &'static str, failure: Error) -> BackendError {
    let refused = match &failure {
        Error::Meilisearch(answer) => kind_of_answer(answer) == BackendErrorKind::InvalidQuery,
        Error::MeilisearchCommunication(answer) => answer.status_code == PAYLOAD_TOO_LARGE,
        _ => false,
    };
    // What Meilisearch itself has refused, or never heard of, it will not do later.
    let nothing_done = match &failure {
        Error::Meilisearch(_) => true,
        Error::HttpError(failure) => failure.is_connect(),
        _ => false,
    };
    let error = match failure {
        Error::Meilisearch(answer) if refused => self::error(BackendErrorKind::Rejected, doing).caused_by(answer),
        _ if refused => {
            self::error(BackendErrorKind::Rejected, doing).caused_by("the request is larger than the server takes")
        }
        failure => failed(doing, failure),
    };
    if nothing_done { error.with_nothing_done() } else { error }
}

fn kind_of_answer(answer: &MeilisearchError) -> BackendErrorKind {
    match (&answer.error_code, &answer.error_type) {
        (ErrorCode::IndexNotFound, _) => BackendErrorKind::IndexNotFound,
        // Its own trouble, whatever it calls it: writes have to wait.
        (
            ErrorCode::NoSpaceLeftOnDevice
            | ErrorCode::DatabaseSizeLimitReached
            | ErrorCode::TooManyOpenFiles
            | ErrorCode::IoError,
            _,
        ) => BackendErrorKind::Unavailable,
        (_, ErrorType::Auth) => BackendErrorKind::Unauthorized,
        (_, ErrorType::InvalidRequest) => BackendErrorKind::InvalidQuery,
        (_, ErrorType::Internal) => BackendErrorKind::Internal,
        // `system`: too many searches, no space left.
        _ => BackendErrorKind::Unavailable,
    }
}

/// For answers that are not Meilisearch's own: of a proxy, most likely.
fn kind_of_status(status: u16) -> BackendErrorKind {
    match status {
        401 | 403 => BackendErrorKind::Unauthorized,
        408 | 504 => BackendErrorKind::Timeout,
        404 | 429 | 500.. => BackendErrorKind::Unavailable,
        _ => BackendErrorKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use meilisearch_sdk::errors::MeilisearchCommunicationError;
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_have_their_kinds() {
        for (code, class, kind) in [
            ("index_not_found", "invalid_request", BackendErrorKind::IndexNotFound),
            ("invalid_api_key", "auth", BackendErrorKind::Unauthorized),
            ("invalid_search_filter", "invalid_request", BackendErrorKind::InvalidQuery),
            ("internal", "internal", BackendErrorKind::Internal),
            ("too_many_search_requests", "system", BackendErrorKind::Unavailable),
            ("no_space_left_on_device", "system", BackendErrorKind::Unavailable),
            ("no_space_left_on_device", "invalid_request", BackendErrorKind::Unavailable),
        ] {
            let answer = json!({"message": "", "code": code, "type": class, "link": ""});
            let answer: MeilisearchError = serde_json::from_value(answer).unwrap();
            assert_eq!(kind_of_answer(&answer), kind, "{code}");
        }
        assert_eq!(kind_of_status(502), BackendErrorKind::Unavailable);
    }

    #[test]
    fn only_what_meilisearch_says_itself_is_a_refusal() {
        let sent = |failure| not_sent("sending documents", failure);
        for (code, class) in [
            ("internal", "internal"),
            ("no_space_left_on_device", "system"),
            ("malformed_payload", "invalid_request"),
            ("not_yet_invented", "not_yet_invented"),
        ] {
            let answer = json!({"message": "", "code": code, "type": class, "link": ""});
            let answer = Error::Meilisearch(serde_json::from_value(answer).unwrap());
            assert!(!sent(answer).may_be_done(), "{code}");
        }
        let proxy = |status_code| {
            let (message, url) = (None, "http://meili/indexes/movies/documents".to_owned());
            Error::MeilisearchCommunication(MeilisearchCommunicationError { status_code, message, url })
        };
        // Behind a proxy that gives up, Meilisearch may go on.
        for status in [404, 408, 429, 500, 502, 503, 504] {
            assert!(sent(proxy(status)).may_be_done(), "{status}");
        }
        // One that refuses has passed nothing on.
        for status in [401, 403, 413] {
            assert!(!sent(proxy(status)).may_be_done(), "{status}");
        }
        let garbled = serde_json::from_str::<u8>("<html>").unwrap_err();
        assert!(sent(Error::ParseError(garbled)).may_be_done());
    }
}
