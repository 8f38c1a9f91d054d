//! What callers ask of the writer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    super::{DeadLetters, Duty, Entry, JournalError, Outcome, Redrive, Seq, Settled, Status},
    claim::RawClaim,
    row::{NewRow, RawEntry, RawIntent},
};
use crate::{document::Version, error::Side};

pub(super) type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

pub(super) enum Op {
    Change(Change),
    Look(Look),
    /// Whoever claimed these has gone.
    GiveBack(Duty, Vec<i64>),
}

/// What goes into the file, in one transaction with others.
pub(super) enum Change {
    Append { rows: Vec<NewRow>, outcome: Outcome, answer: Held<Vec<Seq>> },
    Resolve { marks: Vec<RawMark>, answer: Held<Vec<Seq>> },
    Settle { duty: Duty, ends: Vec<Settled>, answer: Held<()> },
    Dispose { which: DeadLetters, how: Redrive, answer: Held<u64> },
}

/// What only looks, or changes nothing but what this process knows.
pub(super) enum Look {
    Claim { duty: Duty, limit: usize, reply: Reply<Given> },
    OpenAfter { duty: Duty, pairs: String, reply: Reply<Vec<OpenLane>> },
    Carried { side: Side, pairs: String, reply: Reply<Vec<(OpenLane, i64)>> },
    IndexCarried { side: Side, index: Vec<u8>, reply: Reply<Option<i64>> },
    Highest { reply: Reply<Version> },
    Status { reply: Reply<Status> },
    Indexes { reply: Reply<Vec<Vec<u8>>> },
    Letters { after: i64, limit: i64, reply: Reply<Vec<RawLetter>> },
}

/// Number of the pair asked for, index and id of an open entry in its lane.
pub(super) type OpenLane = (i64, Vec<u8>, Vec<u8>);

/// An answer that is held back until it is committed.
pub(super) struct Held<T> {
    reply: Reply<T>,
    pub(super) answer: Option<T>,
}

pub(super) struct RawMark {
    pub(super) seq: i64,
    pub(super) outcome: Outcome,
    /// What the deed has become, with its checksum.
    pub(super) deed: Option<(String, i64)>,
}

pub(super) struct RawLetter {
    pub(super) seq: i64,
    pub(super) duty: Duty,
    pub(super) why: Vec<u8>,
    /// Microseconds since the epoch.
    pub(super) at: i64,
    pub(super) intent: RawIntent,
}

/// Entries on their way to whoever claimed them. Dropped before they are taken out, they are given back.
pub(super) struct Given {
    duty: Duty,
    claim: RawClaim,
    back: Arc<Mutex<Vec<Op>>>,
}

impl<T> Held<T> {
    pub(super) fn new(reply: Reply<T>) -> Self {
        Self { reply, answer: None }
    }

    fn send(self, done: Result<(), JournalError>) {
        if let Some(answer) = done.map(|()| self.answer).transpose() {
            // Whoever asked may have gone.
            let _ = self.reply.send(answer);
        }
    }
}

impl Change {
    /// Nobody waits for it any more, and it may as well not have been asked. What resolves or settles is carried out.
    pub(super) fn is_moot(&self) -> bool {
        matches!(self, Self::Append { answer, .. } if answer.reply.is_closed())
    }

    /// Whether the disk has to have it before it is answered.
    pub(super) fn is_synced(&self) -> bool {
        matches!(self, Self::Append { .. } | Self::Dispose { .. })
    }

    pub(super) fn doing(&self) -> &'static str {
        match self {
            Self::Append { .. } => "appending",
            Self::Resolve { .. } => "resolving entries",
            Self::Settle { .. } => "settling entries",
            Self::Dispose { .. } => "disposing of dead letters",
        }
    }

    pub(super) fn send(self, done: Result<(), JournalError>) {
        match self {
            Self::Append { answer, .. } | Self::Resolve { answer, .. } => answer.send(done),
            Self::Settle { answer, .. } => answer.send(done),
            Self::Dispose { answer, .. } => answer.send(done),
        }
    }
}

impl Look {
    pub(super) fn is_moot(&self) -> bool {
        match self {
            Self::Claim { reply, .. } => reply.is_closed(),
            Self::OpenAfter { reply, .. } => reply.is_closed(),
            Self::Carried { reply, .. } => reply.is_closed(),
            Self::IndexCarried { reply, .. } => reply.is_closed(),
            Self::Highest { reply } => reply.is_closed(),
            Self::Status { reply } => reply.is_closed(),
            Self::Indexes { reply } => reply.is_closed(),
            Self::Letters { reply, .. } => reply.is_closed(),
        }
    }
}

impl Given {
    pub(super) fn new(duty: Duty, claim: RawClaim, back: Arc<Mutex<Vec<Op>>>) -> Self {
        Self { duty, claim, back }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.claim.next
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Entry, JournalError>> {
        self.claim.entries.iter().map(RawEntry::entry)
    }

    /// From here on they are the caller's.
    pub(super) fn keep(mut self) {
        self.claim.entries.clear();
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if !self.claim.entries.is_empty() {
            let seqs = self.claim.entries.iter().map(|entry| entry.seq).collect();
            let mut queue = self.back.lock().unwrap_or_else(PoisonError::into_inner);
            queue.push(Op::GiveBack(self.duty, seqs));
        }
    }
}
