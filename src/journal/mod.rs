//! The journal: the durable record of writes that are not yet known to stand on both sides.
//!
//! An [`Intent`] is appended before either side is asked. What then has to be done for it are its [`Duties`]; the worker
//! [claims](Journal::claim) entries by duty and [settles](Journal::settle) them. An entry without duties is gone, a duty
//! that cannot be done is a [`DeadLetter`].
//!
//! | journal | where | for |
//! | --- | --- | --- |
//! | `sqlite` | a file on local disk | the embedded default |
//! | `postgres` | a database | replicas without disks of their own |
//! | `memory` | nowhere | tests |

mod duty;
mod error;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod types;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

pub use duty::{Carried, Duties, Duty};
pub use error::{JournalError, JournalErrorKind};
pub use types::{
    Claim, DeadLetter, DeadLetters, Deed, End, Entry, Intent, Mark, Outcome, Redrive, Seq, Settled, Status,
};

use crate::{
    document::{DocumentId, Version},
    error::Side,
};

/// Where intents are kept. One process, or several over one database; every method may be called concurrently.
///
/// Calls may do each other's work, so that whoever waits for one polls it until it ends, or drops it: one that is kept
/// without being polled may hold up all others.
///
/// # What an implementation promises
///
/// - What [`append`](Self::append) returned `Ok` for survives a crash of the process and of the machine. It is all or
///   nothing. A caller that is dropped meanwhile may have appended or not.
/// - What [`resolve`](Self::resolve) and [`settle`](Self::settle) returned `Ok` for survives a crash of the process. A
///   crash of the machine may undo the last of it, in order: work is then done again, which harms nobody.
/// - Entries whose process has gone while their outcome was [`Asked`](Outcome::Asked), and of which nothing was
///   [noted](Self::note), become [`Unknown`](Outcome::Unknown), with the wait that was configured. Those that were left to be reconciled wait as long:
///   what that process was sending may still arrive.
/// - Nothing is held in memory that grows with the number of entries waiting.
pub trait Journal: Send + Sync + 'static {
    /// How long what was given up may still be under way, see [`JournalOptions::limbo`].
    fn limbo(&self) -> Duration;

    /// Keeps intents durably, with the outcome they stand at: [`Asked`](Outcome::Asked) if the authority is asked next.
    fn append<'a>(&'a self, intents: &'a [Intent], outcome: Outcome) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>>;

    /// Tells what the authority said. From then on entries have the duties that follow, see [`Outcome`]. Returns the marks
    /// whose entries are no longer [`Asked`](Outcome::Asked), because they were given up in the meantime: for those nothing
    /// has changed.
    fn resolve<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>>;

    /// Keeps what the authority said, so that it survives a crash of the process from now on, without waiting for anybody; whether
    /// it does. The entries stay [`Asked`](Outcome::Asked) until [`resolve`](Self::resolve) tells the same, for which nobody
    /// has to wait then. Where the process goes before, they stand at what was noted when the journal is opened again.
    ///
    /// Called from asynchronous code: it must not block for long. `false`, as here, always may be the answer.
    fn note(&self, marks: &[Mark]) -> bool {
        let _ = marks;
        false
    }

    /// Takes up to `limit` entries that have this duty, are due, and are not claimed for it already, oldest first.
    ///
    /// - An entry is given out for [`Duty::Reconcile`] only when it has no other duty, and together with all entries of its
    ///   document of which that is true: they are decided at once, when the last of them is due; `limit` does not part them.
    /// - While an entry of a document is claimed for a duty, later ones of the same document are not given out for that
    ///   duty by another call; one call may give out several, in their order.
    /// - A [sweep](Deed::Sweep) is given out alone, and only when no older entry of its index has the duty, nor one that is still
    ///   [`Asked`](Outcome::Asked); no later entry of its index is given out for [`Duty::Pg`] before its duty has ended.
    /// - A claim ends with [`settle`](Self::settle), or with the process.
    fn claim<'a>(&'a self, duty: Duty, limit: usize) -> BoxFuture<'a, Result<Claim, JournalError>>;

    /// Ends claims.
    fn settle<'a>(&'a self, duty: Duty, ends: &'a [Settled]) -> BoxFuture<'a, Result<(), JournalError>>;

    /// Which of these documents have an entry later than the one given (`Seq(0)`: any) with this duty, or still
    /// [`Asked`](Outcome::Asked). For [`Duty::Meili`] only entries count that Meilisearch decides: the others are sent by the
    /// worker, in their order. For [`Duty::Reconcile`] only those count that nobody has claimed for it.
    fn open_after<'a>(
        &'a self,
        duty: Duty,
        index: &'a str,
        ids: &'a [(DocumentId, Seq)],
    ) -> BoxFuture<'a, Result<Vec<bool>, JournalError>>;

    /// How far what `side` decided of these documents has been carried to the other side. A partial update that the other side
    /// decides waits until all has been: it would be made of an older document. The empty id is that of sweeps.
    fn carried<'a>(
        &'a self,
        side: Side,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Carried>, JournalError>>;

    /// The same for all of an index, its [sweeps](Deed::Sweep) included: a sweep that the other side decides waits for it, or it
    /// would miss documents that are still to come.
    fn index_carried<'a>(&'a self, side: Side, index: &'a str) -> BoxFuture<'a, Result<Carried, JournalError>>;

    /// The highest version ever appended, whatever became of the entry: clocks start above it.
    fn highest_version(&self) -> BoxFuture<'_, Result<Version, JournalError>>;

    /// Depth, age and state per side.
    fn status(&self) -> BoxFuture<'_, Result<Status, JournalError>>;

    /// Which indexes its entries are about, each once. `None`, as here, where that is not told: then they may be about any.
    fn indexes(&self) -> BoxFuture<'_, Result<Option<Vec<Arc<str>>>, JournalError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Dead letters, oldest first, after the one given.
    fn dead_letters<'a>(
        &'a self,
        after: Option<Seq>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, JournalError>>;

    /// Gives dead letters their duty back, or drops them; how many there were.
    fn dispose<'a>(&'a self, which: &'a DeadLetters, how: Redrive) -> BoxFuture<'a, Result<u64, JournalError>>;
}

impl<J: Journal + ?Sized> Journal for Arc<J> {
    fn limbo(&self) -> Duration {
        (**self).limbo()
    }

    fn append<'a>(&'a self, intents: &'a [Intent], outcome: Outcome) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        (**self).append(intents, outcome)
    }

    fn resolve<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        (**self).resolve(marks)
    }

    fn note(&self, marks: &[Mark]) -> bool {
        (**self).note(marks)
    }

    fn claim<'a>(&'a self, duty: Duty, limit: usize) -> BoxFuture<'a, Result<Claim, JournalError>> {
        (**self).claim(duty, limit)
    }

    fn settle<'a>(&'a self, duty: Duty, ends: &'a [Settled]) -> BoxFuture<'a, Result<(), JournalError>> {
        (**self).settle(duty, ends)
    }

    fn open_after<'a>(
        &'a self,
        duty: Duty,
        index: &'a str,
        ids: &'a [(DocumentId, Seq)],
    ) -> BoxFuture<'a, Result<Vec<bool>, JournalError>> {
        (**self).open_after(duty, index, ids)
    }

    fn carried<'a>(
        &'a self,
        side: Side,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Carried>, JournalError>> {
        (**self).carried(side, index, ids)
    }

    fn index_carried<'a>(&'a self, side: Side, index: &'a str) -> BoxFuture<'a, Result<Carried, JournalError>> {
        (**self).index_carried(side, index)
    }

    fn highest_version(&self) -> BoxFuture<'_, Result<Version, JournalError>> {
        (**self).highest_version()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, JournalError>> {
        (**self).status()
    }

    fn indexes(&self) -> BoxFuture<'_, Result<Option<Vec<Arc<str>>>, JournalError>> {
        (**self).indexes()
    }

    fn dead_letters<'a>(
        &'a self,
        after: Option<Seq>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, JournalError>> {
        (**self).dead_letters(after, limit)
    }

    fn dispose<'a>(&'a self, which: &'a DeadLetters, how: Redrive) -> BoxFuture<'a, Result<u64, JournalError>> {
        (**self).dispose(which, how)
    }
}

/// What all journals let one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// How long after a write was given up, or its process died, the authority may still be carrying it out; only then is
    /// it asked what stands. At least the timeout of the service's own client.
    pub limbo: Duration,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { limbo: Duration::from_secs(10) }
    }
}
