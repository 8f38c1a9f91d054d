//! Meilisearch is brought up to date: what it has accepted is followed to its end.
//!
//! A task under way is a *flight*: of a request (Meilisearch decided, and gave the service a task) or of a batch that was sent
//! from here. All of them are asked about in one request.

use std::collections::BTreeMap;

use tokio::time::{Instant, sleep, timeout};

use super::{
    DualWriteWorker,
    batch::{Newest, by_index},
};
use crate::{
    backend::write::TaskState,
    error::Side,
    journal::{Claim, Duty, Entry, Outcome},
    write::TaskId,
};

/// Tasks under way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flights: BTreeMap<TaskId, Flight>,
    /// Entries in all of them.
    entries: usize,
}

/// One task under way.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// Entries of requests: Meilisearch decided, and took them by this task.
    pub(super) followed: Vec<Entry>,
    /// Entries that were sent from here.
    pub(super) sent: Vec<Newest>,
    /// Parts of the batch they were in, still to be sent, the last first. Tasks that wait at the same time fail together.
    pub(super) rest: Vec<Vec<Newest>>,
}

impl Flights {
    pub(super) fn follow(&mut self, task: TaskId, entry: Entry) {
        self.entries += 1;
        self.flights.entry(task).or_default().followed.push(entry);
    }

    pub(super) fn sent(&mut self, task: TaskId, batch: Vec<Newest>, rest: Vec<Vec<Newest>>) {
        let flight = self.flights.entry(task).or_default();
        self.entries -= flight.entries();
        flight.sent.extend(batch);
        flight.rest.extend(rest);
        self.entries += flight.entries();
    }

    fn landed(&mut self, task: TaskId) -> Flight {
        let flight = self.flights.remove(&task).unwrap_or_default();
        self.entries -= flight.entries();
        flight
    }
}

impl Flight {
    fn entries(&self) -> usize {
        let sent = self.sent.iter().chain(self.rest.iter().flatten());
        self.followed.len() + sent.map(|newest| 1 + newest.superseded.len()).sum::<usize>()
    }
}

/// Batches whose entries may be under way at a time.
const MOST_BATCHES: usize = 4;
/// How far the pause between two looks at unfinished tasks grows.
const SLOWEST_POLL: u32 = 50;

impl DualWriteWorker {
    pub(super) async fn flights(&self) {
        let batch = self.shared.policy.batch.max(1);
        let mut flights = Flights::default();
        let mut pause = self.shared.policy.poll;
        // Whether what was found last is sent from here.
        let mut feeds = false;
        loop {
            if !self.meili.admits() {
                sleep(self.shared.policy.first_pause).await;
                continue;
            }
            let room = (batch * MOST_BATCHES).saturating_sub(flights.entries).min(batch);
            let began = Instant::now();
            let claim = if room > 0 { self.claim(Duty::Meili, room).await } else { Claim::default() };
            let found = !claim.entries.is_empty();
            let few = claim.entries.len() < room;
            feeds = claim.entries.iter().any(|entry| entry.intent.authority == Side::Pg) || (feeds && !found);
            if found {
                self.take_off(claim.entries, &mut flights).await;
                // All of it may have been put off, with nothing asked: then the next ones may probe.
                self.meili.released();
                pause = self.shared.policy.poll;
            }
            if flights.flights.is_empty() {
                if !found {
                    self.meili.released();
                    self.rest(Duty::Meili, claim.next).await;
                } else if few {
                    self.linger_after(began, feeds).await;
                }
                continue;
            }
            if self.look(&mut flights).await {
                pause = self.shared.policy.poll;
                if few {
                    self.linger_after(began, feeds).await;
                }
            } else {
                // New work shortens the pause: it is not made to wait for tasks that take their time.
                self.linger_after(began, feeds).await;
                let longer = pause.saturating_sub(self.shared.policy.poll);
                let _ = timeout(longer, self.shared.work[Duty::Meili as usize].notified()).await;
                pause = (pause * 2).min(self.shared.policy.poll * SLOWEST_POLL);
            }
        }
    }

    /// Sorts new entries: some have a task already, some have to be looked for, some have to be sent.
    async fn take_off(&self, entries: Vec<Entry>, flights: &mut Flights) {
        let (mut doubtful, mut unsent) = (Vec::new(), Vec::new());
        for entry in entries {
            let decided_there = entry.intent.authority == Side::Meili && !entry.redo;
            match entry.outcome {
                Outcome::Accepted(Some(task)) if decided_there => flights.follow(task, entry),
                _ if decided_there => doubtful.push(entry),
                _ => unsent.push(entry),
            }
        }
        for (index, entries) in by_index(doubtful) {
            self.verify(&index, entries).await;
        }
        // A process that has died may have been sending these.
        let before = unsent.iter().filter(|entry| entry.age.is_none());
        self.doubt(before.map(|entry| entry.intent.clone()).collect::<Vec<_>>()).await;
        for entries in by_index(unsent).into_values() {
            self.deliver(entries, flights).await;
        }
    }

    /// Asks how the tasks stand. Whether any has ended.
    async fn look(&self, flights: &mut Flights) -> bool {
        let tasks: Vec<TaskId> = flights.flights.keys().copied().collect();
        let states = match self.call(Side::Meili, "following tasks", self.source.tasks(&tasks)).await {
            Ok(states) => states,
            Err(error) => {
                self.meili.failed(&error);
                sleep(self.meili.pause()).await;
                return false;
            }
        };
        self.meili.succeeded();
        let (mut landed, mut vanished, mut ends) = (false, Vec::new(), Vec::new());
        for (task, state) in tasks.into_iter().zip(states) {
            if state == TaskState::Unfinished {
                continue;
            }
            landed = true;
            let Flight { followed, sent, rest } = flights.landed(task);
            let tasks_were_well = self.meili.task_ended(state == TaskState::Succeeded);
            match state {
                TaskState::Vanished => vanished.extend(followed),
                _ => ends.extend(followed.into_iter().map(|entry| super::follow::ended(entry, &state))),
            }
            let parts = self.delivered(sent, rest, &state, tasks_were_well).await;
            self.send(parts, flights).await;
        }
        // All at once: a request mostly has a task of its own.
        self.settle(Duty::Meili, ends).await;
        for (index, entries) in by_index(vanished) {
            self.verify(&index, entries).await;
        }
        landed
    }
}
