//! Which entries the journal in memory gives out.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    super::{Claim, Deed, Duties, Duty, Entry, Outcome, Seq},
    state::{Lane, Slot, State},
};

impl State {
    pub(super) fn claim(&mut self, duty: Duty, limit: usize, now: Instant) -> Claim {
        let taken = self.claimed.get(&duty).cloned().unwrap_or_default();
        let busy: BTreeSet<Lane> = taken.iter().filter_map(|seq| self.slots.get(seq)).map(lane).collect();
        let mut claim = Claim { entries: Vec::new(), next: self.next_due(duty, &taken, now) };
        // Indexes in which an older entry has the duty or is being asked, and those in which a sweep has it.
        let (mut older, mut swept) = (BTreeSet::<Arc<str>>::new(), BTreeSet::<Arc<str>>::new());
        let mut given = BTreeSet::<Lane>::new();
        for (seq, slot) in &self.slots {
            if claim.entries.len() >= limit {
                break;
            }
            let index = &slot.intent.index;
            let sweep = matches!(slot.intent.deed, Deed::Sweep(_));
            let behind = if sweep { older.contains(index) } else { duty == Duty::Pg && swept.contains(index) };
            let owed = slot.duties.has(duty);
            if owed || slot.outcome == Outcome::Asked {
                older.insert(Arc::clone(index));
            }
            if !owed {
                continue;
            }
            if sweep {
                swept.insert(Arc::clone(index));
            }
            if behind || taken.contains(seq) || busy.contains(&lane(slot)) || !self.ready(duty, *seq, slot, now) {
                continue;
            }
            if sweep && !claim.entries.is_empty() {
                // Alone: the next call begins with it.
                claim.next = Some(Duration::ZERO);
                break;
            }
            if duty == Duty::Reconcile {
                if given.insert(lane(slot)) {
                    claim.entries.extend(self.together(slot, now));
                }
                continue;
            }
            claim.entries.push(self.entry(duty, *seq, slot, now));
            if sweep {
                break;
            }
        }
        claim.entries.sort_by_key(|entry| entry.seq);
        self.claimed.entry(duty).or_default().extend(claim.entries.iter().map(|entry| entry.seq));
        claim
    }

    /// All that is to be reconciled of a document, if all of it is due.
    fn together(&self, slot: &Slot, now: Instant) -> Vec<Entry> {
        let (duty, only) = (Duty::Reconcile, Duties::RECONCILE);
        let lane = self.lanes.get(&lane(slot)).into_iter().flatten();
        let entries = lane.filter_map(|seq| Some((*seq, self.slots.get(seq)?))).filter(|(_, slot)| slot.duties == only);
        let entries: Vec<(Seq, &Slot)> = entries.collect();
        match entries.iter().all(|(seq, slot)| self.ready(duty, *seq, slot, now)) {
            true => entries.into_iter().map(|(seq, slot)| self.entry(duty, seq, slot, now)).collect(),
            false => Vec::new(),
        }
    }

    fn entry(&self, duty: Duty, seq: Seq, slot: &Slot, now: Instant) -> Entry {
        Entry {
            seq,
            intent: slot.intent.clone(),
            outcome: slot.outcome,
            redo: slot.redo,
            attempts: self.attempts(duty, seq),
            age: Self::age(slot, now),
        }
    }

    /// Whether nothing but other entries stands in its way.
    fn ready(&self, duty: Duty, seq: Seq, slot: &Slot, now: Instant) -> bool {
        let due = self.waits.get(&duty).and_then(|waits| waits.get(&seq)).is_none_or(|wait| wait.due <= now);
        due && (duty != Duty::Reconcile || slot.duties.without(duty).is_empty())
    }

    fn next_due(&self, duty: Duty, taken: &BTreeSet<Seq>, now: Instant) -> Option<Duration> {
        let waits = self.waits.get(&duty)?;
        let open = waits.iter().filter(|(seq, wait)| wait.due > now && !taken.contains(seq));
        open.map(|(_, wait)| wait.due - now).min()
    }
}

fn lane(slot: &Slot) -> Lane {
    (Arc::clone(&slot.intent.index), slot.intent.id.clone())
}
