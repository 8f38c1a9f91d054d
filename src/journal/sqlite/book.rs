//! What a process knows of entries besides what is in the file: who has them, and which have to wait.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{super::Duty, queue::Queue};

#[derive(Default)]
pub(super) struct Book {
    queues: [Queue; 3],
    /// By index, the first sweep that PostgreSQL waits for.
    pub(super) first_sweeps: BTreeMap<i64, i64>,
    /// Whether they have to be read again.
    pub(super) sweeps_stale: bool,
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
            Effect::Ended(duty, seq) => self.queue(duty).end(seq),
            Effect::Retry { duty, seq, due, why, counts } => self.queue(duty).retry(seq, due, why, counts),
            Effect::Superseded(duty, seq) => self.queue(duty).forget(seq),
            Effect::Gained { duty, seq, due } => self.queue(duty).gain(seq, due),
            Effect::Swept => self.sweeps_stale = true,
        }
    }

    /// The sweeps that PostgreSQL waits for have been read: what waited for others may go on.
    pub(super) fn set_first_sweeps(&mut self, sweeps: Vec<(i64, i64)>) {
        self.first_sweeps = sweeps.into_iter().collect();
        self.sweeps_stale = false;
        self.queue(Duty::Pg).go_on_behind();
    }

    /// By duty: how many wait because something went wrong, and what went wrong last.
    pub(super) fn failing(&self) -> Vec<(Duty, u64, String)> {
        let failing = |(duty, queue): (&Duty, &Queue)| {
            let (waiting, why) = queue.failing()?;
            Some((*duty, waiting, why))
        };
        Duty::ALL.iter().zip(&self.queues).filter_map(failing).collect()
    }
}
