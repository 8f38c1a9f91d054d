//! Writes that Meilisearch decided: whether they have come to stand.

use std::sync::Arc;

use super::DualWriteWorker;
use crate::{
    backend::write::{Blame, TaskState},
    document::{Document, DocumentId},
    error::Side,
    journal::{Deed, Duties, Duty, End, Entry, Outcome},
    telemetry,
    write::Action,
};

impl DualWriteWorker {
    /// Looks for writes whose task is not known (any longer).
    pub(super) async fn verify(&self, index: &Arc<str>, entries: Vec<Entry>) {
        let ids: Vec<DocumentId> = entries.iter().map(|entry| entry.intent.id.clone()).collect();
        let found = match self.call(Side::Meili, "reading documents back", self.source.read(index, &ids)).await {
            Ok(found) => found,
            Err(error) => {
                self.meili.failed(&error);
                let again = |entry: Entry| {
                    let end = self.again(&self.meili, &entry, &error, false);
                    (entry, end)
                };
                return self.settle(Duty::Meili, entries.into_iter().map(again).collect()).await;
            }
        };
        self.meili.succeeded();
        let ends = entries.into_iter().zip(found).map(|(entry, found)| {
            let holds = |fields: &Document| {
                found.as_ref().is_some_and(|found| fields.iter().all(|(name, value)| found.get(name) == Some(value)))
            };
            let stands = match &entry.intent.deed {
                // With more in it if a partial update has come since.
                Deed::Change(Action::Put(document)) => holds(document),
                Deed::Change(Action::Delete) => found.is_none(),
                // Fields may have been replaced since: that they are missing says little.
                Deed::Change(Action::Merge(fields)) => holds(fields) || !told(&entry),
                // Not to be seen: it is made again, which harms nothing that came after it.
                Deed::Sweep(_) => !told(&entry),
                Deed::Resync => true,
            };
            // What came later may be what stands: that will show when PostgreSQL is looked at.
            let end = if stands { stood(&entry) } else { lost(&entry) };
            (entry, end)
        });
        self.settle(Duty::Meili, ends.collect()).await;
    }
}

/// Whether the service said by which task it is carried out.
fn told(entry: &Entry) -> bool {
    matches!(entry.outcome, Outcome::Accepted(Some(_)))
}

/// The end of a write whose task has ended, and is known.
pub(super) fn ended(entry: Entry, state: &TaskState) -> (Entry, End) {
    let end = match state {
        TaskState::Succeeded => stood(&entry),
        TaskState::Failed { blame: Blame::Documents, why } => {
            telemetry::dual_write_failed(Side::Meili, "task_failed");
            // Meilisearch told its client that it was accepted, and then refused it: PostgreSQL goes along.
            End::Dead { why: why.clone(), then: Duties::RECONCILE }
        }
        // That it is made again by itself shows which write of a batch is to blame.
        TaskState::Failed { blame: Blame::Batch(_) | Blame::Server, .. } => {
            telemetry::dual_write_failed(Side::Meili, "task_failed");
            lost(&entry)
        }
        TaskState::Canceled => {
            telemetry::dual_write_failed(Side::Meili, "task_canceled");
            lost(&entry)
        }
        TaskState::Vanished | TaskState::Unfinished => lost(&entry),
    };
    (entry, end)
}

fn stood(entry: &Entry) -> End {
    match &entry.intent.deed {
        Deed::Change(Action::Put(_) | Action::Delete) => End::Done { supersedes: true },
        // What it has made of the document, only Meilisearch knows.
        Deed::Change(Action::Merge(_)) | Deed::Resync => End::Then { duties: Duties::RECONCILE, redo: false },
        Deed::Sweep(_) => End::Then { duties: Duties::PG, redo: false },
    }
}

/// The end of an acknowledged write that Meilisearch has lost: it is made again.
fn lost(entry: &Entry) -> End {
    telemetry::dual_write_retried(Side::Meili, 1);
    match &entry.intent.deed {
        // PostgreSQL has it, and knows whether something newer has come since.
        Deed::Change(_) | Deed::Resync => End::Then { duties: Duties::RECONCILE, redo: true },
        // PostgreSQL knows which documents it was about.
        Deed::Sweep(_) => End::Then { duties: Duties::PG, redo: true },
    }
}
