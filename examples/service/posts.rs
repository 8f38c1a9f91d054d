//! The service's own write path: it hands documents to Meilisearch and answers in its own words.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{AppendHeaders, IntoResponse, Response},
};
use http::HeaderName;
use meilisearch_sdk::{
    errors::{Error, ErrorType},
    task_info::TaskInfo,
};
use serde_json::{Map, Value, json};

use super::movies::Movies;

/// By this header the handlers tell which task carries a write out: without it the worker has to read documents back.
pub const TASK: HeaderName = HeaderName::from_static("x-meili-task");

/// `POST /v1/posts`: a document is added, or replaced.
pub async fn put(State(movies): State<Movies>, Json(document): Json<Map<String, Value>>) -> Response {
    let Some(id) = document.get("id").cloned() else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "a post has an `id`" }))).into_response();
    };
    answer(movies.index.add_or_replace(&[document], Some("id")).await, id)
}

/// `DELETE /v1/posts/{id}`: a document is deleted.
pub async fn delete(State(movies): State<Movies>, Path(id): Path<String>) -> Response {
    answer(movies.index.delete_document(&id).await, id.into())
}

fn answer(accepted: Result<TaskInfo, Error>, id: Value) -> Response {
    match accepted {
        Ok(task) => {
            let task = AppendHeaders([(TASK, task.task_uid.to_string())]);
            (StatusCode::ACCEPTED, task, Json(json!({ "id": id }))).into_response()
        }
        // Meilisearch understood, and refused.
        Err(Error::Meilisearch(error)) if error.error_type == ErrorType::InvalidRequest => {
            (StatusCode::BAD_REQUEST, Json(json!({ "error": error.error_message }))).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a write failed");
            (StatusCode::BAD_GATEWAY, Json(json!({ "error": "writing is not available" }))).into_response()
        }
    }
}
