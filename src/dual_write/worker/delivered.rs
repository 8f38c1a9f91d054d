//! What becomes of documents that were sent from here, once their task has ended.

use super::{DualWriteWorker, batch::Newest};
use crate::{
    backend::write::{Blame, TaskState},
    error::{BackendError, BackendErrorKind, Side},
    journal::{Deed, Duties, Duty, End, Entry},
    telemetry,
    write::Action,
};

/// Whether documents are to blame for a failed task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// One of them is.
    Ours,
    /// Nobody knows.
    Perhaps,
    NotOurs,
}

impl DualWriteWorker {
    /// The task of a part has ended. Gives the parts that are to be sent next: the rest, and what this one is divided into.
    pub(super) async fn delivered(
        &self,
        sent: Vec<Newest>,
        mut rest: Vec<Vec<Newest>>,
        state: &TaskState,
        tasks_were_well: bool,
    ) -> Vec<Vec<Newest>> {
        if sent.is_empty() {
            return rest;
        }
        let failed =
            |why: &str| BackendError::new(Side::Meili, BackendErrorKind::Internal, "writing documents").caused_by(why);
        match state {
            TaskState::Succeeded => {
                telemetry::dual_write_delivered(Side::Meili, sent.len() as u64);
                let ends = sent.into_iter().flat_map(stood).collect();
                self.settle(Duty::Meili, ends).await;
            }
            TaskState::Failed { blame, why } => {
                telemetry::dual_write_failed(Side::Meili, "task_failed");
                match fault(&sent, blame, tasks_were_well) {
                    Fault::Ours | Fault::Perhaps if sent.len() > 1 => rest.extend(divided(sent, blame)),
                    Fault::Ours => self.bury(sent, why).await,
                    Fault::Perhaps => self.again_later(sent, &failed(why), true).await,
                    Fault::NotOurs => self.again_later(sent, &failed(why), false).await,
                }
            }
            TaskState::Canceled => {
                telemetry::dual_write_failed(Side::Meili, "task_canceled");
                self.again_later(sent, &failed("the task was canceled"), false).await;
            }
            TaskState::Vanished | TaskState::Unfinished => {
                self.again_later(sent, &failed("the server no longer knows the task"), false).await;
            }
        }
        rest
    }
}

/// Whether documents that were sent together are to blame for it that their task has failed.
fn fault(sent: &[Newest], blame: &Blame, tasks_were_well: bool) -> Fault {
    match blame {
        Blame::Documents => Fault::Ours,
        Blame::Batch(Some(named)) if sent.iter().any(|newest| newest.entry.intent.id == *named) => Fault::Ours,
        Blame::Batch(Some(_)) => Fault::NotOurs,
        Blame::Batch(None) => Fault::Perhaps,
        // While other tasks succeed, it is the documents; when none does, the server.
        Blame::Server if tasks_were_well => Fault::Perhaps,
        Blame::Server => Fault::NotOurs,
    }
}

/// A part of which one document is to blame, in two: that one and the others if it has been named, which go first; else halves.
fn divided(mut part: Vec<Newest>, blame: &Blame) -> [Vec<Newest>; 2] {
    let named = |newest: &Newest| matches!(blame, Blame::Batch(Some(id)) if *id == newest.entry.intent.id);
    match part.iter().position(named) {
        Some(place) => [vec![part.remove(place)], part],
        None => {
            let other = part.split_off(part.len() / 2);
            [other, part]
        }
    }
}

/// The ends of a document that now stands on Meilisearch. What PostgreSQL decided is compared once more with what stands
/// there: another replica may have sent something newer before.
fn stood(newest: Newest) -> Vec<(Entry, End)> {
    let end = match (newest.entry.intent.authority, &newest.entry.intent.deed) {
        (Side::Pg, _) | (_, Deed::Change(Action::Merge(_))) => End::Then { duties: Duties::RECONCILE, redo: false },
        (Side::Meili, _) => End::Done { supersedes: true },
    };
    newest.end(end)
}
