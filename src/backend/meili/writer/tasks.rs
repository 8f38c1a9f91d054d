//! How tasks stand.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::MeiliWriter;
use crate::{
    backend::write::{Blame, TaskState},
    document::DocumentId,
    error::BackendError,
    write::TaskId,
};

/// Tasks asked for in one request: their uids stand in its address, and proxies take no more than 8 KiB of that.
const AT_ONCE: usize = 200;
/// Letters of a task's message that are kept: some quote the document.
const LONGEST_MESSAGE: usize = 500;
/// The codes of tasks that fail by themselves, because of their own documents, and would again: the other tasks of the batch
/// are carried out.
const OF_THE_TASK: &[&str] = &[
    "index_primary_key_already_exists",
    "index_primary_key_multiple_candidates_found",
    "index_primary_key_no_candidate_found",
    "invalid_document_id",
    "missing_document_id",
];
/// The codes of tasks that fail because of a document, mostly one that cannot be indexed: with their whole batch. All others, unknown
/// ones included, say something about the server, or about an index that somebody may still make or mend.
const OF_THE_BATCH: &[&str] = &[
    "document_fields_limit_reached",
    "invalid_document_fields",
    "invalid_document_geo_field",
    "invalid_document_geojson_field",
    "invalid_index_primary_key",
    "invalid_vector_dimensions",
    "invalid_vectors_type",
    "malformed_payload",
    "max_fields_limit_exceeded",
    "payload_too_large",
    "primary_key_inference_failed",
];
/// What comes before the document's id in the messages that name it.
const NAMES: &[&str] = &["document with the id: `", "document with id `", "document with id: `"];

#[derive(Serialize)]
struct Question {
    uids: String,
    limit: usize,
}

/// Asks how many tasks of a batch have failed, and for as little of them as possible.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchQuestion {
    batch_uids: BatchId,
    statuses: &'static str,
    limit: usize,
}

#[derive(Deserialize)]
struct Tasks {
    results: Vec<Task>,
}

#[derive(Deserialize)]
struct BatchTasks {
    total: u64,
}

/// A number Meilisearch gives each batch.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
struct BatchId(u64);

/// A task as far as it matters. Not the SDK's, which cannot read every one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    uid: TaskId,
    /// Servers before 1.12 have none, and say of no batch what was in it.
    #[serde(default)]
    batch_uid: Option<BatchId>,
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
        let mut found: Vec<Task> = Vec::with_capacity(tasks.len());
        for some in tasks.chunks(AT_ONCE) {
            let uids = some.iter().map(|task| task.0.to_string()).collect::<Vec<_>>().join(",");
            let question = Question { uids, limit: some.len() };
            let answer: Tasks = self.client.get("/tasks", question, self.timeout, "following tasks").await?;
            found.extend(answer.results);
        }
        let shared = self.shared(&found).await?;
        let state = |task: Task| {
            let is_shared = task.batch_uid.is_some_and(|batch| shared.contains(&batch));
            (task.uid, task.state(is_shared))
        };
        let states: HashMap<TaskId, TaskState> = found.into_iter().map(state).collect();
        Ok(tasks.iter().map(|task| states.get(task).cloned().unwrap_or(TaskState::Vanished)).collect())
    }

    /// The batches of which several tasks have failed, among those that may have failed as a whole: of those all have. Each
    /// is asked about once.
    async fn shared(&self, tasks: &[Task]) -> Result<HashSet<BatchId>, BackendError> {
        let failed: HashSet<BatchId> =
            tasks.iter().filter(|task| task.may_have_failed_with_others()).filter_map(|task| task.batch_uid).collect();
        let mut shared = HashSet::new();
        for batch in failed {
            let question = BatchQuestion { batch_uids: batch, statuses: "failed", limit: 1 };
            let answer: BatchTasks = self.client.get("/tasks", question, self.timeout, "following a batch").await?;
            if answer.total > 1 {
                shared.insert(batch);
            }
        }
        Ok(shared)
    }
}

impl Task {
    fn may_have_failed_with_others(&self) -> bool {
        matches!(self.status, Status::Failed)
            && self.error.as_ref().is_some_and(|error| OF_THE_BATCH.contains(&error.code.as_str()))
    }

    /// How it stands, given whether others of its batch failed too.
    fn state(self, is_shared: bool) -> TaskState {
        match self.status {
            Status::Unfinished => TaskState::Unfinished,
            Status::Succeeded => TaskState::Succeeded,
            Status::Canceled => TaskState::Canceled,
            Status::Failed => {
                let error = self.error.unwrap_or_default();
                let blame = error.blame(is_shared);
                let message: String = error.message.chars().take(LONGEST_MESSAGE).collect();
                TaskState::Failed { blame, why: format!("{}: {message}", error.code) }
            }
        }
    }
}

impl TaskError {
    fn blame(&self, is_shared: bool) -> Blame {
        let is_one_of = |codes: &[&str]| codes.contains(&self.code.as_str());
        match () {
            () if is_one_of(OF_THE_TASK) => Blame::Documents,
            () if is_one_of(OF_THE_BATCH) && is_shared => Blame::Batch(self.named()),
            () if is_one_of(OF_THE_BATCH) => Blame::Documents,
            () => Blame::Server,
        }
    }

    /// The document that the message names, which comes before everything that is quoted from it.
    fn named(&self) -> Option<DocumentId> {
        let after = |words: &&str| self.message.split_once(*words).map(|(before, after)| (before.len(), after));
        let (_, id) = NAMES.iter().filter_map(after).min_by_key(|(place, _)| *place)?;
        let (id, _) = id.split_once('`')?;
        let id = id.trim_matches('"');
        (!id.is_empty()).then(|| id.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_status_has_its_state_and_unknown_ones_are_unfinished() {
        let state = |task| serde_json::from_value::<Task>(task).unwrap().state(false);
        for (status, expected) in [
            ("enqueued", TaskState::Unfinished),
            ("processing", TaskState::Unfinished),
            ("postponed", TaskState::Unfinished),
            ("succeeded", TaskState::Succeeded),
            ("canceled", TaskState::Canceled),
        ] {
            assert_eq!(state(json!({"uid": 1, "status": status, "error": null, "more": {}})), expected);
        }
        for (code, blame) in [
            ("invalid_document_id", Blame::Documents),
            ("missing_document_id", Blame::Documents),
            ("invalid_document_geo_field", Blame::Documents),
            ("index_primary_key_no_candidate_found", Blame::Documents),
            ("internal", Blame::Server),
            ("no_space_left_on_device", Blame::Server),
            ("index_not_found", Blame::Server),
            ("io_error", Blame::Server),
            ("not_yet_invented", Blame::Server),
        ] {
            let failed = json!({"uid": 1, "status": "failed", "error": {"code": code, "message": "m", "type": "t"}});
            assert_eq!(state(failed), TaskState::Failed { blame, why: format!("{code}: m") });
        }
        let untold = state(json!({"uid": 1, "status": "failed", "error": null}));
        assert_eq!(untold, TaskState::Failed { blame: Blame::Server, why: ": ".to_owned() });
    }

    #[test]
    fn who_failed_with_others_is_to_blame_only_if_it_fails_by_itself() {
        let blame =
            |code: &str, message: &str| TaskError { code: code.to_owned(), message: message.to_owned() }.blame(true);
        assert_eq!(blame("missing_document_id", "Document doesn't have a `id` attribute: `{}`."), Blame::Documents);
        assert_eq!(blame("internal", "the document with id `7` is fine"), Blame::Server);
        let geo = "Index `x`: Could not parse latitude in the document with the id: `\"a-7\"`. Was expecting a finite \
            number but instead got `\"document with id `b`\"`.";
        assert_eq!(blame("invalid_document_geo_field", geo), Blame::Batch(Some("a-7".into())));
        let vectors = "Invalid vector dimensions in document with id `7` in `._vectors.e`.";
        assert_eq!(blame("invalid_vector_dimensions", vectors), Blame::Batch(Some("7".into())));
        assert_eq!(blame("max_fields_limit_exceeded", "A document cannot contain more"), Blame::Batch(None));
    }
}
