//! The journal of a process, over the disk that outlives it.

use std::{sync::Arc, time::Duration};

use crossfade::{
    document::{DocumentId, Version},
    error::Side,
    journal::{
        Carried, Claim, DeadLetter, DeadLetters, Duty, Intent, Journal, JournalError, JournalErrorKind, Mark, Outcome,
        Redrive, Seq, Settled, Status, memory::MemoryJournal,
    },
};
use futures_util::{FutureExt, future::BoxFuture};

use super::{brief, history::History, world::Line};

pub(super) struct Disk {
    pub(super) journal: MemoryJournal,
    pub(super) line: Line,
    pub(super) history: Arc<History>,
}

impl Disk {
    /// The journal in memory is done at once: what takes time, and what fails, is the line's business.
    fn ask<'a, T: Send + 'a>(
        &'a self,
        doing: &'static str,
        asked: impl FnOnce(&'a MemoryJournal) -> BoxFuture<'a, Result<T, JournalError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, JournalError>> {
        Box::pin(async move {
            let done = self.line.local(doing, || asked(&self.journal).now_or_never());
            let broken = || JournalError::new(JournalErrorKind::Unavailable, doing);
            done.await.map_err(|_| broken())?.unwrap_or_else(|| Err(broken()))
        })
    }
}

impl Journal for Disk {
    fn limbo(&self) -> Duration {
        self.journal.limbo()
    }

    fn append<'a>(&'a self, intents: &'a [Intent], outcome: Outcome) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        self.ask("append", move |journal| {
            intents.iter().for_each(|intent| self.history.note_version(&intent.id, intent.version));
            let appended = journal.append(intents, outcome);
            self.line
                .tell(|| format!("appends {outcome:?} {:?}", intents.iter().map(brief::intent).collect::<Vec<_>>()));
            appended
        })
    }

    fn resolve<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        self.ask("resolve", move |journal| {
            self.line.tell(|| format!("resolves {:?}", marks.iter().map(brief::mark).collect::<Vec<_>>()));
            journal.resolve(marks)
        })
    }

    fn note(&self, marks: &[Mark]) -> bool {
        let noted = self.line.at_once(|| self.journal.note(marks));
        self.line.tell(|| format!("notes {:?}: {noted}", marks.iter().map(brief::mark).collect::<Vec<_>>()));
        noted
    }

    fn claim<'a>(&'a self, duty: Duty, limit: usize) -> BoxFuture<'a, Result<Claim, JournalError>> {
        self.ask("claim", move |journal| {
            let claim = journal.claim(duty, limit);
            self.line.tell(|| format!("claims up to {limit} for {duty:?}"));
            claim
        })
    }

    fn settle<'a>(&'a self, duty: Duty, ends: &'a [Settled]) -> BoxFuture<'a, Result<(), JournalError>> {
        self.ask("settle", move |journal| {
            self.line.tell(|| format!("settles {duty:?} {:?}", ends.iter().map(brief::settled).collect::<Vec<_>>()));
            journal.settle(duty, ends)
        })
    }

    fn open_after<'a>(
        &'a self,
        duty: Duty,
        index: &'a str,
        ids: &'a [(DocumentId, Seq)],
    ) -> BoxFuture<'a, Result<Vec<bool>, JournalError>> {
        self.ask("open_after", move |journal| journal.open_after(duty, index, ids))
    }

    fn carried<'a>(
        &'a self,
        side: Side,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Carried>, JournalError>> {
        self.ask("carried", move |journal| journal.carried(side, index, ids))
    }

    fn index_carried<'a>(&'a self, side: Side, index: &'a str) -> BoxFuture<'a, Result<Carried, JournalError>> {
        self.ask("index_carried", move |journal| journal.index_carried(side, index))
    }

    fn highest_version(&self) -> BoxFuture<'_, Result<Version, JournalError>> {
        self.ask("highest_version", |journal| journal.highest_version())
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, JournalError>> {
        self.ask("status", |journal| journal.status())
    }

    fn dead_letters<'a>(
        &'a self,
        after: Option<Seq>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, JournalError>> {
        self.ask("dead_letters", move |journal| journal.dead_letters(after, limit))
    }

    fn dispose<'a>(&'a self, which: &'a DeadLetters, how: Redrive) -> BoxFuture<'a, Result<u64, JournalError>> {
        self.ask("dispose", move |journal| journal.dispose(which, how))
    }
}
