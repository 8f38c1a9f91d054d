//! What a write that was not taken is answered.

use http::StatusCode;

use crate::{
    codec::{CodecError, WriteError},
    error::BackendErrorKind,
};

/// The status, unless the protocol knows a better one.
pub(super) fn status(failure: &WriteError) -> StatusCode {
    match failure {
        WriteError::Unreadable(CodecError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        WriteError::Unreadable(CodecError::Forbidden) => StatusCode::FORBIDDEN,
        WriteError::Unreadable(CodecError::NotOurs) => StatusCode::NOT_FOUND,
        WriteError::Unreadable(_) => StatusCode::BAD_REQUEST,
        WriteError::Unrecorded(_) | WriteError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        WriteError::Failed(error) => match error.kind() {
            BackendErrorKind::Unsupported | BackendErrorKind::InvalidQuery | BackendErrorKind::Rejected => {
                StatusCode::BAD_REQUEST
            }
            BackendErrorKind::Forbidden => StatusCode::FORBIDDEN,
            BackendErrorKind::IndexNotFound => StatusCode::NOT_FOUND,
            BackendErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            BackendErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            BackendErrorKind::Unauthorized | BackendErrorKind::Panic | BackendErrorKind::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        },
    }
}

/// What the caller is told: never a cause, which may name hosts or quote documents.
pub(super) fn message(failure: &WriteError, limit: usize) -> String {
    match failure {
        WriteError::Unreadable(CodecError::TooLarge) => {
            format!("The payload reached the size limit of {limit} bytes; send it in smaller parts.")
        }
        WriteError::Unreadable(CodecError::Broken) => "The connection broke before the payload was complete.".into(),
        WriteError::Unreadable(CodecError::Malformed(why)) => why.clone(),
        WriteError::Unreadable(CodecError::Unsupported(what)) => {
            format!("This write cannot be carried to both sides while the service migrates, and was not made: {what}.")
        }
        WriteError::Unreadable(CodecError::Forbidden) => "The caller is not known here.".into(),
        WriteError::Unreadable(CodecError::NotOurs) => "Not found.".into(),
        WriteError::Unrecorded(_) => "The write could not be recorded, and was not made; try again.".into(),
        WriteError::Busy => {
            "Earlier writes of the same documents have not ended; this one was not made; try again.".into()
        }
        WriteError::Failed(error) if error.kind().is_outage() => {
            format!("The write failed ({}); try again.", error.kind().as_str())
        }
        WriteError::Failed(error) => format!("The write was refused ({}).", error.kind().as_str()),
    }
}

/// The cause is for the log.
pub(super) fn log(failure: &WriteError) {
    match failure {
        WriteError::Unreadable(why) => tracing::debug!(%why, "a write was refused: it cannot be carried to both sides"),
        WriteError::Unrecorded(error) => tracing::error!(%error, "a write was refused: it could not be recorded"),
        WriteError::Failed(error) if error.kind().is_outage() => tracing::error!(%error, "a write failed"),
        WriteError::Failed(error) => tracing::debug!(%error, "a write was refused"),
        WriteError::Busy => tracing::warn!("a write was refused: earlier ones of the same documents have not ended"),
    }
}
