//! What becomes of the reads that PostgreSQL is to answer, counted since the process started.
//!
//! [`Tally`] is shared by the layers, which count, and by the heartbeat and the guard, which look. A read that
//! Meilisearch answers because the flags say so touches nothing here.
//!
//! ```
//! use std::sync::Arc;
//! use crossfade::tally::Tally;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let tally = Arc::new(Tally::new());
//! let before = tally.counts();
//! tally.asking().answered();
//! drop(tally.asking()); // its client has gone away
//! let window = tally.counts().since(&before);
//! assert_eq!((window.wanted(), window.answered, window.abandoned), (1, 1, 1));
//! # }
//! ```

mod asking;
mod waits;

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed},
        },
    },
    time::Duration,
};

use tokio::time::Instant;

use self::waits::Recorder;
pub use self::{asking::Asking, waits::Waits};

/// The counters of a process. Every one only ever grows.
#[derive(Debug)]
pub struct Tally {
    started: Instant,
    asked: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    held_back: AtomicU64,
    unfit: AtomicU64,
    abandoned: AtomicU64,
    /// When the last answer came: microseconds since `started`, and one; 0 is never.
    last_answer: AtomicU64,
    waits: Recorder,
    given_up: Recorder,
}

/// What the counters stood at, or by how much they grew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// PostgreSQL answered.
    pub answered: u64,
    /// It was asked and failed, or took longer than its deadline.
    pub failed: u64,
    /// It was not asked, because it had failed too often: the breaker was open.
    pub held_back: u64,
    /// It could not be asked this: the query uses what it does not offer, is wrong, or not allowed. Says nothing of the
    /// server.
    pub unfit: u64,
    /// The client went away while it was asked; not among the [`wanted`](Self::wanted).
    pub abandoned: u64,
    /// How long readers waited for answers, and for deadlines that passed.
    pub waits: Waits,
    /// How long clients that went away had waited.
    pub given_up: Waits,
}

impl Tally {
    /// All at zero.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
            unfit: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            last_answer: AtomicU64::new(0),
            waits: Recorder::default(),
            given_up: Recorder::default(),
        }
    }

    /// PostgreSQL is asked from now on. Dropped without a word, the read counts as abandoned.
    pub fn asking(self: &Arc<Self>) -> Asking {
        Asking::new(self.clone())
    }

    /// The breaker was open.
    pub fn held_back(&self) {
        self.held_back.fetch_add(1, Relaxed);
    }

    /// PostgreSQL could not be asked this.
    pub fn unfit(&self) {
        self.unfit.fetch_add(1, Relaxed);
    }

    /// Reads that PostgreSQL is being asked right now.
    pub fn under_way(&self) -> u64 {
        // Ended first: one that ends in between must not count as under way for ever, nor make this less than none.
        let ended = [&self.answered, &self.failed, &self.abandoned].map(|ended| ended.load(Acquire)).iter().sum();
        self.asked.load(Relaxed).saturating_sub(ended)
    }

    /// How long ago PostgreSQL last answered a read; `None`: never since the start.
    pub fn last_answer(&self) -> Option<Duration> {
        let micros = self.last_answer.load(Relaxed).checked_sub(1)?;
        Some(self.started.elapsed().saturating_sub(Duration::from_micros(micros)))
    }

    /// What the counters stand at. Not one instant, but each is right by itself.
    pub fn counts(&self) -> Counts {
        Counts {
            answered: self.answered.load(Relaxed),
            failed: self.failed.load(Relaxed),
            held_back: self.held_back.load(Relaxed),
            unfit: self.unfit.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            waits: self.waits.read(),
            given_up: self.given_up.read(),
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Counts {
    /// Reads that PostgreSQL was to answer and that have ended.
    pub fn wanted(&self) -> u64 {
        self.answered + self.failed + self.held_back + self.unfit
    }

    /// Those that it did not answer.
    pub fn fallbacks(&self) -> u64 {
        self.failed + self.held_back + self.unfit
    }

    /// By how much they have grown since earlier ones of the same process.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            answered: self.answered.saturating_sub(earlier.answered),
            failed: self.failed.saturating_sub(earlier.failed),
            held_back: self.held_back.saturating_sub(earlier.held_back),
            unfit: self.unfit.saturating_sub(earlier.unfit),
            abandoned: self.abandoned.saturating_sub(earlier.abandoned),
            waits: self.waits.since(&earlier.waits),
            given_up: self.given_up.since(&earlier.given_up),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_read_ends_as_exactly_one_thing() {
        let tally = Arc::new(Tally::new());
        assert_eq!(tally.last_answer(), None);
        let (first, second, third) = (tally.asking(), tally.asking(), tally.asking());
        let odd = tally.asking();
        assert_eq!(tally.under_way(), 4);
        tokio::time::advance(Duration::from_secs(1)).await;
        first.answered();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(tally.last_answer(), Some(Duration::from_secs(1)));
        second.failed(true);
        drop(third);
        odd.unfit();
        tally.held_back();
        let counts = tally.counts();
        let ends = (counts.answered, counts.failed, counts.abandoned, counts.unfit, counts.held_back);
        assert_eq!((ends, tally.under_way()), ((1, 1, 1, 1, 1), 0));
        assert_eq!((counts.wanted(), counts.fallbacks()), (4, 3));
        assert_eq!((counts.waits.total(), counts.given_up.total()), (2, 1));
        assert_eq!(tally.counts().since(&counts), Counts::default());
    }
}
