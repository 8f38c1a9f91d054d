//! The one that has the connection: carries out what has come together since the last time, in one transaction. A statement
//! costs little beside the way to the thread of the connection and back, so they go there together where they can.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use sqlx::SqliteConnection;
use tokio::time::Instant;

use super::{
    super::{JournalError, JournalErrorKind},
    book::{Book, Effect},
    error::{Sql, failed, leaves_disk_unknown},
    op::{Change, Op},
    sql::{self, Times},
};

pub(super) struct Writer {
    pub(super) conn: SqliteConnection,
    pub(super) book: Book,
    pub(super) standing: Standing,
    pub(super) opened: Instant,
    /// The last place that was given before this opening.
    pub(super) before: i64,
    pub(super) limbo: Duration,
    pub(super) queue: Arc<Mutex<Vec<Op>>>,
    /// Whether commits wait for the disk; `None` after a failure in setting it.
    synced: Option<bool>,
    /// An fsync has failed.
    broken: bool,
}

/// What the file holds, in numbers.
#[derive(Clone, Default)]
pub(super) struct Standing {
    pub(super) last: i64,
    pub(super) highest: i64,
    pub(super) pending: i64,
    pub(super) asked: i64,
    /// By [`Duty::ALL`](super::super::Duty::ALL).
    pub(super) duties: [i64; 3],
    pub(super) letters: i64,
}

/// A transaction under way: what will be so once it is committed.
pub(super) struct Draft {
    pub(super) standing: Standing,
    pub(super) effects: Vec<Effect>,
    pub(super) times: Times,
    pub(super) now: Instant,
    /// What begins it, until a statement has taken that along.
    pub(super) begin: Option<&'static str>,
    /// A statement has taken the commit along.
    pub(super) committed: bool,
    /// The last place and the highest version that the file holds with it.
    pub(super) saved: (i64, i64),
}

impl Writer {
    /// Over a connection that waits for the disk.
    pub(super) fn new(conn: SqliteConnection, standing: Standing, limbo: Duration, queue: Arc<Mutex<Vec<Op>>>) -> Self {
        let book = Book::stale();
        let before = standing.last;
        Self { conn, book, before, standing, opened: Instant::now(), limbo, queue, synced: Some(true), broken: false }
    }

    /// Carries out operations and answers them.
    pub(super) async fn run(mut self: Box<Self>, ops: Vec<Op>) -> Box<Self> {
        let (mut changes, mut looks) = (Vec::new(), Vec::new());
        for op in ops {
            match op {
                Op::Change(change) if !change.is_moot() => changes.push(change),
                Op::Look(look) if !look.is_moot() => looks.push(look),
                Op::GiveBack(duty, seqs) => seqs.into_iter().for_each(|seq| self.book.queue(duty).give_back(seq)),
                Op::Change(_) | Op::Look(_) => {}
            }
        }
        self.carry_out(changes).await;
        for look in looks {
            self.look_up(look).await;
        }
        self
    }

    /// All in one transaction; each in one of its own where that fails.
    async fn carry_out(&mut self, mut changes: Vec<Change>) {
        if self.commit(&mut changes).await.is_ok() {
            return changes.into_iter().for_each(|change| change.send(Ok(())));
        }
        // One of them may be to blame, and the others not.
        for mut change in changes {
            let doing = change.doing();
            let done = self.commit(std::slice::from_mut(&mut change)).await;
            change.send(done.map_err(|error| self.failed(doing, error)));
        }
    }

    fn failed(&self, doing: &str, error: sqlx::Error) -> JournalError {
        if self.broken {
            let why =
                "the disk failed to take what was written, and nobody knows what of it stands: open the journal anew";
            return JournalError::new(JournalErrorKind::Unavailable, doing).caused_by(why);
        }
        failed(doing, error)
    }

    /// All of them or none.
    async fn commit(&mut self, changes: &mut [Change]) -> Sql<()> {
        if changes.is_empty() {
            return Ok(());
        }
        if self.broken {
            return Err(sqlx::Error::WorkerCrashed);
        }
        let synced = changes.iter().any(Change::is_synced);
        let now = Instant::now();
        let since_opening = now - self.opened;
        let times = Times {
            began: whole_millis(since_opening),
            // Rounded up: not before.
            limbo_over: whole_millis(since_opening + self.limbo) + 1,
            at: Timestamp::now().as_microsecond(),
        };
        let mut draft = Draft {
            standing: self.standing.clone(),
            effects: Vec::new(),
            times,
            now,
            begin: Some(self.beginning(synced)),
            committed: false,
            saved: self.standing.meta(),
        };
        if let Err(error) = self.draft(changes, &mut draft).await {
            self.broken |= leaves_disk_unknown(&error);
            // Fails where the error has already ended the transaction.
            let _ = sql::run(&mut self.conn, "ROLLBACK").await;
            return Err(error);
        }
        self.synced = Some(synced);
        self.standing = draft.standing;
        draft.effects.into_iter().for_each(|effect| self.book.apply(effect));
        Ok(())
    }

    /// What begins a transaction. With a write-ahead log, FULL is an fsync of it at every commit, and NORMAL none but at
    /// checkpoints; an fsync covers what earlier commits wrote. See <https://sqlite.org/pragma.html#pragma_synchronous>.
    fn beginning(&mut self, synced: bool) -> &'static str {
        // Should it fail, nobody knows how far it came: then it is set anew.
        match (self.synced.take() == Some(synced), synced) {
            (true, _) => "BEGIN IMMEDIATE;",
            (false, true) => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE;",
            (false, false) => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE;",
        }
    }
}

pub(super) fn whole_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
