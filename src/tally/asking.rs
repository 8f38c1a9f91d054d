use std::sync::{
    Arc,
    atomic::Ordering::{Relaxed, Release},
};

use tokio::time::Instant;

use super::Tally;

/// A read that PostgreSQL is being asked. Says how it ended, once; dropped, its client has gone away.
#[derive(Debug)]
#[must_use = "dropped, it counts as abandoned"]
pub struct Asking {
    tally: Arc<Tally>,
    since: Instant,
    ended: bool,
}

impl Asking {
    pub(super) fn new(tally: Arc<Tally>) -> Self {
        tally.asked.fetch_add(1, Relaxed);
        Self { tally, since: Instant::now(), ended: false }
    }

    /// PostgreSQL answered.
    pub fn answered(mut self) {
        self.ended = true;
        let tally = &*self.tally;
        tally.waits.record(self.since.elapsed());
        let micros = u64::try_from(tally.started.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        tally.last_answer.fetch_max(micros + 1, Relaxed);
        // Whoever sees it counted sees when.
        tally.answered.fetch_add(1, Release);
    }

    /// It failed; `late`: because the deadline passed, which its reader waited for.
    pub fn failed(mut self, late: bool) {
        self.ended = true;
        if late {
            self.tally.waits.record(self.since.elapsed());
        }
        self.tally.failed.fetch_add(1, Relaxed);
    }

    /// It turned out that it cannot be asked this.
    pub fn unfit(mut self) {
        self.ended = true;
        self.tally.asked.fetch_sub(1, Relaxed);
        self.tally.unfit();
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.ended {
            self.tally.given_up.record(self.since.elapsed());
            self.tally.abandoned.fetch_add(1, Relaxed);
        }
    }
}
