//! What stands in PostgreSQL is sent to Meilisearch.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::{Found, cases_of, copy::touches};
use crate::{
    backend::write::{Blame, TaskState},
    document::DocumentId,
    dual_write::worker::DualWriteWorker,
    error::{BackendError, BackendErrorKind, Side},
    journal::{Deed, Duties, End, Entry, Intent},
    telemetry,
    write::{Action, TaskId},
};

/// What became of documents that were sent.
enum Ended {
    Stands,
    /// One of them, or one of another task, is refused.
    Refused(Blame, BackendError),
    /// For another reason.
    Failed(BackendError),
}

impl DualWriteWorker {
    /// Sends what stands in PostgreSQL, and sees it stand.
    pub(super) async fn send_over(&self, index: &Arc<str>, found: Vec<Found>, ends: &mut Vec<(Entry, End)>) {
        if found.is_empty() {
            return;
        }
        let ids: Vec<DocumentId> = found.iter().map(|(case, _)| case.id.clone()).collect();
        // Held until Meilisearch has accepted: a request that writes the same document comes before or after, not between.
        let Some((held, busy)) = self.shared.lanes.try_lock(Side::Meili, index, &ids) else {
            return self.soon(cases_of(found), ends);
        };
        let (found, taken): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|(case, _)| !busy.contains(&case.id));
        self.soon(cases_of(taken), ends);
        let found = self.not_overtaken(index, found, ends).await;
        let found = self.take_over(index, found, ends).await;
        if found.is_empty() {
            return;
        }
        let sent = self.send_standing(index, &found).await;
        drop(held);
        let ended = match sent {
            Ok(tasks) => self.see_ended(tasks).await,
            Err(error) => Ended::from(error),
        };
        match ended {
            Ended::Stands => {
                let touches = touches(&found);
                self.conclude(index, Side::Pg, cases_of(found), &touches, ends).await;
            }
            Ended::Refused(blame, error) => match divided(found, &blame) {
                // One part after the other: together they would be refused again.
                Ok(parts) => {
                    for part in parts {
                        Box::pin(self.send_over(index, part, ends)).await;
                    }
                }
                Err(found) => {
                    for one in found {
                        self.not_carried(index, one, &blame, &error, ends).await;
                    }
                }
            },
            Ended::Failed(error) => {
                if error.may_be_done() {
                    self.doubt(found.iter().map(as_sent)).await;
                }
                self.put_off_cases(cases_of(found), &self.meili, &error, ends);
            }
        }
    }

    /// Marks what is about to be sent as decided by PostgreSQL: whoever writes it from now on sees that. Nothing is sent of
    /// what something newer has come over.
    async fn take_over(&self, index: &Arc<str>, found: Vec<Found>, ends: &mut Vec<(Entry, End)>) -> Vec<Found> {
        if found.is_empty() {
            return found;
        }
        match self.replace(index, Side::Pg, &touches(&found)).await {
            Ok(taken) => {
                let mut taken = taken.into_iter();
                let (taken, lost) = found.into_iter().partition(|_| taken.next().unwrap_or(false));
                self.soon(cases_of(lost), ends);
                taken
            }
            Err(error) => {
                self.put_off_cases(cases_of(found), &self.pg, &error, ends);
                Vec::new()
            }
        }
    }

    async fn send_standing(&self, index: &Arc<str>, found: &[Found]) -> Result<Vec<TaskId>, BackendError> {
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for (case, standing) in found {
            let id = case.id.clone();
            match standing.as_ref().and_then(|standing| standing.document.clone()) {
                Some(document) => puts.push((id, Action::Put(document))),
                None => deletes.push((id, Action::Delete)),
            }
        }
        let mut tasks = Vec::new();
        for batch in [puts, deletes].iter().filter(|batch| !batch.is_empty()) {
            let sending = self.source.send(index, batch);
            tasks.push(self.call(Side::Meili, "sending what was reconciled", sending).await?);
        }
        self.meili.succeeded();
        for _ in found {
            telemetry::dual_write_reconciled(Side::Pg);
        }
        Ok(tasks)
    }

    /// Waits for tasks, which are to succeed.
    async fn see_ended(&self, tasks: Vec<TaskId>) -> Ended {
        let failed =
            |kind, why: &str| BackendError::new(Side::Meili, kind, "writing what was reconciled").caused_by(why);
        for task in tasks {
            let state = match self.ended(task).await {
                Ok(state) => state,
                Err(error) => return Ended::from(error),
            };
            match state {
                TaskState::Succeeded => {}
                TaskState::Failed { blame: Blame::Server, why } => {
                    return Ended::Failed(failed(BackendErrorKind::Internal, &why));
                }
                TaskState::Failed { blame, why } => {
                    return Ended::Refused(blame, failed(BackendErrorKind::Rejected, &why));
                }
                TaskState::Canceled | TaskState::Vanished => {
                    let why = "the task was canceled or forgotten";
                    return Ended::Failed(failed(BackendErrorKind::Internal, why));
                }
                TaskState::Unfinished => {
                    let why = "the task has not ended in time";
                    return Ended::Failed(failed(BackendErrorKind::Timeout, why));
                }
            }
        }
        Ended::Stands
    }

    /// The state of a task that has ended, or that has not for as long as a call may take.
    async fn ended(&self, task: TaskId) -> Result<TaskState, BackendError> {
        let deadline = Instant::now() + self.shared.policy.call_timeout;
        let mut pause = self.shared.policy.poll;
        loop {
            let states = self.call(Side::Meili, "following a task", self.source.tasks(&[task])).await?;
            let state = states.into_iter().next().unwrap_or(TaskState::Vanished);
            if state != TaskState::Unfinished || Instant::now() >= deadline {
                return Ok(state);
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.shared.policy.poll * 20);
        }
    }

    /// A document that was refused, and by itself if it may be to blame.
    async fn not_carried(
        &self,
        index: &Arc<str>,
        (case, standing): Found,
        blame: &Blame,
        error: &BackendError,
        ends: &mut Vec<(Entry, End)>,
    ) {
        telemetry::dual_write_failed(Side::Meili, error.kind().as_str());
        let (is_to_blame, counts) = match blame {
            Blame::Batch(Some(named)) => (*named == case.id, false),
            Blame::Batch(None) => (case.newest().attempts + 1 >= self.shared.policy.attempts, true),
            Blame::Documents | Blame::Server => (true, false),
        };
        if !is_to_blame {
            telemetry::dual_write_retried(Side::Meili, 1);
            let end = self.again(&self.meili, case.newest(), error, counts);
            return case.end(end, ends);
        }
        // Meilisearch told its clients that it was accepted, and then refused it.
        let was_accepted = case.entries.iter().all(|entry| entry.intent.authority == Side::Meili)
            && case.entries.iter().any(|entry| entry.redo);
        if was_accepted {
            return self.take_back(index, case, standing, error, ends).await;
        }
        case.end(End::Dead { why: error.to_string(), then: Duties::NONE }, ends);
    }
}

impl From<BackendError> for Ended {
    fn from(error: BackendError) -> Self {
        match error.kind() {
            BackendErrorKind::Rejected => Self::Refused(Blame::Documents, error),
            _ => Self::Failed(error),
        }
    }
}

/// What was refused as a whole, in two parts: the document that has been named and the others, which go first; else halves. As
/// it was if none of them is to blame, or if it is only one.
fn divided(mut found: Vec<Found>, blame: &Blame) -> Result<[Vec<Found>; 2], Vec<Found>> {
    let place = match blame {
        Blame::Batch(Some(named)) => found.iter().position(|(case, _)| case.id == *named),
        _ => Some(found.len() / 2),
    };
    match (place, blame) {
        _ if found.len() < 2 => Err(found),
        (None, _) => Err(found),
        (Some(place), Blame::Batch(Some(_))) => {
            let one = vec![found.remove(place)];
            Ok([found, one])
        }
        (Some(place), _) => {
            let other = found.split_off(place);
            Ok([found, other])
        }
    }
}

/// What was sent of a document.
fn as_sent((case, standing): &Found) -> Intent {
    let document = standing.as_ref().and_then(|standing| standing.document.clone());
    Intent {
        version: standing.as_ref().map_or(case.newest().intent.version, |standing| standing.version),
        deed: Deed::Change(document.map_or(Action::Delete, Action::Put)),
        authority: Side::Pg,
        ..case.newest().intent.clone()
    }
}
