//! What a process knows of entries besides what is in the file: who has them, and which have to wait.
//!
//! A claim reads the file once, in order: entries with a duty up to `scanned` are known here, in one of the sets below, those
//! after it are not. So nothing is read twice, and memory holds what is claimed or waits, not the backlog. At
//! [`KNOWN_MOST`] a claim reads no further until some of them are settled.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    time::Duration,
};

use tokio::time::Instant;

use super::super::Duty;

pub(super) const KNOWN_MOST: usize = 100_000;

#[derive(Default)]
pub(super) struct Book {
    queues: [Queue; 3],
    /// By index, the first sweep that PostgreSQL waits for.
    pub(super) first_sweeps: BTreeMap<i64, i64>,
    /// Whether they have to be read again.
    pub(super) sweeps_stale: bool,
}

/// The entries of one duty.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) scanned: i64,
    /// What is to be looked at again before anything further is read.
    pub(super) ready: BTreeSet<i64>,
    /// Claimed entries, with their lanes.
    claimed: BTreeMap<i64, i64>,
    /// Lanes with claimed entries.
    lanes: BTreeMap<i64, Busy>,
    /// Entries behind a sweep, by index.
    behind: BTreeMap<i64, BTreeSet<i64>>,
    /// Sweeps that wait, and an entry each waits for.
    pub(super) sweeps: BTreeMap<i64, i64>,
    waits: BTreeMap<i64, Wait>,
    by_due: BTreeSet<(Instant, i64)>,
    last_failure: String,
}

#[derive(Default)]
struct Busy {
    claimed: usize,
    /// Entries that wait for the lane.
    parked: BTreeSet<i64>,
}

#[derive(Clone, Copy, Default)]
struct Wait {
    /// `None`: it has come due.
    due: Option<Instant>,
    attempts: u32,
    failing: bool,
}

/// What becomes of entries once the file says so too.
pub(super) enum Effect {
    /// A claim has ended, and the duty with it.
    Ended(Duty, i64),
    /// A claim has ended, and the duty waits.
    Retry { duty: Duty, seq: i64, due: Instant, why: Option<String>, counts: bool },
    /// A duty that was not claimed has ended.
    Superseded(Duty, i64),
    /// A duty can be claimed, or will be.
    Gained { duty: Duty, seq: i64, due: Option<Instant> },
    /// A sweep has other duties than before.
    Swept,
}

impl Book {
    /// Knows nothing yet.
    pub(super) fn stale() -> Self {
        Self { sweeps_stale: true, ..Self::default() }
    }

    pub(super) fn queue(&mut self, duty: Duty) -> &mut Queue {
        let [meili, pg, reconcile] = &mut self.queues;
        match duty {
            Duty::Meili => meili,
            Duty::Pg => pg,
            Duty::Reconcile => reconcile,
        }
    }

    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Ended(duty, seq) => {
                self.queue(duty).release(seq);
                self.queue(duty).forget(seq);
            }
            Effect::Retry { duty, seq, due, why, counts } => {
                let queue = self.queue(duty);
                queue.release(seq);
                let wait = queue.waits.entry(seq).or_default();
                wait.attempts += u32::from(counts);
                wait.failing = why.is_some();
                queue.last_failure = why.unwrap_or(std::mem::take(&mut queue.last_failure));
                queue.wait(seq, due);
            }
            Effect::Superseded(duty, seq) => self.queue(duty).forget(seq),
            Effect::Gained { duty, seq, due } => {
                let queue = self.queue(duty);
                // The rest will be found by reading on.
                if seq <= queue.scanned {
                    match due {
                        Some(due) => queue.wait(seq, due),
                        None => drop(queue.ready.insert(seq)),
                    }
                }
            }
            Effect::Swept => self.sweeps_stale = true,
        }
    }

    /// The sweeps that PostgreSQL waits for have been read: what waited for others may go on.
    pub(super) fn set_first_sweeps(&mut self, sweeps: Vec<(i64, i64)>) {
        self.first_sweeps = sweeps.into_iter().collect();
        self.sweeps_stale = false;
        let queue = self.queue(Duty::Pg);
        let behind = std::mem::take(&mut queue.behind);
        queue.ready.extend(behind.into_values().flatten());
    }

    /// By duty: how many wait because something went wrong, and what went wrong last.
    pub(super) fn failing(&self) -> Vec<(Duty, u64, String)> {
        let failing = |(duty, queue): (&Duty, &Queue)| {
            let waiting = queue.waits.values().filter(|wait| wait.failing).count() as u64;
            (waiting > 0).then(|| (*duty, waiting, queue.last_failure.clone()))
        };
        Duty::ALL.iter().zip(&self.queues).filter_map(failing).collect()
    }
}

impl Queue {
    pub(super) fn is_claimed(&self, seq: i64) -> bool {
        self.claimed.contains_key(&seq)
    }

    pub(super) fn attempts(&self, seq: i64) -> u32 {
        self.waits.get(&seq).map_or(0, |wait| wait.attempts)
    }

    pub(super) fn claim(&mut self, seq: i64, lane: i64) {
        self.claimed.insert(seq, lane);
        self.lanes.entry(lane).or_default().claimed += 1;
    }

    /// Ends a claim; entries that waited for its lane may go on.
    fn release(&mut self, seq: i64) {
        let Some(lane) = self.claimed.remove(&seq) else { return };
        if let Entry::Occupied(mut busy) = self.lanes.entry(lane) {
            busy.get_mut().claimed -= 1;
            if busy.get().claimed == 0 {
                self.ready.extend(busy.remove().parked);
            }
        }
    }

    /// Ends a claim of somebody who has gone: it can be claimed again.
    pub(super) fn give_back(&mut self, seq: i64) {
        if self.is_claimed(seq) {
            self.release(seq);
            self.ready.insert(seq);
        }
    }

    /// Whether the lane is another claim's; then the entry waits for it.
    pub(super) fn park_if_busy(&mut self, seq: i64, lane: i64) -> bool {
        let busy = self.lanes.get_mut(&lane);
        busy.map(|busy| busy.parked.insert(seq)).is_some()
    }

    pub(super) fn park_behind(&mut self, seq: i64, idx: i64) {
        self.behind.entry(idx).or_default().insert(seq);
    }

    pub(super) fn wait(&mut self, seq: i64, due: Instant) {
        let wait = self.waits.entry(seq).or_default();
        if let Some(before) = wait.due.replace(due) {
            self.by_due.remove(&(before, seq));
        }
        self.by_due.insert((due, seq));
    }

    /// What has come due may be claimed.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some((due, seq)) = self.by_due.first().copied().filter(|(due, _)| *due <= now) {
            self.by_due.remove(&(due, seq));
            self.ready.insert(seq);
            if let Entry::Occupied(mut wait) = self.waits.entry(seq) {
                wait.get_mut().due = None;
                if wait.get().attempts == 0 && !wait.get().failing {
                    wait.remove();
                }
            }
        }
    }

    pub(super) fn forget(&mut self, seq: i64) {
        self.ready.remove(&seq);
        if let Some(due) = self.waits.remove(&seq).and_then(|wait| wait.due) {
            self.by_due.remove(&(due, seq));
        }
    }

    pub(super) fn next_due(&self, now: Instant) -> Option<Duration> {
        self.by_due.first().map(|(due, _)| due.saturating_duration_since(now))
    }

    pub(super) fn is_full(&self) -> bool {
        let parked = self.lanes.values().map(|busy| busy.parked.len()).sum::<usize>();
        let behind = self.behind.values().map(BTreeSet::len).sum::<usize>();
        let known = self.ready.len() + self.claimed.len() + self.by_due.len() + self.sweeps.len();
        known + parked + behind >= KNOWN_MOST
    }
}
