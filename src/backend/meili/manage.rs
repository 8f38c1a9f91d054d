//! Making, filling and deleting an index: for whoever has one of their own for a while.

use std::time::Duration;

use meilisearch_sdk::request::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{MeiliIndex, error::error, index::path};
use crate::{
    backend::write::{Blame, SourceWriter, TaskState},
    document::Document,
    error::{BackendError, BackendErrorKind},
    search::SearchQuery,
    write::TaskId,
};

/// How long is waited between two looks at a task, at least and at most.
const BETWEEN_LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// What every write is answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    task_uid: TaskId,
}

#[derive(Deserialize)]
struct Scored {
    hits: Vec<Score>,
}

#[derive(Deserialize)]
struct Score {
    #[serde(rename = "_rankingScore")]
    score: f64,
}

/// Those with a `patience` wait until their task has ended: not having succeeded is an error, and so is taking longer.
impl MeiliIndex {
    /// Has the index made with this primary key, by the task that is given.
    pub(crate) async fn begin_creation(&self, primary_key: &str) -> Result<TaskId, BackendError> {
        path(self.uid())?;
        let body = json!({ "uid": self.uid(), "primaryKey": primary_key });
        self.accepted("/indexes", Method::Post { query: (), body }, "creating the index").await
    }

    /// Waits until the index has been made.
    pub(crate) async fn created(&self, task: TaskId, patience: Duration) -> Result<(), BackendError> {
        self.ended(task, patience, "creating the index").await
    }

    /// Changes the settings that are named.
    pub(crate) async fn change_settings(&self, settings: &Document, patience: Duration) -> Result<(), BackendError> {
        let path = format!("{}/settings", path(self.uid())?);
        self.task(&path, Method::Patch { query: (), body: settings }, patience, "changing the settings").await
    }

    /// Adds documents in this order.
    pub(crate) async fn add_documents(&self, documents: &[Document], patience: Duration) -> Result<(), BackendError> {
        let path = format!("{}/documents", path(self.uid())?);
        self.task(&path, Method::Post { query: (), body: documents }, patience, "adding documents").await
    }

    /// Deletes the index with all its documents.
    pub(crate) async fn delete(&self, patience: Duration) -> Result<(), BackendError> {
        let path = path(self.uid())?;
        self.task(&path, Method::<_, ()>::Delete { query: () }, patience, "deleting the index").await
    }

    /// Meilisearch's scores of the hits of a query without filter and sort, best first.
    pub(crate) async fn ranking_scores(&self, query: &SearchQuery) -> Result<Vec<f64>, BackendError> {
        let path = format!("{}/search", path(self.uid())?);
        let body = json!({
            "q": query.text, "offset": query.page.offset(), "limit": query.page.limit(),
            "matchingStrategy": query.matching, "attributesToRetrieve": [], "showRankingScore": true,
        });
        let scored: Scored = self.client().post(&path, body, self.timeout(), "searching for scores").await?;
        Ok(scored.hits.into_iter().map(|hit| hit.score).collect())
    }

    async fn task<B: Serialize + Send + Sync>(
        &self,
        path: &str,
        method: Method<(), B>,
        patience: Duration,
        doing: &'static str,
    ) -> Result<(), BackendError> {
        let task = self.accepted(path, method, doing).await?;
        self.ended(task, patience, doing).await
    }

    async fn accepted<B: Serialize + Send + Sync>(
        &self,
        path: &str,
        method: Method<(), B>,
        doing: &'static str,
    ) -> Result<TaskId, BackendError> {
        let accepted: Accepted = self.client().write(path, method, self.timeout(), doing).await?;
        Ok(accepted.task_uid)
    }

    async fn ended(&self, task: TaskId, patience: Duration, doing: &'static str) -> Result<(), BackendError> {
        let tasks = self.options().clone().writer();
        let (began, mut pause) = (Instant::now(), BETWEEN_LOOKS.0);
        loop {
            let failed = |why: String| Err(error(BackendErrorKind::Internal, doing).caused_by(why));
            match tasks.tasks(&[task]).await?.pop() {
                Some(TaskState::Succeeded) => return Ok(()),
                Some(TaskState::Failed { blame: Blame::Documents, why }) => {
                    return Err(error(BackendErrorKind::Rejected, doing).caused_by(why));
                }
                Some(TaskState::Failed { blame: Blame::Batch(_) | Blame::Server, why }) => return failed(why),
                Some(TaskState::Canceled) => return failed("somebody canceled the task".to_owned()),
                Some(TaskState::Vanished) | None => return failed("the server has forgotten the task".to_owned()),
                Some(TaskState::Unfinished) if began.elapsed() >= patience => {
                    return Err(error(BackendErrorKind::Timeout, doing));
                }
                Some(TaskState::Unfinished) => sleep(pause).await,
            }
            pause = (pause * 2).min(BETWEEN_LOOKS.1);
        }
    }
}
