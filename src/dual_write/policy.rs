use std::{sync::Arc, time::Duration};

use super::VersionClock;
use crate::breaker::BreakerPolicy;

/// How writes are made.
#[derive(Clone, Debug)]
pub struct DualWritePolicy {
    /// The index of writes that name none; without it they are refused.
    pub default_index: Option<Arc<str>>,
    /// What a response waits for.
    pub ack: Ack,
    /// What happens to a write that cannot be recorded.
    pub without_journal: WithoutJournal,
    /// How long a write waits for the journal, for earlier writes of its documents, and for PostgreSQL where that
    /// decides, each (5 s).
    pub deadline: Duration,
    /// Where versions come from that the service does not give.
    pub clock: VersionClock,
    /// Documents in one batch to a side (1,000).
    pub batch: usize,
    /// How long one call to a side may take (30 s).
    pub call_timeout: Duration,
    /// How often one document may fail on a side that is well otherwise, before it is a dead letter (10).
    pub attempts: u32,
    /// The ceiling of the first pause after a failure (100 ms); doubled with each one, and drawn from 0 to it.
    pub first_pause: Duration,
    /// The highest ceiling (30 s).
    pub max_pause: Duration,
    /// When a side that fails is left alone for a while.
    pub breaker: BreakerPolicy,
    /// How often unfinished tasks are asked about, at first (10 ms); doubled up to 50 times that.
    pub poll: Duration,
    /// How long the worker goes on after the stop, while there is something to do (5 s). What is left stays in the journal.
    pub drain: Duration,
    /// Whether metrics show the state of the journal (yes). Not for a second pair beside the one of the service.
    pub show_journal: bool,
    /// Where the random pauses come from: a fixed seed makes them repeatable.
    pub seed: Option<u64>,
}

/// What a response waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ack {
    /// The authority.
    #[default]
    Authority,
    /// The authority, and then the other side for at most this long. After that the response goes out as the authority gave
    /// it, which is counted: the write is in the journal.
    Both(Duration),
}

/// What happens to a write that the journal does not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutJournal {
    /// It is refused: nothing is written.
    #[default]
    Refuse,
    /// It is made at the authority, and its documents are suspected of drift: counted, and compared as soon as the journal
    /// is back. Should the process end before, only a drift check finds them.
    TakeAndSuspect,
}

impl Default for DualWritePolicy {
    fn default() -> Self {
        Self {
            default_index: None,
            ack: Ack::default(),
            without_journal: WithoutJournal::default(),
            deadline: Duration::from_secs(5),
            clock: VersionClock::new(),
            batch: 1000,
            call_timeout: Duration::from_secs(30),
            attempts: 10,
            first_pause: Duration::from_millis(100),
            max_pause: Duration::from_secs(30),
            breaker: BreakerPolicy::default(),
            poll: Duration::from_millis(10),
            drain: Duration::from_secs(5),
            show_journal: true,
            seed: None,
        }
    }
}
