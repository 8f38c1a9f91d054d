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
    backend::write::{Applied, Blame, TaskState, WrittenBy},
    document::DocumentId,
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
        let mut ended = Vec::new();
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
                        // One after the other: tasks that wait together are one batch of Meilisearch's, and fail as one.
                        Called::Done(task) => {
                            let refusal = self.follow(batch, &piece, task).await?;
                            ended.push((piece, refusal));
                        }
                        Called::Refused(refusal) => ended.push((piece, Some(refusal))),
                    }
                }
            }
        }
        Ok(ended)
    }

    /// Asks for the task of a piece until it has ended, however long Meilisearch takes.
    async fn follow(&mut self, batch: &Batch, piece: &Range<usize>, task: TaskId) -> Result<Option<Refusal>, Trouble> {
        let (mut pause, mut failures) = (TASK_POLL.0, 0);
        loop {
            if !self.is_wanted() {
                return Err(Trouble::Unwanted);
            }
            sleep(pause).await;
            pause = (pause * 2).min(TASK_POLL.1);
            let source = self.intake.source.clone();
            let deadline = self.hold().await?;
            // Nothing is written by asking, so a question that is given up leaves no doubt.
            let asked = timeout_at(deadline, AssertUnwindSafe(source.tasks(&[task])).catch_unwind()).await;
            let asked = asked.unwrap_or_else(|_| Ok(Err(self.failure(BackendErrorKind::Timeout))));
            let state = match asked.unwrap_or_else(|_| Err(self.failure(BackendErrorKind::Panic))) {
                Ok(states) => match <[TaskState; 1]>::try_from(states) {
                    Ok([state]) => state,
                    Err(_) => return Err(Trouble::Side(self.failure(BackendErrorKind::Internal))),
                },
                Err(error) => {
                    // The task goes on without us: to send again now would be to send twice.
                    telemetry::dual_write_failed(self.side, error.kind().as_str());
                    self.intake.tables.note(self.side, Some(error.to_string()));
                    failures += 1;
                    pause = backoff::pause(failures, self.longest_pause()).max(TASK_POLL.0);
                    continue;
                }
            };
            if failures > 0 {
                failures = 0;
                self.intake.tables.note(self.side, None);
            }
            return match state {
                TaskState::Unfinished => continue,
                TaskState::Succeeded => Ok(None),
                TaskState::Failed { blame: Blame::Documents, why } => {
                    telemetry::dual_write_failed(self.side, "task_failed");
                    Ok(Some(Refusal::Document(Reason::TaskFailed, why)))
                }
                TaskState::Failed { blame: Blame::Batch(named), why } => {
                    self.shared_failure(batch, piece, named, why).map(Some)
                }
                TaskState::Failed { blame: Blame::Server, why } => Err(Trouble::Task("task_failed", why)),
                TaskState::Canceled => Err(Trouble::Task("task_canceled", format!("task {} was canceled", task.0))),
                TaskState::Vanished => {
                    let why = format!("Meilisearch does not know task {} any longer", task.0);
                    Err(Trouble::Task("task_vanished", why))
                }
            };
        }
    }

    /// What to make of a piece that failed because of one of its documents, or of one that somebody else wrote.
    fn shared_failure(
        &self,
        batch: &Batch,
        piece: &Range<usize>,
        named: Option<DocumentId>,
        why: String,
    ) -> Result<Refusal, Trouble> {
        telemetry::dual_write_failed(self.side, "task_failed");
        let is_in_it = named.map(|named| batch.rows[piece.clone()].iter().any(|row| row.id == named));
        match is_in_it {
            Some(true) => Ok(Refusal::Document(Reason::TaskFailed, why)),
            // Which one it is shows in its parts, or as soon as nobody else writes.
            None if piece.len() > 1 => Ok(Refusal::Document(Reason::TaskFailed, why)),
            None if self.failures >= self.intake.tables.options.pace.attempts => {
                Ok(Refusal::Suspect(self.failure(BackendErrorKind::Internal).caused_by(why)))
            }
            Some(false) | None => Err(Trouble::Task("task_failed", why)),
        }
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
