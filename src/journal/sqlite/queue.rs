//! What a process knows of the entries of one duty.
//!
//! A claim reads the file once, in order: entries with the duty up to `scanned` are known here, in one of the sets below, those
//! after it are not, but for the few `ahead`. So nothing is read twice, and memory holds what is claimed or waits, not the
//! backlog. At [`KNOWN_MOST`] a claim reads no further until some of them are settled.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    time::Duration,
};

use tokio::time::Instant;

const KNOWN_MOST: usize = 100_000;

/// The entries of one duty.
#[derive(Default)]
pub(super) struct Queue {
    scanned: i64,
    /// Entries after it that are known all the same: others of their documents were read.
    ahead: BTreeSet<i64>,
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

impl Queue {
    /// Everything up to here has been read.
    pub(super) fn scanned(&self) -> i64 {
        self.scanned
    }

    /// An entry was read in its turn; says whether it is to be looked at, or known to be claimed or to wait.
    pub(super) fn reach(&mut self, seq: i64) -> bool {
        self.scanned = seq;
        !self.ahead.remove(&seq) || self.ready.remove(&seq)
    }

    pub(super) fn knows(&self, seq: i64) -> bool {
        seq <= self.scanned || self.ahead.contains(&seq)
    }

    /// An entry was read before its turn, perhaps. It is known from now on, and in none of the sets yet.
    pub(super) fn meet(&mut self, seq: i64) {
        self.ready.remove(&seq);
        if seq > self.scanned {
            self.ahead.insert(seq);
        }
    }

    /// What is to be looked at next: in their turn, unless that may not come.
    pub(super) fn next_ready(&self, most: usize) -> Vec<i64> {
        let reach = if self.is_full() { i64::MAX } else { self.scanned };
        self.ready.range(..=reach).take(most).copied().collect()
    }

    /// Lets entries wait that are not claimed. Those that are not known yet may be left for their turn.
    pub(super) fn put_off(&mut self, waits: impl Iterator<Item = (i64, Instant)>) {
        let mut more = KNOWN_MOST.saturating_sub(self.known());
        for (seq, until) in waits {
            if !self.knows(seq) {
                if more == 0 {
                    continue;
                }
                more -= 1;
            }
            self.meet(seq);
            self.wait(seq, until);
        }
    }

    /// When an entry comes due that waits.
    pub(super) fn due(&self, seq: i64) -> Option<Instant> {
        self.waits.get(&seq)?.due
    }

    pub(super) fn claimed(&self) -> impl Iterator<Item = i64> {
        self.claimed.keys().copied()
    }

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

    /// A claim has ended, and the duty with it.
    pub(super) fn end(&mut self, seq: i64) {
        self.release(seq);
        self.forget(seq);
    }

    /// A claim has ended, and the duty waits.
    pub(super) fn retry(&mut self, seq: i64, due: Instant, why: Option<String>, counts: bool) {
        self.release(seq);
        let wait = self.waits.entry(seq).or_default();
        wait.attempts += u32::from(counts);
        wait.failing = why.is_some();
        self.last_failure = why.unwrap_or(std::mem::take(&mut self.last_failure));
        self.wait(seq, due);
    }

    /// An entry has the duty now.
    pub(super) fn gain(&mut self, seq: i64, due: Option<Instant>) {
        // The rest will be found by reading on.
        if self.knows(seq) {
            match due {
                Some(due) => self.wait(seq, due),
                None => drop(self.ready.insert(seq)),
            }
        }
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

    /// What waited for sweeps may go on.
    pub(super) fn go_on_behind(&mut self) {
        self.ready.extend(std::mem::take(&mut self.behind).into_values().flatten());
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
        self.ahead.remove(&seq);
        if let Some(due) = self.waits.remove(&seq).and_then(|wait| wait.due) {
            self.by_due.remove(&(due, seq));
        }
    }

    /// How many wait because something went wrong, if any do, and what went wrong last.
    pub(super) fn failing(&self) -> Option<(u64, String)> {
        let waiting = self.waits.values().filter(|wait| wait.failing).count() as u64;
        (waiting > 0).then(|| (waiting, self.last_failure.clone()))
    }

    pub(super) fn next_due(&self, now: Instant) -> Option<Duration> {
        self.by_due.first().map(|(due, _)| due.saturating_duration_since(now))
    }

    pub(super) fn is_full(&self) -> bool {
        self.known() >= KNOWN_MOST
    }

    /// How many entries memory holds.
    fn known(&self) -> usize {
        let parked = self.lanes.values().map(|busy| busy.parked.len()).sum::<usize>();
        let behind = self.behind.values().map(BTreeSet::len).sum::<usize>();
        self.ready.len() + self.claimed.len() + self.by_due.len() + self.sweeps.len() + parked + behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_before_its_turn_is_looked_at_in_its_turn_or_when_that_does_not_come() {
        let mut queue = Queue::default();
        assert!(queue.reach(1));
        queue.meet(5);
        queue.claim(5, 7);
        queue.give_back(5);
        assert!(queue.next_ready(10).is_empty());
        let later = Instant::now() + Duration::from_secs(3600);
        queue.put_off((100..).map(|seq| (seq, later)).take(2 * KNOWN_MOST));
        assert_eq!(queue.known(), KNOWN_MOST, "memory has an end");
        assert_eq!(queue.next_ready(10), [5], "nothing is read any more");
        queue.forget(100);
        assert!(queue.next_ready(10).is_empty() && queue.reach(5));
        assert!(!queue.reach(101), "it waits");
        assert!(queue.reach(100 + 2 * KNOWN_MOST as i64), "it was left for its turn");
    }
}
