//! What the journal in memory holds: what a disk would, how to undo the last of it, and what a process knows besides.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::{
    Carried, DeadLetter, DeadLetters, Deed, Duties, Duty, End, Intent, JournalOptions, Mark, Outcome, Redrive, Seq,
    Settled, Status,
};
use crate::{
    document::{DocumentId, Version},
    error::Side,
    write::Action,
};

/// Older calls than this count as synced: operating systems write back too.
const UNDOABLE: usize = 4096;

pub(super) type Lane = (Arc<str>, DocumentId);

pub(super) struct State {
    pub(super) options: JournalOptions,
    pub(super) slots: BTreeMap<Seq, Slot>,
    pub(super) lanes: BTreeMap<Lane, BTreeSet<Seq>>,
    letters: BTreeMap<Seq, DeadLetter>,
    last: i64,
    last_letter: i64,
    highest: Version,
    undo: Vec<Vec<Before>>,
    /// Outcomes of entries that are still asked.
    notes: BTreeMap<Seq, Outcome>,
    pub(super) claimed: BTreeMap<Duty, BTreeSet<Seq>>,
    pub(super) waits: BTreeMap<Duty, BTreeMap<Seq, Wait>>,
    last_failure: BTreeMap<Duty, String>,
}

/// An entry as a disk would hold it.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) intent: Intent,
    pub(super) outcome: Outcome,
    pub(super) duties: Duties,
    pub(super) redo: bool,
    appended: Instant,
    /// Whether the write it stands for began before the restart, or nobody knows when.
    ageless: bool,
}

/// What is remembered of an entry that was not done at once.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub(super) due: Instant,
    pub(super) attempts: u32,
    failing: bool,
}

/// How something was before a call changed it.
enum Before {
    Slot(Seq, Option<Box<Slot>>),
    Letter(Seq, Option<Box<DeadLetter>>),
}

impl Slot {
    /// How far it has come, if this side decided it.
    fn carried(&self, side: Side) -> Option<Carried> {
        (self.intent.authority == side).then_some(match self.outcome {
            Outcome::Accepted(_) if self.duties.has_any(Duties::that_carry(side)) => Carried::Pending,
            Outcome::Accepted(_) if matches!(self.intent.deed, Deed::Change(_)) => Carried::All,
            _ => Carried::Unknown,
        })
    }
}

impl State {
    pub(super) fn new(options: JournalOptions) -> Self {
        Self {
            options,
            slots: BTreeMap::new(),
            lanes: BTreeMap::new(),
            letters: BTreeMap::new(),
            last: 0,
            last_letter: 0,
            highest: Version(i64::MIN),
            undo: Vec::new(),
            notes: BTreeMap::new(),
            claimed: BTreeMap::new(),
            waits: BTreeMap::new(),
            last_failure: BTreeMap::new(),
        }
    }

    pub(super) fn append(&mut self, intents: &[Intent], outcome: Outcome, now: Instant) -> Vec<Seq> {
        let seqs = intents
            .iter()
            .map(|intent| {
                let duties = Duties::of(intent, outcome);
                let slot = Slot { intent: intent.clone(), outcome, duties, redo: false, appended: now, ageless: false };
                self.push(slot, now)
            })
            .collect();
        self.undo.clear();
        seqs
    }

    pub(super) fn resolve(&mut self, marks: &[Mark], now: Instant) -> Vec<Seq> {
        let mut given_up = Vec::new();
        self.begin();
        for mark in marks {
            self.notes.remove(&mark.seq);
            let asked = self.slots.get(&mark.seq).filter(|slot| slot.outcome == Outcome::Asked);
            let Some(mut slot) = asked.cloned() else {
                given_up.push(mark.seq);
                continue;
            };
            if let (Some(document), Deed::Change(action)) = (&mark.document, &mut slot.intent.deed) {
                *action = Action::Put(document.clone());
            }
            slot.outcome = mark.outcome;
            slot.duties = Duties::of(&slot.intent, mark.outcome);
            self.limbo(mark.seq, &slot, now);
            self.set(mark.seq, slot);
        }
        given_up
    }

    /// Whether all of it was noted.
    pub(super) fn note_outcomes(&mut self, marks: &[Mark]) -> bool {
        let noted = marks.iter().all(Mark::can_be_noted);
        if noted {
            self.notes.extend(marks.iter().map(|mark| (mark.seq, mark.outcome)));
        }
        noted
    }

    /// Every entry with its outcome, noted ones included.
    pub(super) fn outcomes(&self) -> Vec<(Intent, Outcome)> {
        let outcome = |seq: &Seq, slot: &Slot| self.notes.get(seq).copied().unwrap_or(slot.outcome);
        self.slots.iter().map(|(seq, slot)| (slot.intent.clone(), outcome(seq, slot))).collect()
    }

    pub(super) fn forget_notes(&mut self) {
        self.notes.clear();
    }

    pub(super) fn settle(&mut self, duty: Duty, ends: &[Settled], now: Instant) {
        self.begin();
        for Settled { seq, end } in ends {
            // What is not claimed has been settled already.
            if !self.claimed.entry(duty).or_default().remove(seq) {
                continue;
            }
            let Some(mut slot) = self.slots.get(seq).cloned() else { continue };
            if let End::Retry { after, why, counts } = end {
                let attempts = self.attempts(duty, *seq) + u32::from(*counts);
                let wait = Wait { due: now + *after, attempts, failing: why.is_some() };
                self.waits.entry(duty).or_default().insert(*seq, wait);
                self.last_failure.extend(why.clone().map(|why| (duty, why)));
                continue;
            }
            self.forget(duty, *seq);
            slot.duties = slot.duties.without(duty);
            match end {
                End::Then { duties, redo } => {
                    slot.duties = slot.duties.and(*duties);
                    slot.redo |= redo;
                }
                End::Dead { why, then } => {
                    slot.duties = slot.duties.and(*then);
                    self.bury(duty, slot.intent.clone(), why.clone());
                }
                End::Done { .. } | End::Retry { .. } => {}
            }
            if matches!(end, End::Done { supersedes: true }) {
                if duty == Duty::Pg && self.will_be_overtaken(*seq, &slot.intent) {
                    slot.duties = slot.duties.and(Duties::RECONCILE);
                }
                self.supersede(duty, *seq, &slot.intent);
            }
            self.set(*seq, slot);
        }
    }

    pub(super) fn open_after(&self, duty: Duty, index: &str, ids: &[(DocumentId, Seq)]) -> Vec<bool> {
        let claimed = self.claimed.get(&duty);
        let open = |seq: &Seq| {
            self.slots.get(seq).is_some_and(|slot| {
                let counts = match duty {
                    Duty::Meili => slot.intent.authority == Side::Meili,
                    Duty::Pg => true,
                    Duty::Reconcile => claimed.is_none_or(|claimed| !claimed.contains(seq)),
                };
                counts && (slot.duties.has(duty) || slot.outcome == Outcome::Asked)
            })
        };
        let index: Arc<str> = index.into();
        let later = |(id, after): &(DocumentId, Seq)| {
            let lane = self.lanes.get(&(Arc::clone(&index), id.clone()));
            lane.is_some_and(|seqs| seqs.iter().any(|seq| seq > after && open(seq)))
        };
        ids.iter().map(later).collect()
    }

    pub(super) fn carried(&self, side: Side, index: &str, ids: &[DocumentId]) -> Vec<Carried> {
        let index: Arc<str> = index.into();
        let lane = |id: &DocumentId| self.lanes.get(&(Arc::clone(&index), id.clone()));
        let furthest = |seqs: &BTreeSet<Seq>| seqs.iter().filter_map(|seq| self.slots.get(seq)?.carried(side)).max();
        ids.iter().map(|id| lane(id).and_then(furthest).unwrap_or_default()).collect()
    }

    pub(super) fn index_carried(&self, side: Side, index: &str) -> Carried {
        let of_index = self.slots.values().filter(|slot| *slot.intent.index == *index);
        of_index.filter_map(|slot| slot.carried(side)).max().unwrap_or_default()
    }

    pub(super) fn highest_version(&self) -> Version {
        self.highest.max(Version(0))
    }

    pub(super) fn status(&self, now: Instant) -> Status {
        let with = |duty: Duty| self.slots.values().filter(|slot| slot.duties.has(duty)).count() as u64;
        let failing = |duty: &Duty| {
            let waiting = self.waits.get(duty)?.values().filter(|wait| wait.failing).count() as u64;
            (waiting > 0).then(|| self.last_failure.get(duty).map(|why| (*duty, waiting, why.clone())))?
        };
        Status {
            pending: self.slots.len() as u64,
            asked: self.slots.values().filter(|slot| slot.outcome == Outcome::Asked).count() as u64,
            meili: with(Duty::Meili),
            pg: with(Duty::Pg),
            reconcile: with(Duty::Reconcile),
            oldest_seconds: self.slots.values().next().map(|slot| (now - slot.appended).as_secs_f64()),
            dead_letters: self.letters.len() as u64,
            failing: Duty::ALL.iter().filter_map(failing).collect(),
        }
    }

    pub(super) fn indexes(&self) -> Vec<Arc<str>> {
        let indexes: BTreeSet<&Arc<str>> = self.slots.values().map(|slot| &slot.intent.index).collect();
        indexes.into_iter().cloned().collect()
    }

    pub(super) fn dead_letters(&self, after: Option<Seq>, limit: usize) -> Vec<DeadLetter> {
        let after = after.unwrap_or(Seq(0));
        self.letters.values().filter(|letter| letter.seq > after).take(limit).cloned().collect()
    }

    pub(super) fn dispose(&mut self, which: &DeadLetters, how: Redrive, now: Instant) -> u64 {
        let chosen = |letter: &&DeadLetter| match which {
            DeadLetters::All => true,
            DeadLetters::Of(duty) => letter.duty == *duty,
            DeadLetters::These(seqs) => seqs.contains(&letter.seq),
        };
        let chosen: Vec<DeadLetter> = self.letters.values().filter(chosen).cloned().collect();
        for letter in &chosen {
            self.letters.remove(&letter.seq);
            if how == Redrive::Again {
                let slot = Slot {
                    intent: letter.intent.clone(),
                    outcome: Outcome::Accepted(None),
                    duties: Duties::from_bits(letter.duty.bit()),
                    redo: false,
                    appended: now,
                    ageless: true,
                };
                self.push(slot, now);
            }
        }
        self.undo.clear();
        chosen.len() as u64
    }

    /// How long ago an entry was appended, if that was in this process.
    pub(super) fn age(slot: &Slot, now: Instant) -> Option<Duration> {
        (!slot.ageless).then(|| now - slot.appended)
    }

    pub(super) fn attempts(&self, duty: Duty, seq: Seq) -> u32 {
        self.waits.get(&duty).and_then(|waits| waits.get(&seq)).map_or(0, |wait| wait.attempts)
    }

    pub(super) fn unsynced(&self) -> usize {
        self.undo.len()
    }

    /// Undoes all calls but the first `kept` of those that can be.
    pub(super) fn undo_after(&mut self, kept: usize) {
        while self.undo.len() > kept {
            for before in self.undo.pop().into_iter().flatten().rev() {
                match before {
                    Before::Slot(seq, Some(slot)) => self.put(seq, *slot),
                    Before::Slot(seq, None) => self.remove(seq),
                    Before::Letter(seq, Some(letter)) => drop(self.letters.insert(seq, *letter)),
                    Before::Letter(seq, None) => drop(self.letters.remove(&seq)),
                }
            }
        }
    }

    /// What a new process makes of what it finds.
    pub(super) fn restart(&mut self, now: Instant) {
        self.claimed.clear();
        self.waits.clear();
        self.last_failure.clear();
        self.undo.clear();
        let mut notes = std::mem::take(&mut self.notes);
        let mut limbo = Vec::new();
        for (seq, slot) in &mut self.slots {
            slot.ageless = true;
            if slot.outcome == Outcome::Asked {
                slot.outcome = notes.remove(seq).unwrap_or(Outcome::Unknown);
                slot.duties = Duties::of(&slot.intent, slot.outcome);
            }
            // Nobody knows how much of its wait one that was unknown before had behind it.
            limbo.push((*seq, slot.clone()));
        }
        for (seq, slot) in limbo {
            self.limbo(seq, &slot, now);
            // What was being sent for it may still arrive.
            if slot.duties == Duties::RECONCILE {
                let wait = Wait { due: now + self.options.limbo, attempts: 0, failing: false };
                self.waits.entry(Duty::Reconcile).or_default().insert(seq, wait);
            }
        }
    }

    fn push(&mut self, slot: Slot, now: Instant) -> Seq {
        self.last += 1;
        let seq = Seq(self.last);
        self.highest = self.highest.max(slot.intent.version);
        self.limbo(seq, &slot, now);
        if slot.outcome != Outcome::Refused {
            self.put(seq, slot);
        }
        seq
    }

    fn limbo(&mut self, seq: Seq, slot: &Slot, now: Instant) {
        if slot.outcome == Outcome::Unknown {
            let wait = Wait { due: now + self.options.limbo, attempts: 0, failing: false };
            for duty in Duty::ALL.into_iter().filter(|duty| slot.duties.has(*duty)) {
                self.waits.entry(duty).or_default().insert(seq, wait);
            }
        }
    }

    /// The same duty of earlier accepted entries is done with.
    fn supersede(&mut self, duty: Duty, seq: Seq, intent: &Intent) {
        let lane = (Arc::clone(&intent.index), intent.id.clone());
        let earlier: Vec<Seq> = self.lanes.get(&lane).into_iter().flatten().copied().filter(|at| *at < seq).collect();
        for at in earlier {
            let claimed = self.claimed.get(&duty).is_some_and(|claimed| claimed.contains(&at));
            let Some(mut slot) = self.slots.get(&at).cloned() else { continue };
            let accepted = matches!(slot.outcome, Outcome::Accepted(_));
            let sweep = matches!(slot.intent.deed, Deed::Sweep(_));
            let newer = slot.intent.version > intent.version;
            if accepted && !sweep && !claimed && !newer && slot.duties.has(duty) {
                self.forget(duty, at);
                slot.duties = slot.duties.without(duty);
                self.set(at, slot);
            }
        }
    }

    /// Whether an earlier entry with a higher version is yet to be written to PostgreSQL.
    fn will_be_overtaken(&self, seq: Seq, intent: &Intent) -> bool {
        let lane = (Arc::clone(&intent.index), intent.id.clone());
        let lane = self.lanes.get(&lane).into_iter().flatten();
        let earlier = lane.take_while(|at| **at < seq).filter_map(|at| self.slots.get(at));
        let mut above = earlier.filter(|slot| slot.intent.version > intent.version);
        above.any(|slot| slot.outcome == Outcome::Asked || slot.duties.has(Duty::Pg))
    }

    fn bury(&mut self, duty: Duty, intent: Intent, why: String) {
        self.last_letter += 1;
        let seq = Seq(self.last_letter);
        self.note(Before::Letter(seq, None));
        self.letters.insert(seq, DeadLetter { seq, duty, intent, why, at: Timestamp::now() });
    }

    fn forget(&mut self, duty: Duty, seq: Seq) {
        self.waits.entry(duty).or_default().remove(&seq);
    }

    /// A call begins that may be undone.
    fn begin(&mut self) {
        if self.undo.len() >= UNDOABLE {
            self.undo.drain(..UNDOABLE / 2);
        }
        self.undo.push(Vec::new());
    }

    fn note(&mut self, before: Before) {
        if let Some(call) = self.undo.last_mut() {
            call.push(before);
        }
    }

    /// Changes an entry, or takes it out once nothing is left to be done for it.
    fn set(&mut self, seq: Seq, slot: Slot) {
        let before = self.slots.get(&seq).cloned().map(Box::new);
        self.note(Before::Slot(seq, before));
        if slot.duties.is_empty() && slot.outcome != Outcome::Asked {
            self.remove(seq);
        } else {
            self.put(seq, slot);
        }
    }

    fn put(&mut self, seq: Seq, slot: Slot) {
        let lane = (Arc::clone(&slot.intent.index), slot.intent.id.clone());
        self.lanes.entry(lane).or_default().insert(seq);
        self.slots.insert(seq, slot);
    }

    fn remove(&mut self, seq: Seq) {
        let Some(slot) = self.slots.remove(&seq) else { return };
        let lane = (slot.intent.index, slot.intent.id);
        if let Some(seqs) = self.lanes.get_mut(&lane) {
            seqs.remove(&seq);
            if seqs.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }
}
