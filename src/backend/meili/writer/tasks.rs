//! How tasks stand.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::MeiliWriter;
use crate::{backend::write::TaskState, error::BackendError, write::TaskId};

/// Tasks asked for in one request: their uids stand in its address, and proxies take no more than 8 KiB of that.
const AT_ONCE: usize = 200;
/// Letters of a task's message that are kept: some quote the document.
const LONGEST_MESSAGE: usize = 500;
/// The codes of tasks that fail because of the documents, and would again. All others, unknown ones included, say
/// something about the server, or about an index that somebody may still make or mend.
const PERMANENT: &[&str] = &[
    "document_fields_limit_reached",
    "index_primary_key_already_exists",
    "index_primary_key_multiple_candidates_found",
    "index_primary_key_no_candidate_found",
    "invalid_document_fields",
    "invalid_document_geo_field",
    "invalid_document_geojson_field",
    "invalid_document_id",
    "invalid_index_primary_key",
    "invalid_vector_dimensions",
    "invalid_vectors_type",
    "malformed_payload",
    "max_fields_limit_exceeded",
    "missing_document_id",
    "payload_too_large",
    "primary_key_inference_failed",
];

#[derive(Serialize)]
struct Question {
    uids: String,
    limit: usize,
}

#[derive(Deserialize)]
struct Tasks {
    results: Vec<Task>,
}

/// A task as far as it matters. Not the SDK's, which cannot read every one.
#[derive(Deserialize)]
struct Task {
    uid: TaskId,
    status: Status,
    error: Option<TaskError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    Succeeded,
    Failed,
    Canceled,
    /// Enqueued, processing, or what later versions add.
    #[serde(other)]
    Unfinished,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TaskError {
    code: String,
    message: String,
}

impl MeiliWriter {
    pub(super) async fn states(&self, tasks: &[TaskId]) -> Result<Vec<TaskState>, BackendError> {
        let mut found: HashMap<TaskId, TaskState> = HashMap::with_capacity(tasks.len());
        for some in tasks.chunks(AT_ONCE) {
            let uids = some.iter().map(|task| task.0.to_string()).collect::<Vec<_>>().join(",");
            let question = Question { uids, limit: some.len() };
            let answer: Tasks = self.client.get("/tasks", question, self.timeout, "following tasks").await?;
            found.extend(answer.results.into_iter().map(|task| (task.uid, task.state())));
        }
        Ok(tasks.iter().map(|task| found.get(task).cloned().unwrap_or(TaskState::Vanished)).collect())
    }
}

impl Task {
    fn state(self) -> TaskState {
        match self.status {
            Status::Unfinished => TaskState::Unfinished,
            Status::Succeeded => TaskState::Succeeded,
            Status::Canceled => TaskState::Canceled,
            Status::Failed => {
                let TaskError { code, message } = self.error.unwrap_or_default();
                let permanent = PERMANENT.contains(&code.as_str());
                let message: String = message.chars().take(LONGEST_MESSAGE).collect();
                TaskState::Failed { permanent, why: format!("{code}: {message}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_status_has_its_state_and_unknown_ones_are_unfinished() {
        let state = |task| serde_json::from_value::<Task>(task).unwrap().state();
        for (status, expected) in [
            ("enqueued", TaskState::Unfinished),
            ("processing", TaskState::Unfinished),
            ("postponed", TaskState::Unfinished),
            ("succeeded", TaskState::Succeeded),
            ("canceled", TaskState::Canceled),
        ] {
            assert_eq!(state(json!({"uid": 1, "status": status, "error": null, "more": {}})), expected);
        }
        for (code, permanent) in [
            ("invalid_document_id", true),
            ("missing_document_id", true),
            ("invalid_document_geo_field", true),
            ("index_primary_key_no_candidate_found", true),
            ("internal", false),
            ("no_space_left_on_device", false),
            ("index_not_found", false),
            ("io_error", false),
            ("not_yet_invented", false),
        ] {
            let failed = json!({"uid": 1, "status": "failed", "error": {"code": code, "message": "m", "type": "t"}});
            assert_eq!(state(failed), TaskState::Failed { permanent, why: format!("{code}: m") });
        }
        let untold = state(json!({"uid": 1, "status": "failed", "error": null}));
        assert_eq!(untold, TaskState::Failed { permanent: false, why: ": ".to_owned() });
    }
}
