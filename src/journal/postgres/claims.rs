//! What this process has given out to its worker, and under which lease of which shard.
//!
//! Claims are kept here and not in the table: they end with the process, or with the lease. A claim is then nothing but a
//! query, and one that is dropped half-way has claimed nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{super::Duty, row::Found};

#[derive(Default)]
pub(super) struct Claims(Mutex<State>);

#[derive(Default)]
struct State {
    /// Epochs, by shard.
    held: HashMap<i16, i64>,
    claimed: HashMap<(Duty, i64), Claimed>,
}

#[derive(Clone, Copy)]
pub(super) struct Claimed {
    pub(super) shard: i16,
    pub(super) epoch: i64,
    pub(super) lane: i64,
}

/// What stands in the way of a claim or of a superseding end.
#[derive(Default)]
pub(super) struct Busy {
    pub(super) lanes: Vec<i64>,
    pub(super) seqs: Vec<i64>,
}

impl Claims {
    /// What is claimed for a duty now.
    pub(super) fn busy(&self, duty: Duty) -> Busy {
        let state = self.locked();
        let mut busy = Busy::default();
        for ((_, seq), claimed) in state.claimed.iter().filter(|((of, _), claimed)| *of == duty && state.holds(claimed))
        {
            busy.lanes.push(claimed.lane);
            busy.seqs.push(*seq);
        }
        busy
    }

    /// Claims what was found, up to the first sweep, which goes alone; without what was released or lost meanwhile.
    pub(super) fn take(&self, duty: Duty, found: Vec<Found>) -> Vec<Found> {
        let mut state = self.locked();
        let mut taken: Vec<Found> = Vec::new();
        for found in found {
            let claimed = Claimed { shard: found.shard, epoch: found.epoch, lane: found.lane };
            if !state.holds(&claimed) {
                continue;
            }
            if found.is_sweep() && !taken.is_empty() {
                break;
            }
            state.claimed.insert((duty, found.seq), claimed);
            let alone = found.is_sweep();
            taken.push(found);
            if alone {
                break;
            }
        }
        taken
    }

    /// The claim of an entry, even if it has been lost since; `None` if it has ended.
    pub(super) fn of(&self, duty: Duty, seq: i64) -> Option<Claimed> {
        self.locked().claimed.get(&(duty, seq)).copied()
    }

    pub(super) fn end(&self, duty: Duty, seqs: impl IntoIterator<Item = i64>) {
        let mut state = self.locked();
        for seq in seqs {
            state.claimed.remove(&(duty, seq));
        }
    }

    /// What the table says we hold.
    pub(super) fn hold(&self, held: impl IntoIterator<Item = (i16, i64)>) {
        self.locked().held = held.into_iter().collect();
    }

    /// Gives back shards beyond `share` in which nothing is claimed. From now on nothing of theirs is given out.
    pub(super) fn give_back(&self, share: usize) -> Vec<i16> {
        let mut state = self.locked();
        let excess = state.held.len().saturating_sub(share);
        let busy = |shard: &i16| state.claimed.values().any(|claimed| claimed.shard == *shard && state.holds(claimed));
        let idle: Vec<i16> = state.held.keys().copied().filter(|shard| !busy(shard)).take(excess).collect();
        for shard in &idle {
            state.held.remove(shard);
        }
        idle
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn holds(&self, claimed: &Claimed) -> bool {
        self.held.get(&claimed.shard) == Some(&claimed.epoch)
    }
}
