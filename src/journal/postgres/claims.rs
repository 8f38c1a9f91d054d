//! What this process has given out to its worker, and under which lease of which shard.
//!
//! Claims are kept here and not in the table: they end with the process, or with the lease. A claim is then nothing but a
//! query, and one that is dropped half-way has claimed nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{super::Duty, row::Found};

#[derive(Default)]
pub(super) struct Claims(Mutex<State>);

#[derive(Default)]
struct State {
    /// Epochs, by shard.
    held: HashMap<i16, i64>,
    /// Shards that are given back as soon as nothing of them is claimed.
    leaving: HashSet<i16>,
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

    /// Claims what was found, without what was released or lost meanwhile. A sweep goes alone: the next call begins with one
    /// that is not the first, and what belongs to those before it goes with them.
    pub(super) fn take(&self, duty: Duty, found: Vec<Found>) -> Vec<Found> {
        let mut state = self.locked();
        let mut taken: Vec<Found> = Vec::new();
        for found in found {
            let claimed = Claimed { shard: found.shard, epoch: found.epoch, lane: found.lane };
            if !state.holds(&claimed) {
                continue;
            }
            if found.is_sweep() && !taken.is_empty() {
                continue;
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
        let mut state = self.locked();
        state.held = held.into_iter().collect();
        let State { held, leaving, .. } = &mut *state;
        leaving.retain(|shard| held.contains_key(shard));
    }

    /// Chooses the shards beyond `share`, and gives back those of them in which nothing is claimed: from now on nothing of
    /// theirs is given out. The others follow when their claims have ended; where work never ceases, one that waited for a
    /// shard to be idle by itself would wait forever.
    pub(super) fn give_back(&self, share: usize) -> Vec<i16> {
        let mut state = self.locked();
        let busy = state.busy_shards(|_| true);
        let mut excess: Vec<i16> = state.held.keys().copied().collect();
        // Idle ones first, then those that have begun to leave.
        excess.sort_by_key(|shard| (busy.contains(shard), !state.leaving.contains(shard)));
        excess.truncate(state.held.len().saturating_sub(share));
        let (leaving, idle): (Vec<i16>, Vec<i16>) = excess.into_iter().partition(|shard| busy.contains(shard));
        state.leaving = leaving.into_iter().collect();
        for shard in &idle {
            state.held.remove(shard);
        }
        idle
    }

    /// Whether a shard that was to be given back now can be.
    pub(super) fn may_leave(&self) -> bool {
        let state = self.locked();
        !state.leaving.is_empty() && !state.leaving.is_subset(&state.busy_shards(|_| true))
    }

    /// Shards of which nothing is given out for a duty, because they are to be given back. For PostgreSQL, which is quick, they
    /// go on until the claims that may wait for Meilisearch have ended.
    pub(super) fn closed(&self, duty: Duty) -> Vec<i16> {
        let state = self.locked();
        if duty != Duty::Pg || state.leaving.is_empty() {
            return state.leaving.iter().copied().collect();
        }
        let busy = state.busy_shards(|duty| duty != Duty::Pg);
        state.leaving.difference(&busy).copied().collect()
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Shards in which something is claimed for one of these duties.
    fn busy_shards(&self, of: impl Fn(Duty) -> bool) -> HashSet<i16> {
        let claimed = self.claimed.iter().filter(|((duty, _), claimed)| of(*duty) && self.holds(claimed));
        claimed.map(|(_, claimed)| claimed.shard).collect()
    }

    fn holds(&self, claimed: &Claimed) -> bool {
        self.held.get(&claimed.shard) == Some(&claimed.epoch)
    }
}
