//! The journal in PostgreSQL, for replicas without disks of their own.
//!
//! Any number of processes share it, for appending and for working. It may live on another server than the target, and
//! should: what cannot be written to a target that is down has to be recorded somewhere else. Its tables are those of the
//! control schema; [`Store::migrate`](crate::store::Store::migrate), or `crossfade migrate` with the URL of the journal,
//! makes them there.
//!
//! # Appending
//!
//! Appends that come at the same time share a statement and its wait for the disk. What a process has asked the authority
//! belongs to it: when it has shown no life for the [lease](PostgresJournalOptions::lease), by the clock of the server, its
//! entries become [`Unknown`](super::Outcome::Unknown), and their limbo begins. Signs of life are given by
//! [`claim`](Journal::claim), which the worker calls at least every second, and by appends. An append whose caller never
//! learned that it was committed is found and given up in the same way.
//!
//! # Working
//!
//! Documents fall into 64 shards by their hash; sweeps have one of their own. A shard is leased to one process at a time,
//! with an epoch; free ones are taken with `SKIP LOCKED`, up to a fair share. All of that happens inside
//! [`claim`](Journal::claim), which renews the lease when an eighth of it is over: a process that does not call it loses
//! its shards after the lease. With less than a quarter of the lease left, nothing is given out. What a
//! former holder settles is told by its epoch, changes nothing, and fails with [`Fenced`](super::JournalErrorKind::Fenced).
//!
//! When another process joins, the others give back what they hold beyond the share that is fair from then on: no new
//! entries of those shards are given out, and once the claims of a shard have ended it is free. Its entries wait until then,
//! and for PostgreSQL from when nothing that may wait for Meilisearch is claimed of it any more.
//!
//! A [`settle`](Journal::settle) that failed otherwise has to be repeated: its claims stand, as nobody knows whether it was
//! carried out. Doing it twice harms nothing.
//!
//! Entries are ordered by their place in the table. One that is being appended by another process at this very moment may
//! come into sight after later ones; such writes are not ordered by anything, and the target tells them apart by version.

mod append;
mod asking;
mod claims;
mod connect;
mod error;
mod group;
mod lease;
mod look;
mod row;
mod sql;
mod work;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use append::MarkRow;
use asking::Asking;
use claims::Claims;
use connect::{Pools, WORK_DEADLINE, within};
use error::Failure;
use futures_util::future::BoxFuture;
use group::Group;
use lease::Lease;
use row::NewRow;
use tokio::time::Instant;
use work::Turns;

use super::{
    Carried, Claim, DeadLetter, DeadLetters, Duty, Intent, Journal, JournalError, JournalOptions, Mark, Outcome,
    Redrive, Seq, Settled, Status,
};
use crate::{
    document::{DocumentId, Version},
    error::Side,
    opaque::opaque_debug,
};

/// A journal in PostgreSQL; see the [module](self).
pub struct PostgresJournal {
    shared: Arc<Shared>,
    appends: Group<NewRow, Seq>,
    marks: Group<MarkRow, bool>,
    claims: Claims,
    lease: Lease,
    turns: Turns,
}

/// How a [`PostgresJournal`] works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresJournalOptions {
    /// What all journals let one set.
    pub journal: JournalOptions,
    /// The schema of its tables; `cn_search` by default.
    pub schema: String,
    /// After how long without a sign of life a process counts as dead; 10 s by default. The same in all of them, or nearly.
    pub lease: Duration,
    /// Connections for appends, and as many for their outcomes: 2 each by default. Each append waits for the disk, and all that
    /// come meanwhile share the next one.
    pub appenders: u32,
    /// Connections for the worker: 4 by default.
    pub workers: u32,
}

/// What batches need, which may outlive the call that began them.
struct Shared {
    options: PostgresJournalOptions,
    pools: Pools,
    /// Drawn anew with every start.
    process: i64,
    asking: Asking,
    touched: Mutex<Option<Instant>>,
}

opaque_debug!(PostgresJournal);

impl PostgresJournal {
    /// Connects, and fails when the database cannot be reached, refuses the login, or lacks the tables.
    pub async fn connect(url: &str, options: PostgresJournalOptions) -> Result<Self, JournalError> {
        let journal = Self::connect_lazy(url, options)?;
        let check = sqlx::query(sql::CHECK).execute(&journal.shared.pools.work);
        within(WORK_DEADLINE, "looking for its tables", check).await.map_err(Failure::told)?;
        Ok(journal)
    }

    /// Connects with the first use: a database that is down does not stop the service from starting. Fails only on a URL
    /// that cannot be right. Must be called inside a runtime.
    pub fn connect_lazy(url: &str, options: PostgresJournalOptions) -> Result<Self, JournalError> {
        let concurrency = usize::try_from(options.appenders.max(1)).unwrap_or(1);
        let shared = Arc::new(Shared {
            pools: Pools::new(url, &options)?,
            options,
            process: rand::random_range(1..=i64::MAX),
            asking: Asking::default(),
            touched: Mutex::default(),
        });
        let (appending, marking) = (Arc::clone(&shared), Arc::clone(&shared));
        Ok(Self {
            shared,
            appends: Group::new(concurrency, move |rows| Box::pin(Arc::clone(&appending).append(rows))),
            marks: Group::new(concurrency, move |rows| Box::pin(Arc::clone(&marking).mark(rows))),
            claims: Claims::default(),
            lease: Lease::new(),
            turns: Turns::default(),
        })
    }

    /// Ends the lease, so that others need not wait for its end. To be called when the worker has stopped and no request is
    /// under way: what is still being asked counts as given up.
    pub async fn retire(self) -> Result<(), JournalError> {
        let retire = sqlx::query(sql::RETIRE).bind(self.shared.process).execute(&self.shared.pools.work);
        within(WORK_DEADLINE, "ending the lease", retire).await.map_err(Failure::told)?;
        Ok(())
    }
}

impl Shared {
    /// When this process last showed that it lives.
    fn touched(&self) -> Option<Instant> {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self, at: Instant) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

impl Default for PostgresJournalOptions {
    fn default() -> Self {
        Self {
            journal: JournalOptions::default(),
            schema: "cn_search".to_owned(),
            lease: Duration::from_secs(10),
            appenders: 2,
            workers: 4,
        }
    }
}

impl Journal for PostgresJournal {
    fn limbo(&self) -> Duration {
        self.shared.options.journal.limbo
    }

    fn append<'a>(&'a self, intents: &'a [Intent], outcome: Outcome) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        Box::pin(self.append_all(intents, outcome))
    }

    fn resolve<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        Box::pin(self.resolve_all(marks))
    }

    fn claim<'a>(&'a self, duty: Duty, limit: usize) -> BoxFuture<'a, Result<Claim, JournalError>> {
        Box::pin(self.claim_some(duty, limit))
    }

    fn settle<'a>(&'a self, duty: Duty, ends: &'a [Settled]) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(self.settle_all(duty, ends))
    }

    fn open_after<'a>(
        &'a self,
        duty: Duty,
        index: &'a str,
        ids: &'a [(DocumentId, Seq)],
    ) -> BoxFuture<'a, Result<Vec<bool>, JournalError>> {
        Box::pin(self.find_later(duty, index, ids))
    }

    fn carried<'a>(
        &'a self,
        side: Side,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Carried>, JournalError>> {
        Box::pin(self.find_carried(side, index, ids))
    }

    fn index_carried<'a>(&'a self, side: Side, index: &'a str) -> BoxFuture<'a, Result<Carried, JournalError>> {
        Box::pin(self.find_index_carried(side, index))
    }

    fn highest_version(&self) -> BoxFuture<'_, Result<Version, JournalError>> {
        Box::pin(self.find_highest_version())
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, JournalError>> {
        Box::pin(self.count())
    }

    fn indexes(&self) -> BoxFuture<'_, Result<Option<Vec<Arc<str>>>, JournalError>> {
        Box::pin(self.find_indexes())
    }

    fn dead_letters<'a>(
        &'a self,
        after: Option<Seq>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, JournalError>> {
        Box::pin(self.list_letters(after, limit))
    }

    fn dispose<'a>(&'a self, which: &'a DeadLetters, how: Redrive) -> BoxFuture<'a, Result<u64, JournalError>> {
        Box::pin(self.dispose_of(which, how))
    }
}
