//! The record of one request in the journal. Whatever happens to the request, its entries are not left without an outcome.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::{sync::oneshot, time::timeout};

use super::{
    super::{Ack, shared::Shared},
    authority::Written,
    carried::Carried,
};
use crate::{
    journal::{Intent, JournalError, JournalErrorKind, Mark, Outcome, Seq},
    telemetry,
    write::WriteOutcome,
};

/// The entries of one request.
pub(super) struct Ledger {
    shared: Arc<Shared>,
    intents: Arc<[Intent]>,
    seqs: Vec<Seq>,
    /// Told when the other side stands.
    waiters: Vec<oneshot::Receiver<()>>,
    resolved: bool,
}

/// An append under way. Given up, it is brought to its end by the worker: nobody else knows what it appended.
pub(super) struct Appending {
    shared: Arc<Shared>,
    intents: Arc<[Intent]>,
    append: Option<BoxFuture<'static, Result<Vec<Seq>, JournalError>>>,
}

impl Ledger {
    pub(super) fn append(shared: Arc<Shared>, intents: Vec<Intent>, outcome: Outcome) -> Appending {
        let intents: Arc<[Intent]> = intents.into();
        let (journal, appended) = (shared.journal.clone(), intents.clone());
        let append = async move { journal.append(&appended, outcome).await };
        Appending { shared, intents, append: Some(Box::pin(append)) }
    }

    pub(super) fn intents(&self) -> Arc<[Intent]> {
        self.intents.clone()
    }

    /// Told when the other side stands; none unless somebody waits for that.
    pub(super) fn waiters(self) -> Vec<oneshot::Receiver<()>> {
        let mut this = self;
        std::mem::take(&mut this.waiters)
    }

    /// Records what the authority said to all of it. What is `held` is let go once it is recorded, or after the deadline.
    ///
    /// Meilisearch has only accepted a task, and that has to be followed: the answer waits for it to be recorded, unless the journal has
    /// it noted.
    pub(super) async fn resolve(&mut self, outcome: WriteOutcome, held: impl Send + 'static) {
        let outcome = match outcome {
            WriteOutcome::Accepted(task) => Outcome::Accepted(task),
            WriteOutcome::Refused => Outcome::Refused,
            WriteOutcome::Unknown => Outcome::Unknown,
        };
        let marks = self.seqs.iter().map(|seq| Mark { seq: *seq, outcome, document: None });
        let marks: Vec<Mark> = marks.collect();
        // Who waits for the other side waits for the worker, which begins when it is recorded.
        let noted = self.waiters.is_empty() && self.shared.journal.note(&marks);
        self.mark(marks, held, noted).await;
    }

    /// Records what PostgreSQL made of each, after the answer: what a killed process has not recorded is found out after the
    /// next start, since what PostgreSQL has acknowledged stands there for good.
    pub(super) async fn resolve_each(&mut self, written: &Written, held: impl Send + 'static) {
        let ends = self.seqs.iter().zip(&written.ends);
        let marks = ends.map(|(seq, end)| Mark { seq: *seq, outcome: end.outcome, document: end.document.clone() });
        self.mark(marks.collect(), held, true).await;
    }

    /// Afterwards where that is asked for and the worker can do it. A journal that hangs must not hold back an answer that is
    /// there: what it does not get is Unknown after a restart.
    async fn mark(&mut self, marks: Vec<Mark>, held: impl Send + 'static, afterwards: bool) {
        let marking = self.marking(marks);
        let deadline = self.shared.policy.deadline;
        let recorded = async move {
            let _ = timeout(deadline, marking).await;
            drop(held);
        };
        let left =
            if afterwards { self.shared.hand_over(recorded) } else { Some(Box::pin(recorded) as BoxFuture<'_, ()>) };
        if let Some(recorded) = left {
            recorded.await;
        }
    }

    /// Goes on though the caller goes away: from now on it is known how the write ended.
    fn marking(&mut self, marks: Vec<Mark>) -> Carried {
        self.resolved = true;
        let unknown = marks.iter().filter(|mark| mark.outcome == Outcome::Unknown).count();
        if unknown > 0
            && let Some(intent) = self.intents.first()
        {
            telemetry::dual_write_unknown(intent.authority, unknown as u64);
        }
        let marking = mark(self.shared.clone(), self.intents.clone(), self.seqs.clone(), marks);
        Carried::new(self.shared.clone(), marking)
    }
}

/// Marks entries, however long the journal is away, and appends anew those that were given up meanwhile though the
/// authority did take them.
async fn mark(shared: Arc<Shared>, intents: Arc<[Intent]>, seqs: Vec<Seq>, marks: Vec<Mark>) {
    let given_up = resolve(&shared, &marks).await;
    for mark in marks.iter().filter(|mark| given_up.contains(&mark.seq)) {
        let known = matches!(mark.outcome, Outcome::Accepted(_));
        let place = seqs.iter().position(|seq| *seq == mark.seq);
        if let Some(intent) = place.and_then(|place| intents.get(place)).filter(|_| known)
            && let Err(error) = shared.journal.append(std::slice::from_ref(intent), mark.outcome).await
        {
            telemetry::journal_failed(error.kind().as_str());
            shared.suspects.add(&intent.index, [intent.id.clone()]);
        }
    }
    shared.ring();
}

/// Marks entries. Gives those that were given up meanwhile.
async fn resolve(shared: &Shared, marks: &[Mark]) -> Vec<Seq> {
    let mut failures = 0_u32;
    loop {
        match shared.journal.resolve(marks).await {
            Ok(given_up) => return given_up,
            // Another opening of the journal has taken over, and found out itself.
            Err(error) if error.kind() == JournalErrorKind::Fenced => return Vec::new(),
            Err(error) => {
                telemetry::journal_failed(error.kind().as_str());
                if failures == 0 {
                    tracing::error!(%error, "the outcome of a write cannot be recorded; trying again until it can");
                }
                let pause = shared.policy.first_pause * 2u32.saturating_pow(failures.min(16));
                failures += 1;
                tokio::time::sleep(pause.min(shared.policy.max_pause)).await;
            }
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.resolved {
            return;
        }
        // The request was dropped while the authority was asked.
        let outcome = Outcome::Unknown;
        if let Some(intent) = self.intents.first() {
            telemetry::dual_write_unknown(intent.authority, self.seqs.len() as u64);
        }
        let marks = self.seqs.iter().map(|seq| Mark { seq: *seq, outcome, document: None }).collect();
        self.shared.leave(Box::pin(mark(self.shared.clone(), self.intents.clone(), self.seqs.clone(), marks)));
    }
}

impl Future for Appending {
    type Output = Result<Ledger, JournalError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(append) = &mut self.append else { return Poll::Pending };
        let appended = std::task::ready!(append.as_mut().poll(cx));
        self.append = None;
        let (shared, intents) = (self.shared.clone(), self.intents.clone());
        Poll::Ready(appended.map(|seqs| {
            // Before anything is resolved: the worker may be quick.
            let waits = matches!(shared.policy.ack, Ack::Both(_));
            let waiters = if waits { shared.wait_for(&seqs) } else { Vec::new() };
            Ledger { shared, intents, seqs, waiters, resolved: false }
        }))
    }
}

impl Drop for Appending {
    fn drop(&mut self) {
        let Some(append) = self.append.take() else { return };
        let shared = self.shared.clone();
        self.shared.leave(Box::pin(async move {
            let Ok(seqs) = append.await else { return };
            // Nobody was asked.
            let outcome = Outcome::Refused;
            let marks: Vec<Mark> = seqs.into_iter().map(|seq| Mark { seq, outcome, document: None }).collect();
            resolve(&shared, &marks).await;
        }));
    }
}
