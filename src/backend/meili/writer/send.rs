//! Handing documents over.

use std::io;

use meilisearch_sdk::request::Method;
use serde::{Deserialize, Serialize};

use super::MeiliWriter;
use crate::{
    backend::meili::{error::error, index::path},
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind},
    write::{Action, TaskId},
};

/// What every write is answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    task_uid: TaskId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_key: Option<&'a str>,
}

/// A batch of one kind.
enum Batch<'a> {
    Put(Vec<&'a Document>),
    Merge(Vec<&'a Document>),
    Delete(Vec<&'a str>),
}

/// Counts what is written, and keeps nothing.
struct Counter(usize);

impl MeiliWriter {
    pub(super) async fn send_batch(&self, index: &str, batch: &[(DocumentId, Action)]) -> Result<TaskId, BackendError> {
        // No index can ever have such a name: the documents can stand nowhere.
        let path = path(index).map_err(|why| error(BackendErrorKind::Rejected, "sending documents").caused_by(why))?;
        let query = Options { primary_key: self.keys.get(index).map(AsRef::as_ref) };
        let Accepted { task_uid } = match Batch::of(batch)? {
            Batch::Put(documents) => {
                self.check_size(&documents)?;
                let (path, method) = (format!("{path}/documents"), Method::Post { query, body: documents });
                self.client.write(&path, method, self.timeout, "sending documents").await?
            }
            Batch::Merge(documents) => {
                self.check_size(&documents)?;
                let (path, method) = (format!("{path}/documents"), Method::Put { query, body: documents });
                self.client.write(&path, method, self.timeout, "sending partial updates").await?
            }
            Batch::Delete(ids) => {
                let path = format!("{path}/documents/delete-batch");
                let method = Method::Post { query: (), body: ids };
                self.client.write(&path, method, self.timeout, "sending deletions").await?
            }
        };
        Ok(task_uid)
    }

    fn check_size(&self, documents: &[&Document]) -> Result<(), BackendError> {
        let doing = "sending documents";
        let mut size = Counter(0);
        serde_json::to_writer(&mut size, documents)
            .map_err(|failure| error(BackendErrorKind::Internal, doing).caused_by(failure))?;
        if size.0 > self.largest_body {
            let why = format!("{doing}: {} bytes in one request, {} are the most", size.0, self.largest_body);
            return Err(error(BackendErrorKind::Rejected, why));
        }
        Ok(())
    }
}

impl<'a> Batch<'a> {
    fn of(batch: &'a [(DocumentId, Action)]) -> Result<Self, BackendError> {
        let wrong = |why| error(BackendErrorKind::Internal, format!("sending documents: {why}"));
        let all =
            |of: fn(&'a (DocumentId, Action)) -> Option<&'a Document>| -> Result<Vec<&'a Document>, BackendError> {
                batch.iter().map(of).collect::<Option<_>>().ok_or_else(|| wrong("a batch of several kinds"))
            };
        match batch.first() {
            None => Err(wrong("an empty batch")),
            Some((_, Action::Put(_))) => Ok(Self::Put(all(|(_, action)| match action {
                Action::Put(document) => Some(document),
                _ => None,
            })?)),
            Some((_, Action::Merge(_))) => Ok(Self::Merge(all(|(_, action)| match action {
                Action::Merge(fields) => Some(fields),
                _ => None,
            })?)),
            Some((_, Action::Delete)) => {
                if batch.iter().any(|(_, action)| *action != Action::Delete) {
                    return Err(wrong("a batch of several kinds"));
                }
                Ok(Self::Delete(batch.iter().map(|(id, _)| id.as_str()).collect()))
            }
        }
    }
}

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
