//! What stands in PostgreSQL is sent to Meilisearch.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::{Found, cases_of, copy::touches};
use crate::{
    backend::write::TaskState,
    document::DocumentId,
    dual_write::worker::DualWriteWorker,
    error::{BackendError, BackendErrorKind, Side},
    journal::{Deed, Duties, End, Entry, Intent},
    telemetry,
    write::{Action, TaskId},
};

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
        let carried = match sent {
            Ok(tasks) => self.see_ended(tasks).await,
            Err(error) => Err(error),
        };
        match carried {
            Ok(()) => {
                let touches = touches(&found);
                self.conclude(index, Side::Pg, cases_of(found), &touches, ends).await;
            }
            Err(error) if error.kind() == BackendErrorKind::Rejected && found.len() > 1 => {
                // Refused as a whole: one by one, to find out who is to blame.
                for one in found {
                    Box::pin(self.send_over(index, vec![one], ends)).await;
                }
            }
            Err(error) => {
                if error.may_be_done() {
                    self.doubt(found.iter().map(as_sent)).await;
                }
                self.not_carried(found, &error, ends);
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
    async fn see_ended(&self, tasks: Vec<TaskId>) -> Result<(), BackendError> {
        let failed =
            |kind, why: String| Err(BackendError::new(Side::Meili, kind, "writing what was reconciled").caused_by(why));
        for task in tasks {
            match self.ended(task).await? {
                TaskState::Succeeded => {}
                TaskState::Failed { permanent: true, why } => return failed(BackendErrorKind::Rejected, why),
                TaskState::Failed { permanent: false, why } => return failed(BackendErrorKind::Internal, why),
                TaskState::Canceled | TaskState::Vanished => {
                    return failed(BackendErrorKind::Internal, "the task was canceled or forgotten".to_owned());
                }
                TaskState::Unfinished => {
                    return failed(BackendErrorKind::Timeout, "the task has not ended in time".to_owned());
                }
            }
        }
        Ok(())
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

    fn not_carried(&self, found: Vec<Found>, error: &BackendError, ends: &mut Vec<(Entry, End)>) {
        let cases = cases_of(found);
        if error.kind() != BackendErrorKind::Rejected {
            return self.put_off_cases(cases, &self.meili, error, ends);
        }
        telemetry::dual_write_failed(Side::Meili, error.kind().as_str());
        for case in cases {
            case.end(End::Dead { why: error.to_string(), then: Duties::NONE }, ends);
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
