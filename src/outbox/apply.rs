//! A batch, onto a side: until it stands, except for the documents the side will never take.

use std::{ops::Range, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::time::{sleep, timeout_at};

use super::{
    backoff,
    batch::{Batch, Piece, halves},
    consumer::{Consumer, Trouble},
    row::{Letter, Reason},
};
use crate::{
    backend::write::{Applied, TaskState, WrittenBy},
    error::{BackendError, BackendErrorKind, Side},
    telemetry,
    write::TaskId,
};

/// How a piece ended that is not to be tried again as it is.
enum Refusal {
    /// A document is to blame, the side says.
    Document(Reason, String),
    /// Something is, and it has been so for some time.
    Suspect(BackendError),
}

/// How one call ended.
enum Called<T> {
    Done(T),
    Refused(Refusal),
}

/// How often tasks are asked for: at first, and at most.
const TASK_POLL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

impl Consumer {
    /// Brings a batch to stand. Returns the letters of the documents that cannot.
    pub(super) async fn apply(&mut self, batch: &Batch) -> Result<Vec<Letter>, Trouble> {
        let (mut dead, mut suspects, mut stood) = (Vec::new(), Vec::new(), 0);
        let mut pieces = batch.pieces();
        while !pieces.is_empty() {
            let mut next = Vec::new();
            for (piece, refusal) in self.pass(batch, pieces).await? {
                match refusal {
                    None => stood += piece.len(),
                    Some(_) if piece.len() > 1 => next.extend(halves(piece)),
                    Some(Refusal::Document(reason, why)) => dead.push(batch.rows[piece.start].letter(reason, why)),
                    Some(Refusal::Suspect(error)) => suspects.push((piece.start, error)),
                }
            }
            pieces = next;
        }
        if stood == 0
            && let Some((_, error)) = suspects.pop()
        {
            // Nothing works: then it is the side.
            return Err(Trouble::Side(error));
        }
        dead.extend(suspects.into_iter().map(|(at, error)| batch.rows[at].letter(Reason::Failed, error.to_string())));
        telemetry::dual_write_delivered(self.side, stood as u64);
        self.report.documents += stood as u64;
        Ok(dead)
    }

    /// One try at each piece.
    async fn pass(
        &mut self,
        batch: &Batch,
        pieces: Vec<Range<usize>>,
    ) -> Result<Vec<(Range<usize>, Option<Refusal>)>, Trouble> {
        let (mut ended, mut tasks) = (Vec::new(), Vec::new());
        for piece in pieces {
            match batch.piece(&piece) {
                Piece::Pg(writes) => {
                    let (target, index) = (self.intake.target.clone(), self.intake.tables.options.index.clone());
                    let by = WrittenBy { writer: self.writer, authority: self.intake.plan.load().authority() };
                    let refusal = match self.call(target.write(&index, by, writes)).await? {
                        Called::Refused(refusal) => Some(refusal),
                        Called::Done(applied) => {
                            let stale = applied.iter().filter(|one| matches!(one, Applied::Stale { .. })).count();
                            telemetry::dual_write_stale(stale as u64);
                            self.report.stale += stale as u64;
                            None
                        }
                    };
                    ended.push((piece, refusal));
                }
                Piece::Meili(changes) => {
                    let (source, index) = (self.intake.source.clone(), self.intake.tables.options.index.clone());
                    match self.call(source.send(&index, changes)).await? {
                        Called::Done(task) => tasks.push((piece, task)),
                        Called::Refused(refusal) => ended.push((piece, Some(refusal))),
                    }
                }
            }
        }
        self.follow(tasks, &mut ended).await?;
        Ok(ended)
    }

    /// Asks for tasks until each has ended, however long Meilisearch takes.
    async fn follow(
        &mut self,
        mut tasks: Vec<(Range<usize>, TaskId)>,
        ended: &mut Vec<(Range<usize>, Option<Refusal>)>,
    ) -> Result<(), Trouble> {
        let (mut pause, mut failures) = (TASK_POLL.0, 0);
        while !tasks.is_empty() {
            if !self.is_wanted() {
                return Err(Trouble::Unwanted);
            }
            sleep(pause).await;
            pause = (pause * 2).min(TASK_POLL.1);
            let source = self.intake.source.clone();
            let ids: Vec<TaskId> = tasks.iter().map(|(_, task)| *task).collect();
            let deadline = self.hold().await?;
            // Nothing is written by asking, so a question that is given up leaves no doubt.
            let asked = timeout_at(deadline, AssertUnwindSafe(source.tasks(&ids)).catch_unwind()).await;
            let asked = asked.unwrap_or_else(|_| Ok(Err(self.failure(BackendErrorKind::Timeout))));
            let states = match asked.unwrap_or_else(|_| Err(self.failure(BackendErrorKind::Panic))) {
                Ok(states) if states.len() == ids.len() => states,
                Ok(_) => return Err(Trouble::Side(self.failure(BackendErrorKind::Internal))),
                Err(error) => {
                    // The task goes on without us: to send again now would be to send twice.
                    telemetry::dual_write_failed(self.side, error.kind().as_str());
                    self.intake.tables.note(self.side, Some(error.to_string()));
                    failures += 1;
                    pause = backoff::pause(failures, self.longest_pause()).max(TASK_POLL.0);
                    continue;
                }
            };
            let mut left = Vec::new();
            for ((piece, task), state) in tasks.into_iter().zip(states) {
                match state {
                    TaskState::Unfinished => left.push((piece, task)),
                    TaskState::Succeeded => ended.push((piece, None)),
                    TaskState::Failed { permanent: true, why } => {
                        telemetry::dual_write_failed(self.side, "task_failed");
                        ended.push((piece, Some(Refusal::Document(Reason::TaskFailed, why))));
                    }
                    TaskState::Failed { permanent: false, why } => return Err(Trouble::Task("task_failed", why)),
                    TaskState::Canceled => {
                        return Err(Trouble::Task("task_canceled", format!("task {} was canceled", task.0)));
                    }
                    TaskState::Vanished => {
                        let why = format!("Meilisearch does not know task {} any longer", task.0);
                        return Err(Trouble::Task("task_vanished", why));
                    }
                }
            }
            tasks = left;
            if failures > 0 {
                failures = 0;
                self.intake.tables.note(self.side, None);
            }
        }
        Ok(())
    }

    /// A call that writes, within what is left of the lease.
    async fn call<T>(&mut self, call: impl Future<Output = Result<T, BackendError>>) -> Result<Called<T>, Trouble> {
        let deadline = self.hold().await?;
        self.in_doubt = true;
        let called = timeout_at(deadline, AssertUnwindSafe(call).catch_unwind()).await;
        let error = match called {
            Ok(Ok(Ok(done))) => {
                self.in_doubt = false;
                return Ok(Called::Done(done));
            }
            Ok(Ok(Err(error))) => {
                // A timeout of the side's own leaves it open whether the call goes on there.
                self.in_doubt = matches!(error.kind(), BackendErrorKind::Timeout | BackendErrorKind::Unavailable);
                error
            }
            Ok(Err(_panic)) => self.failure(BackendErrorKind::Panic),
            Err(_elapsed) => self.failure(BackendErrorKind::Timeout),
        };
        if error.kind() == BackendErrorKind::Timeout {
            // Perhaps it was too much at once.
            self.limit = (self.limit / 2).max(1);
        }
        match error.kind() {
            BackendErrorKind::Rejected | BackendErrorKind::InvalidQuery => {
                telemetry::dual_write_failed(self.side, error.kind().as_str());
                Ok(Called::Refused(Refusal::Document(Reason::Rejected, error.to_string())))
            }
            kind if is_suspect(kind) && self.failures >= self.intake.tables.options.pace.attempts => {
                telemetry::dual_write_failed(self.side, error.kind().as_str());
                Ok(Called::Refused(Refusal::Suspect(error)))
            }
            _ => Err(Trouble::Side(error)),
        }
    }

    fn failure(&self, kind: BackendErrorKind) -> BackendError {
        let doing = match self.side {
            Side::Meili => "writing what the outbox says to Meilisearch",
            Side::Pg => "writing what the outbox says to PostgreSQL",
        };
        BackendError::new(self.side, kind, doing)
    }
}

/// Whether it may lie in what was written, though the side does not say so.
pub(super) fn is_suspect(kind: BackendErrorKind) -> bool {
    matches!(kind, BackendErrorKind::Internal | BackendErrorKind::Panic | BackendErrorKind::Unsupported)
}
