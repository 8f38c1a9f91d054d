//! The sides as the write path sees them.
//!
//! They are not alike, and neither are their traits. PostgreSQL knows versions, so it is also the arbiter: what stands
//! there, and under which version, decides what a replica does about a race it could not see. Meilisearch knows none: it
//! carries out what it accepted in the order of its tasks.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use crate::{
    document::{Document, DocumentId, Version},
    error::{BackendError, Side},
    search::FilterInput,
    write::{Action, TaskId},
};

/// Who writes to PostgreSQL: drawn anew with every start of a process, and once more for what its worker mends, so that a
/// writer can tell rows it wrote itself, in an order it knows, from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Writer(pub i64);

/// Meilisearch, as something that is written.
pub trait SourceWriter: Send + Sync + 'static {
    /// Hands over changes of one kind (all [`Action::Put`], all [`Action::Merge`] or all [`Action::Delete`]), in which no id
    /// stands twice. Returns the task that will carry them out; nothing stands before that has succeeded.
    ///
    /// Fails with [`Rejected`](crate::error::BackendErrorKind::Rejected) if a document itself is refused.
    fn send<'a>(
        &'a self,
        index: &'a str,
        batch: &'a [(DocumentId, Action)],
    ) -> BoxFuture<'a, Result<TaskId, BackendError>>;

    /// How tasks stand, in the order asked for; all in one request, or few.
    fn tasks<'a>(&'a self, tasks: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskState>, BackendError>>;

    /// The documents as they stand once every task accepted before this call has ended.
    fn read<'a>(
        &'a self,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Document>>, BackendError>>;
}

/// PostgreSQL, as something that is written. A service with its own tables implements this.
pub trait TargetWriter: Send + Sync + 'static {
    /// Writes documents, in which no id stands twice, in one transaction. A newer version wins, an equal one replaces; but a
    /// deletion stands against a write of the same version. A contended write over a row that PostgreSQL had decided leaves it
    /// decided by PostgreSQL ([`Standing::authority`]): of the two, the newer version is right.
    ///
    /// Fails with [`Rejected`](crate::error::BackendErrorKind::Rejected) if a document cannot be held.
    fn write<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [TargetWrite],
    ) -> BoxFuture<'a, Result<Vec<Applied>, BackendError>>;

    /// Partial updates, read and modified under their versions in one transaction. Says what stands now, in the order
    /// given, or the newer version that stood already.
    fn merge<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [(DocumentId, Version, Document)],
    ) -> BoxFuture<'a, Result<Vec<Result<Document, Version>>, BackendError>>;

    /// What stands, tombstones included.
    fn read<'a>(
        &'a self,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Standing>>, BackendError>>;

    /// Replaces what stands, or only marks it as written now, where it still is as expected; says where it was.
    /// Either is by the authority given. A replacement by Meilisearch of the version just above, or no higher one, is a copy:
    /// it keeps in mind which write it has taken the place of ([`Standing::copied_over`]), also if that was a copy itself.
    fn replace<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [Replacement],
    ) -> BoxFuture<'a, Result<Vec<bool>, BackendError>>;

    /// Deletes what passes the filter and is not newer than `version`, leaving tombstones of that version; how many. Rows that
    /// PostgreSQL had decided leave tombstones that it has decided.
    fn sweep<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        version: Version,
        filter: Option<&'a FilterInput>,
    ) -> BoxFuture<'a, Result<u64, BackendError>>;

    /// Up to `limit` ids after `after`, ascending, of what a sweep is about. Marks the index as swept now.
    fn swept<'a>(
        &'a self,
        index: &'a str,
        swept: Swept<'a>,
        after: Option<&'a DocumentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DocumentId>, BackendError>>;
}

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Enqueued, being processed, or in a state this crate does not know.
    Unfinished,
    /// What it was to write stands.
    Succeeded,
    /// Nothing of it stands.
    Failed {
        /// What is to blame.
        blame: Blame,
        /// Meilisearch's code and message.
        why: String,
    },
    /// Somebody canceled it: nothing of it stands.
    Canceled,
    /// The server does not know it (any longer): it may have been carried out or not.
    Vanished,
}

/// What is to blame for a task that has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blame {
    /// A document of this task: it will fail again.
    Documents,
    /// A document of this task, or of one that was carried out together with it. Meilisearch makes one batch of the tasks
    /// that wait for an index, and fails all of them if it cannot index one document. Which one that is, if it has said so.
    Batch(Option<DocumentId>),
    /// No document: the server itself, or an index that somebody may still make or mend.
    Server,
}

/// Under whose authority a row is written, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenBy {
    /// Who writes.
    pub writer: Writer,
    /// The side whose outcome decided the write.
    pub authority: Side,
}

/// One document for PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetWrite {
    /// Its primary key.
    pub id: DocumentId,
    /// Which of its writes this is.
    pub version: Version,
    /// Its fields; `None` deletes it.
    pub document: Option<Arc<Document>>,
    /// How long ago the write began; `None` is longer than anybody knows.
    pub age: Option<Duration>,
}

/// What became of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It stands as given.
    Written {
        /// Another writer had written the row, or the index was swept, after this write had begun: nobody can tell in which
        /// order the two reached Meilisearch.
        contended: bool,
    },
    /// A newer version stood already.
    Stale {
        /// Which.
        current: Version,
    },
}

/// What stands in PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Which write it is.
    pub version: Version,
    /// The fields; `None` is a tombstone.
    pub document: Option<Document>,
    /// Under whose authority it was written.
    pub authority: Side,
    /// The version of the write that a copy from Meilisearch has taken the place of, if that is what stands.
    pub copied_over: Option<Version>,
    /// How long ago it was written, or marked as written, by PostgreSQL's clock.
    pub written: Duration,
    /// The last time it was written or marked.
    pub stamp: Stamp,
}

/// Tells apart the times a row was written or marked as written: no two of one row have the same. Versions do not, since a mark
/// leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(pub i64);

/// A change that is made only if nothing else has come in between.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement {
    /// The document.
    pub id: DocumentId,
    /// The version that must still stand; `None`: nothing may stand, not even a tombstone.
    pub expected: Option<Version>,
    /// What the row must bear still, so that nobody has marked it either; `None`: that does not matter.
    pub stamp: Option<Stamp>,
    /// What then stands, and under which version; `None` leaves all as it is and marks it as written now.
    pub with: Option<(Version, Option<Arc<Document>>)>,
}

/// What a sweep is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Swept<'a> {
    /// Documents that stand here and pass the filter, with no version newer than this one.
    Matching(Option<&'a FilterInput>, Version),
    /// Tombstones of this version.
    Tombstones(Version),
}
