//! The routes, and what they share: reading bodies and answering 202.

mod documents;
mod indexes;
mod search;
mod tasks;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde_json::{Value, json};

use super::{error::ApiError, state::Shared, task::Work};

type App = State<Arc<Shared>>;
type Parameters = Query<HashMap<String, String>>;
type Answer = Result<Json<Value>, ApiError>;

/// Meilisearch's own limit of a body, in bytes.
const LARGEST_BODY: usize = 100 * 1024 * 1024;
const JSON: &str = "application/json";

/// All routes of the double.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let documents = get(documents::list).post(documents::replace).put(documents::update).delete(documents::delete_all);
    Router::new()
        .route("/health", get(async || Json(json!({ "status": "available" }))))
        .route("/version", get(version))
        .route("/indexes", get(indexes::list).post(indexes::create))
        .route("/indexes/{uid}", get(indexes::show).delete(indexes::delete))
        .route("/indexes/{uid}/settings", get(indexes::settings).patch(indexes::change_settings))
        .route("/indexes/{uid}/stats", get(indexes::stats))
        .route("/indexes/{uid}/documents", documents)
        .route("/indexes/{uid}/documents/fetch", post(documents::fetch))
        .route("/indexes/{uid}/documents/delete", post(documents::delete_by_filter))
        .route("/indexes/{uid}/documents/delete-batch", post(documents::delete_batch))
        .route("/indexes/{uid}/documents/{id}", delete(documents::delete_one).get(documents::show))
        .route("/indexes/{uid}/search", post(search::by_post).get(search::by_get))
        .route("/multi-search", post(search::multi))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{uid}", get(tasks::show))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(shared)
}

async fn version() -> Json<Value> {
    Json(json!({
        "commitSha": "2ecfd54ca7f3dd1c76d304efce86c9b8af9f82aa",
        "commitDate": "2026-07-16T14:59:12.000000000Z",
        "pkgVersion": "1.50.0",
    }))
}

/// Enqueues work and answers 202.
fn accept(shared: &Shared, index: &str, work: Work) -> Response {
    (StatusCode::ACCEPTED, Json(shared.enqueue(index, work))).into_response()
}

/// Reads a JSON body.
fn json_body(headers: &HeaderMap, body: &Bytes) -> Result<Value, ApiError> {
    content_type(headers, &[JSON])?;
    check_payload(body)?;
    serde_json::from_slice(body).map_err(|error| ApiError::malformed("json", error))
}

/// Refuses an empty body.
fn check_payload(body: &[u8]) -> Result<(), ApiError> {
    let missing = || ApiError::bad_request("missing_payload", "A json payload is missing.");
    if body.is_empty() { Err(missing()) } else { Ok(()) }
}

/// The content type, which must be one of `accepted`.
fn content_type<'a>(headers: &HeaderMap, accepted: &[&'a str]) -> Result<&'a str, ApiError> {
    let listed: Vec<String> = accepted.iter().map(|kind| format!("`{kind}`")).collect();
    let listed = format!("Accepted values for the Content-Type header are: {}", listed.join(", "));
    let refuse = |code, what| ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, format!("{what} {listed}"));
    let Some(given) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return Err(refuse("missing_content_type", "A Content-Type header is missing.".to_owned()));
    };
    let essence = given.split(';').next().unwrap_or(given).trim();
    let found = accepted.iter().find(|kind| kind.eq_ignore_ascii_case(essence)).copied();
    found.ok_or_else(|| refuse("invalid_content_type", format!("The Content-Type `{given}` is invalid.")))
}
