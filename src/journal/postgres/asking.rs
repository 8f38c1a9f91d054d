//! Which entries somebody in this process still asks the authority about.
//!
//! An append may be committed although its caller never hears of it: it was dropped, or the connection broke before the
//! answer. Nobody will resolve such an entry, and its process lives; so it is looked for, and given up.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Entries that are being asked about, by place. As many as there are requests under way.
#[derive(Default)]
pub(super) struct Asking(Mutex<HashMap<i64, Arc<Caller>>>);

/// One call of `append`.
#[derive(Default)]
pub(super) struct Caller {
    gone: AtomicBool,
}

/// Notes that its caller is gone, unless it got its answer.
pub(super) struct Waiting {
    caller: Arc<Caller>,
    answered: bool,
}

/// Ends with it.
pub(super) struct Ended<'a> {
    asking: &'a Asking,
    entries: Vec<i64>,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { caller: Arc::default(), answered: false }
    }

    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// From now on the caller knows its entries, and is to resolve them.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.answered {
            self.caller.gone.store(true, Ordering::Release);
        }
    }
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut asking = self.asking.locked();
        for seq in &self.entries {
            asking.remove(seq);
        }
    }
}

impl Asking {
    pub(super) fn begin(&self, entries: impl IntoIterator<Item = (i64, Arc<Caller>)>) {
        self.locked().extend(entries);
    }

    /// Nobody asks about these any more once the guard is gone.
    pub(super) fn end_with(&self, entries: Vec<i64>) -> Ended<'_> {
        Ended { asking: self, entries }
    }

    /// Those of these entries that nobody asks about.
    pub(super) fn forgotten(&self, entries: Vec<i64>) -> Vec<i64> {
        let mut asking = self.locked();
        asking.retain(|_, caller| !caller.gone.load(Ordering::Acquire));
        entries.into_iter().filter(|seq| !asking.contains_key(seq)).collect()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<i64, Arc<Caller>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
