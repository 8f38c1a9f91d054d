//! Tasks: what is to be done, and how far it is.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use crate::{
    document::{Document, DocumentId},
    filter::Filter,
};

/// What a task does.
#[derive(Debug)]
pub(super) enum Work {
    CreateIndex { primary_key: Option<String> },
    DeleteIndex,
    Settings(Map<String, Value>),
    Add { documents: Vec<Document>, primary_key: Option<String>, method: Method },
    Delete(Deletion),
}

/// What becomes of a document that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// It goes.
    Replace,
    /// Its fields are changed one by one.
    Update,
}

/// Which documents are deleted.
#[derive(Debug)]
pub(super) enum Deletion {
    Ids(Vec<DocumentId>),
    Filter { filter: Filter, original: Value },
    All,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Enqueued,
    Processing,
    Succeeded,
    Failed,
    Canceled,
}

/// One task.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) uid: usize,
    pub(super) index: String,
    pub(super) status: Status,
    /// With which others it is carried out; `None` until it is.
    pub(super) batch: Option<usize>,
    kind: &'static str,
    details: Value,
    counter: Option<&'static str>,
    error: Option<Value>,
    canceled_by: Option<usize>,
    enqueued_at: Timestamp,
    started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
}

impl Work {
    fn kind(&self) -> &'static str {
        match self {
            Self::CreateIndex { .. } => "indexCreation",
            Self::DeleteIndex => "indexDeletion",
            Self::Settings(_) => "settingsUpdate",
            Self::Add { .. } => "documentAdditionOrUpdate",
            Self::Delete(_) => "documentDeletion",
        }
    }

    fn details(&self) -> Value {
        match self {
            Self::CreateIndex { primary_key } => json!({ "primaryKey": primary_key }),
            Self::DeleteIndex | Self::Delete(Deletion::All) => json!({ "deletedDocuments": null }),
            Self::Settings(patch) => Value::Object(patch.clone()),
            Self::Add { documents, .. } => json!({ "receivedDocuments": documents.len(), "indexedDocuments": null }),
            Self::Delete(Deletion::Ids(ids)) => {
                json!({ "providedIds": ids.len(), "deletedDocuments": null, "originalFilter": null })
            }
            Self::Delete(Deletion::Filter { original, .. }) => {
                json!({ "providedIds": 0, "deletedDocuments": null, "originalFilter": original.to_string() })
            }
        }
    }

    /// The detail that is known only at the end.
    fn counter(&self) -> Option<&'static str> {
        match self {
            Self::CreateIndex { .. } | Self::Settings(_) => None,
            Self::DeleteIndex | Self::Delete(_) => Some("deletedDocuments"),
            Self::Add { .. } => Some("indexedDocuments"),
        }
    }
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl Task {
    pub(super) fn new(uid: usize, index: String, work: &Work) -> Self {
        Self {
            uid,
            index,
            status: Status::Enqueued,
            batch: None,
            kind: work.kind(),
            details: work.details(),
            counter: work.counter(),
            error: None,
            canceled_by: None,
            enqueued_at: Timestamp::now(),
            started_at: None,
            finished_at: None,
        }
    }

    pub(super) fn start(&mut self, batch: usize) {
        self.batch = Some(batch);
        self.status = Status::Processing;
        self.started_at = Some(Timestamp::now());
    }

    /// It is done, or failed; `Ok` counts the documents concerned.
    pub(super) fn finish(&mut self, outcome: &Result<usize, ApiError>) {
        self.status = if outcome.is_ok() { Status::Succeeded } else { Status::Failed };
        self.error = outcome.as_ref().err().map(ApiError::body);
        self.close(outcome.as_ref().copied().unwrap_or_default());
    }

    /// It was canceled while it ran.
    pub(super) fn cancel(&mut self) {
        self.status = Status::Canceled;
        self.canceled_by = Some(self.uid);
        self.close(0);
    }

    fn close(&mut self, count: usize) {
        self.finished_at = Some(Timestamp::now());
        if let Some(counter) = self.counter {
            self.details[counter] = json!(count);
        }
    }

    /// What the request that enqueued it is answered.
    pub(super) fn summary(&self) -> Value {
        json!({
            "taskUid": self.uid,
            "indexUid": self.index,
            "status": self.status.as_str(),
            "type": self.kind,
            "enqueuedAt": self.enqueued_at.to_string(),
        })
    }

    /// What `GET /tasks` shows.
    pub(super) fn show(&self) -> Value {
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let duration = self.started_at.zip(self.finished_at).map(|(start, end)| {
            let nanoseconds = (end.as_nanosecond() - start.as_nanosecond()).max(0);
            format!("PT{}.{:09}S", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
        });
        json!({
            "uid": self.uid,
            "batchUid": self.batch,
            "indexUid": self.index,
            "status": self.status.as_str(),
            "type": self.kind,
            "canceledBy": self.canceled_by,
            "details": self.details,
            "error": self.error,
            "duration": duration,
            "enqueuedAt": self.enqueued_at.to_string(),
            "startedAt": text(self.started_at),
            "finishedAt": text(self.finished_at),
        })
    }
}
