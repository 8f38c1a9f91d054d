//! A journal in memory, for tests: deterministic, on tokio's clock, and able to crash.
//!
//! ```
//! # use crossfade::journal::{Journal, JournalOptions, Outcome, memory::{Crash, MemoryJournal}};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let journal = MemoryJournal::new(JournalOptions::default());
//! let after = journal.reopen(Crash::Process);
//! assert!(journal.status().await.is_err(), "a handle from before the crash can do nothing");
//! assert_eq!(after.status().await.unwrap().pending, 0);
//! # }
//! ```

mod claim;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use state::State;
use tokio::time::Instant;

use super::{
    Carried, Claim, DeadLetter, DeadLetters, Duty, Intent, Journal, JournalError, JournalErrorKind, JournalOptions,
    Mark, Outcome, Redrive, Seq, Settled, Status,
};
use crate::{
    document::{DocumentId, Version},
    error::Side,
    opaque::opaque_debug,
};

/// A journal in memory. Cloning gives another handle of the same one.
#[derive(Clone)]
pub struct MemoryJournal {
    shared: Arc<Mutex<Shared>>,
    /// Which opening this is a handle of.
    opening: u64,
}

/// What has crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process alone: what was answered stands.
    Process,
    /// The machine: of what was resolved and settled since the last append, only the first `kept` calls had reached the disk, and
    /// nothing of what was noted.
    Machine {
        /// How many calls were not undone, see [`MemoryJournal::unsynced`].
        kept: usize,
    },
}

/// What is asked of a journal, for [`MemoryJournal::fail_while`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// [`Journal::append`]
    Append,
    /// [`Journal::resolve`]
    Resolve,
    /// [`Journal::note`]; failing, it notes nothing.
    Note,
    /// [`Journal::claim`]
    Claim,
    /// [`Journal::settle`]
    Settle,
    /// [`Journal::dispose`]
    Dispose,
    /// The calls that only look.
    Read,
}

type Hook = Box<dyn FnMut(Call) -> Option<JournalErrorKind> + Send>;

struct Shared {
    state: State,
    opening: u64,
    fail_next: Option<(usize, JournalErrorKind)>,
    fail_while: Option<Hook>,
}

opaque_debug!(MemoryJournal);

impl MemoryJournal {
    /// An empty one.
    pub fn new(options: JournalOptions) -> Self {
        let shared = Shared { state: State::new(options), opening: 0, fail_next: None, fail_while: None };
        Self { shared: Arc::new(Mutex::new(shared)), opening: 0 }
    }

    /// What a restart finds: claims and waits are gone, and what was [`Asked`](Outcome::Asked) stands at what was noted of it, or is
    /// [`Unknown`](Outcome::Unknown). Every handle from before fails with [`Fenced`](JournalErrorKind::Fenced) from now on.
    /// Failures that were asked for are over.
    #[must_use]
    pub fn reopen(&self, crash: Crash) -> Self {
        let mut shared = self.lock();
        if let Crash::Machine { kept } = crash {
            shared.state.undo_after(kept);
            shared.state.forget_notes();
        }
        shared.state.restart(Instant::now());
        shared.opening += 1;
        shared.fail_next = None;
        shared.fail_while = None;
        Self { shared: Arc::clone(&self.shared), opening: shared.opening }
    }

    /// How many calls of `resolve` and `settle` a crash of the machine may undo now. An append makes them durable.
    pub fn unsynced(&self) -> usize {
        self.lock().state.unsynced()
    }

    /// The entries in their order, and what is known of how each write ended.
    pub fn outcomes(&self) -> Vec<(Intent, Outcome)> {
        self.lock().state.outcomes()
    }

    /// The next `calls` calls fail, without effect.
    pub fn fail_next(&self, calls: usize, kind: JournalErrorKind) {
        self.lock().fail_next = Some((calls, kind));
    }

    /// Calls fail, without effect, while `hook` says so. Replaces the hook from before.
    pub fn fail_while(&self, hook: impl FnMut(Call) -> Option<JournalErrorKind> + Send + 'static) {
        self.lock().fail_while = Some(Box::new(hook));
    }

    /// Calls succeed again.
    pub fn heal(&self) {
        let mut shared = self.lock();
        shared.fail_next = None;
        shared.fail_while = None;
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(&self, call: Call, doing: &str, run: impl FnOnce(&mut State) -> T) -> Result<T, JournalError> {
        let mut shared = self.lock();
        if shared.opening != self.opening {
            return Err(JournalError::new(JournalErrorKind::Fenced, doing));
        }
        match shared.failure(call) {
            Some(kind) => Err(JournalError::new(kind, doing)),
            None => Ok(run(&mut shared.state)),
        }
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new(JournalOptions::default())
    }
}

impl Shared {
    fn failure(&mut self, call: Call) -> Option<JournalErrorKind> {
        if let Some((left, kind)) = &mut self.fail_next {
            let kind = *kind;
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.fail_next = None;
            }
            return Some(kind);
        }
        self.fail_while.as_mut().and_then(|hook| hook(call))
    }
}

impl Journal for MemoryJournal {
    fn limbo(&self) -> Duration {
        self.lock().state.options.limbo
    }

    fn append<'a>(&'a self, intents: &'a [Intent], outcome: Outcome) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        Box::pin(
            async move { self.call(Call::Append, "appending", |state| state.append(intents, outcome, Instant::now())) },
        )
    }

    fn resolve<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<Seq>, JournalError>> {
        Box::pin(
            async move { self.call(Call::Resolve, "resolving entries", |state| state.resolve(marks, Instant::now())) },
        )
    }

    fn note(&self, marks: &[Mark]) -> bool {
        self.call(Call::Note, "noting outcomes", |state| state.note_outcomes(marks)).unwrap_or(false)
    }

    fn claim<'a>(&'a self, duty: Duty, limit: usize) -> BoxFuture<'a, Result<Claim, JournalError>> {
        Box::pin(
            async move { self.call(Call::Claim, "claiming entries", |state| state.claim(duty, limit, Instant::now())) },
        )
    }

    fn settle<'a>(&'a self, duty: Duty, ends: &'a [Settled]) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move {
            self.call(Call::Settle, "settling entries", |state| state.settle(duty, ends, Instant::now()))
        })
    }

    fn open_after<'a>(
        &'a self,
        duty: Duty,
        index: &'a str,
        ids: &'a [(DocumentId, Seq)],
    ) -> BoxFuture<'a, Result<Vec<bool>, JournalError>> {
        Box::pin(async move {
            self.call(Call::Read, "looking for later entries", |state| state.open_after(duty, index, ids))
        })
    }

    fn carried<'a>(
        &'a self,
        side: Side,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Carried>, JournalError>> {
        Box::pin(async move {
            self.call(Call::Read, "looking for entries of the other side", |state| state.carried(side, index, ids))
        })
    }

    fn index_carried<'a>(&'a self, side: Side, index: &'a str) -> BoxFuture<'a, Result<Carried, JournalError>> {
        Box::pin(async move {
            self.call(Call::Read, "looking for entries of the other side", |state| state.index_carried(side, index))
        })
    }

    fn highest_version(&self) -> BoxFuture<'_, Result<Version, JournalError>> {
        Box::pin(async move { self.call(Call::Read, "reading the highest version", |state| state.highest_version()) })
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, JournalError>> {
        Box::pin(async move { self.call(Call::Read, "reading its status", |state| state.status(Instant::now())) })
    }

    fn indexes(&self) -> BoxFuture<'_, Result<Option<Vec<Arc<str>>>, JournalError>> {
        Box::pin(async move { Ok(Some(self.lock().state.indexes())) })
    }

    fn dead_letters<'a>(
        &'a self,
        after: Option<Seq>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, JournalError>> {
        Box::pin(async move { self.call(Call::Read, "listing dead letters", |state| state.dead_letters(after, limit)) })
    }

    fn dispose<'a>(&'a self, which: &'a DeadLetters, how: Redrive) -> BoxFuture<'a, Result<u64, JournalError>> {
        Box::pin(async move {
            self.call(Call::Dispose, "disposing of dead letters", |state| state.dispose(which, how, Instant::now()))
        })
    }
}
