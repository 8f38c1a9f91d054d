//! The journal in a file on local disk: the embedded default.
//!
//! SQLite with a write-ahead log. One connection writes and reads; all calls that have come together while it was busy go into
//! its next transaction (group commit), so that the price of an fsync is shared. A transaction with an append is fsynced
//! before it is answered; one that only resolves or settles is not, and is on disk with the next that is. Nothing that is waited for
//! holds up a transaction for others to come.
//!
//! One process at a time may have the file open; a second gets [`InUse`](super::JournalErrorKind::InUse). The lock ends with
//! the process, however that ends. Nothing runs in the background but the thread of the connection.
//!
//! Attempts, waits and claims are known to the process only: after a restart, all that is left is due.
//!
//! # Limits
//!
//! - The file system has to honour fsync and locks: not a network share.
//! - The file does not shrink; room that has become free is used again.
//! - A log (`-wal`) that is deleted while no process runs takes the last writes with it, and nothing can tell; with the notes
//!   (`-notes`) goes what Meilisearch said last, and is found out. Move or delete the files together.

mod book;
mod change;
mod claim;
mod error;
mod hub;
mod look;
mod notes;
mod op;
mod open;
mod queue;
mod row;
mod sql;
mod together;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use hub::Hub;
use jiff::Timestamp;
use notes::Notes;
use op::{Change, Held, Look, Op, OpenLane, RawLetter, RawMark};
use row::NewRow;
use sqlx::Connection as _;

use super::{
    Carried, Claim, DeadLetter, DeadLetters, Duty, Entry, Intent, Journal, JournalError, JournalOptions, Mark, Outcome,
    Redrive, Seq, Settled, Status,
};
use crate::{
    document::{DocumentId, Version},
    error::Side,
    opaque::opaque_debug,
};

/// A journal in a file.
pub struct SqliteJournal {
    limbo: Duration,
    hub: Hub,
    notes: Notes,
}

/// What only this journal lets one set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How many bytes the file may grow to, its log of some 8 MB beside; then writes are refused with
    /// [`Full`](super::JournalErrorKind::Full). `None`: as the disk has room.
    pub max_bytes: Option<u64>,
}

opaque_debug!(SqliteJournal);

impl SqliteJournal {
    /// Opens the file, or makes it, readable for its owner only. Its folder has to be there.
    ///
    /// Fails with [`InUse`](super::JournalErrorKind::InUse) if another process has it open, with
    /// [`Damaged`](super::JournalErrorKind::Damaged) if it is not a journal or no longer one, with
    /// [`Unavailable`](super::JournalErrorKind::Unavailable) if it cannot be opened or written.
    pub async fn open(path: impl AsRef<Path>, options: JournalOptions) -> Result<Self, JournalError> {
        Self::open_with(path, options, SqliteOptions::default()).await
    }

    /// The same with more to set.
    pub async fn open_with(
        path: impl AsRef<Path>,
        options: JournalOptions,
        extent: SqliteOptions,
    ) -> Result<Self, JournalError> {
        let (writer, notes) = open::open(path.as_ref(), options, extent).await?;
        Ok(Self { limbo: options.limbo, hub: Hub::new(writer), notes })
    }

    /// Ends what is under way, writes the log back and gives the lock away. Calls after it fail. Not needed for safety:
    /// dropping it, and being killed, lose nothing either.
    pub async fn close(&self) -> Result<(), JournalError> {
        match self.hub.close().await {
            Some(writer) => writer.conn.close().await.map_err(|error| error::failed("closing", error)),
            None => Ok(()),
        }
    }

    async fn read_claim(&self, duty: Duty, limit: usize) -> Result<Claim, JournalError> {
        let ask = |reply| Op::Look(Look::Claim { duty, limit, reply });
        let given = self.hub.ask(ask, "claiming entries").await?;
        let entries: Result<Vec<Entry>, _> = given.entries().collect();
        let claim = Claim { entries: entries?, next: given.next() };
        given.keep();
        Ok(claim)
    }
}

/// Whether an entry was found of the document that was asked for in this place; lanes of different ones may be the same.
fn is_of(index: &str, at: usize, id: &DocumentId, (place, name, found): &OpenLane) -> bool {
    usize::try_from(*place) == Ok(at) && name == index.as_bytes() && found == id.as_str().as_bytes()
}

impl Journal for SqliteJournal {
    fn limbo(&self) -> Duration {
        self.limbo
    }

    fn append<'a>(&'a self, intents: &'a [Intent], outcome: Outcome) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        Box::pin(async move {
            if intents.is_empty() {
                return Ok(Vec::new());
            }
            let rows = intents.iter().map(NewRow::of).collect::<Result<Vec<_>, _>>()?;
            let ask = |reply| Op::Change(Change::Append { rows, outcome, answer: Held::new(reply) });
            self.hub.ask(ask, "appending").await
        })
    }

    fn resolve<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        Box::pin(async move {
            if marks.is_empty() {
                return Ok(Vec::new());
            }
            let raw = |mark: &Mark| {
                let deed = mark.document.as_ref().map(row::put_deed).transpose()?;
                Ok(RawMark { seq: mark.seq.0, outcome: mark.outcome, deed })
            };
            let raw = marks.iter().map(raw).collect::<Result<Vec<_>, _>>()?;
            let (ask, doing) =
                (|reply| Op::Change(Change::Resolve { marks: raw, answer: Held::new(reply) }), "resolving entries");
            let given_up = match self.notes.have(marks) {
                true => self.hub.ask_later(ask, doing).await?,
                false => self.hub.ask(ask, doing).await?,
            };
            self.notes.kept(marks);
            Ok(given_up)
        })
    }

    fn note(&self, marks: &[Mark]) -> bool {
        self.notes.note(marks)
    }

    fn claim<'a>(&'a self, duty: Duty, limit: usize) -> BoxFuture<'a, Result<Claim, JournalError>> {
        Box::pin(self.read_claim(duty, limit))
    }

    fn settle<'a>(&'a self, duty: Duty, ends: &'a [Settled]) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move {
            if ends.is_empty() {
                return Ok(());
            }
            let ends = ends.to_vec();
            let ask = |reply| Op::Change(Change::Settle { duty, ends, answer: Held::new(reply) });
            self.hub.ask(ask, "settling entries").await
        })
    }

    fn open_after<'a>(
        &'a self,
        duty: Duty,
        index: &'a str,
        ids: &'a [(DocumentId, Seq)],
    ) -> BoxFuture<'a, Result<Vec<bool>, JournalError>> {
        Box::pin(async move {
            let pairs = ids.iter().map(|(id, seq)| serde_json::json!([row::lane(index, id.as_str()), seq.0]));
            let pairs = serde_json::Value::from_iter(pairs).to_string();
            let ask = |reply| Op::Look(Look::OpenAfter { duty, pairs, reply });
            let found = self.hub.ask(ask, "looking for later entries").await?;
            let later =
                |(at, (id, _)): (usize, &(DocumentId, Seq))| found.iter().any(|found| is_of(index, at, id, found));
            Ok(ids.iter().enumerate().map(later).collect())
        })
    }

    fn carried<'a>(
        &'a self,
        side: Side,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Carried>, JournalError>> {
        Box::pin(async move {
            let pairs = ids.iter().map(|id| serde_json::json!([row::lane(index, id.as_str())]));
            let pairs = serde_json::Value::from_iter(pairs).to_string();
            let ask = |reply| Op::Look(Look::Carried { side, pairs, reply });
            let found = self.hub.ask(ask, "looking for entries of the other side").await?;
            let furthest = |(at, id)| found.iter().find(|(found, _)| is_of(index, at, id, found)).map(|(_, far)| *far);
            Ok(ids.iter().enumerate().map(|document| Carried::of(furthest(document))).collect())
        })
    }

    fn index_carried<'a>(&'a self, side: Side, index: &'a str) -> BoxFuture<'a, Result<Carried, JournalError>> {
        Box::pin(async move {
            let ask = |reply| Op::Look(Look::IndexCarried { side, index: index.as_bytes().to_vec(), reply });
            self.hub.ask(ask, "looking for entries of the other side").await.map(Carried::of)
        })
    }

    fn highest_version(&self) -> BoxFuture<'_, Result<Version, JournalError>> {
        Box::pin(self.hub.ask(|reply| Op::Look(Look::Highest { reply }), "reading the highest version"))
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, JournalError>> {
        Box::pin(self.hub.ask(|reply| Op::Look(Look::Status { reply }), "reading its status"))
    }

    fn indexes(&self) -> BoxFuture<'_, Result<Option<Vec<Arc<str>>>, JournalError>> {
        Box::pin(async move {
            let names = self.hub.ask(|reply| Op::Look(Look::Indexes { reply }), "looking for indexes").await?;
            // One that cannot be read may be any.
            Ok(names.into_iter().map(|name| String::from_utf8(name).ok().map(Arc::from)).collect())
        })
    }

    fn dead_letters<'a>(
        &'a self,
        after: Option<Seq>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, JournalError>> {
        Box::pin(async move {
            let after = after.map_or(0, |seq| seq.0);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let ask = |reply| Op::Look(Look::Letters { after, limit, reply });
            let letters = self.hub.ask(ask, "listing dead letters").await?;
            letters.into_iter().map(letter).collect()
        })
    }

    fn dispose<'a>(&'a self, which: &'a DeadLetters, how: Redrive) -> BoxFuture<'a, Result<u64, JournalError>> {
        Box::pin(async move {
            let which = which.clone();
            let ask = |reply| Op::Change(Change::Dispose { which, how, answer: Held::new(reply) });
            self.hub.ask(ask, "disposing of dead letters").await
        })
    }
}

fn letter(raw: RawLetter) -> Result<DeadLetter, JournalError> {
    Ok(DeadLetter {
        seq: Seq(raw.seq),
        duty: raw.duty,
        intent: raw.intent.intent(raw.seq)?,
        why: String::from_utf8_lossy(&raw.why).into_owned(),
        at: Timestamp::from_microsecond(raw.at).unwrap_or(Timestamp::UNIX_EPOCH),
    })
}
