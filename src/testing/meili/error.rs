//! Meilisearch's error bodies.

use std::borrow::Cow;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

/// The codes of what is wrong with the machine, and not with the request or the program.
const SYSTEM: &[&str] = &["io_error", "no_space_left_on_device", "too_many_open_files", "too_many_search_requests"];

/// What is answered, or written into a failed task, when something is wrong.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
}

impl ApiError {
    /// Any error.
    pub(super) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// The request cannot be understood.
    pub(super) fn bad_request(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A real server would do it, the double does not.
    pub(super) fn not_imitated(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "not_imitated",
            format!("The Meilisearch double does not imitate `{what}`."),
        )
    }

    pub(super) fn index_not_found(uid: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "index_not_found", format!("Index `{uid}` not found."))
    }

    pub(super) fn document_not_found(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "document_not_found", format!("Document `{id}` not found."))
    }

    pub(super) fn task_not_found(uid: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "task_not_found", format!("Task `{uid}` not found."))
    }

    pub(super) fn no_key() -> Self {
        let message = "The Authorization header is missing. It must use the bearer authorization method.";
        Self::new(StatusCode::UNAUTHORIZED, "missing_authorization_header", message)
    }

    pub(super) fn wrong_key() -> Self {
        Self::new(StatusCode::FORBIDDEN, "invalid_api_key", "The provided API key is invalid.")
    }

    /// `format` as the route in question writes it.
    pub(super) fn malformed(format: &str, why: impl std::fmt::Display) -> Self {
        Self::bad_request("malformed_payload", format!("The {format} payload provided is malformed. `{why}`."))
    }

    /// The same error said of a part of the request.
    pub(super) fn prefixed(mut self, prefix: &str) -> Self {
        self.message.insert_str(0, prefix);
        self
    }

    /// The same error without details.
    pub(super) fn untold(mut self) -> Self {
        "A document cannot be indexed.".clone_into(&mut self.message);
        self
    }

    /// The same error where Meilisearch answers 400 whatever is wrong.
    pub(super) fn into_bad_request(mut self) -> Self {
        self.status = StatusCode::BAD_REQUEST;
        self
    }

    /// The JSON form.
    pub(super) fn body(&self) -> Value {
        let kind = match self.status.as_u16() {
            _ if SYSTEM.contains(&&*self.code) => "system",
            401 | 403 => "auth",
            500.. => "internal",
            _ => "invalid_request",
        };
        let link = format!("https://docs.meilisearch.com/errors#{}", self.code);
        json!({ "message": self.message, "code": self.code, "type": kind, "link": link })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}
