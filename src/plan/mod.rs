//! The plan: the validated, immutable snapshot of all flags that one request sees.
//!
//! [`Plan`] is small and `Copy`; [`PlanHandle`] holds the current one behind an arc-swap, so that reading it costs a
//! few nanoseconds and a change takes effect with the next request.

mod file;
mod flag_set;
mod flags;
mod handle;
mod last_good;
mod merge;
mod percent;
mod phase;
pub mod rules;
mod source;
mod state;
mod watch;

pub use file::FlagFile;
pub use flag_set::FlagSet;
pub use flags::{Flag, Flags, ReadBackend, WriteMode};
pub use handle::PlanHandle;
pub use percent::{Percent, PercentError};
pub use phase::Phase;
pub use rules::{Refusal, Rule};
pub use source::{Cause, FlagReading, FlagSource, FlagSourceError, Mark};
pub use watch::{Flagging, PlanWatcher};

use crate::error::Side;

/// What one request sees of the flags. Made by the rules, never by hand outside tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The flags, in a combination that the rules allow.
    pub flags: Flags,
    /// Set by the emergency brake (`dual -> meili_only`): PostgreSQL has missed writes.
    pub target_stale: bool,
    /// Set by a rollback: reads stay on Meilisearch until a person clears it.
    pub latched: bool,
    /// Counts the plans of one [`PlanHandle`], from 0.
    pub version: u64,
}

impl Plan {
    /// A plan of these flags, as the first of its handle.
    pub fn new(flags: Flags) -> Self {
        Self { flags, ..Self::default() }
    }

    /// Where the migration stands.
    pub fn phase(&self) -> Phase {
        Phase::of(&self.flags)
    }

    /// The share of reads that is also sent to the other side: the flag while both sides are kept current, else none.
    #[inline]
    pub fn shadow_rate(&self) -> Percent {
        match self.flags.write_mode {
            WriteMode::Dual => self.flags.shadow_sample_rate,
            WriteMode::MeiliOnly | WriteMode::PgOnly => Percent::ZERO,
        }
    }

    /// The side that answers every reader, or `None` during the canary, when it depends on who reads.
    #[inline]
    pub fn answers_all(&self) -> Option<Side> {
        match (self.flags.read_backend, self.flags.read_pg_percent) {
            (ReadBackend::Meili, _) | (ReadBackend::Pg, Percent::ZERO) => Some(Side::Meili),
            (ReadBackend::Pg, Percent::HUNDRED) => Some(Side::Pg),
            (ReadBackend::Pg, _) => None,
        }
    }

    /// The side that answers a reader whose [bucket](Percent::bucket) is known; an anonymous one (`None`) reads from
    /// PostgreSQL only when everybody does, so that nobody flaps between the sides from page to page.
    pub fn answers(&self, bucket: Option<u32>) -> Side {
        match (self.answers_all(), bucket) {
            (Some(side), _) => side,
            (None, Some(bucket)) if self.flags.read_pg_percent.covers(bucket) => Side::Pg,
            (None, _) => Side::Meili,
        }
    }

    /// The side whose outcome decides a write: PostgreSQL once every reader is answered by it.
    #[inline]
    pub fn authority(&self) -> Side {
        match self.flags.write_mode {
            WriteMode::MeiliOnly => Side::Meili,
            WriteMode::PgOnly => Side::Pg,
            WriteMode::Dual => self.answers_all().unwrap_or(Side::Meili),
        }
    }

    /// Whether Meilisearch receives every write, so that it may stand in when PostgreSQL fails.
    pub fn meili_is_current(&self) -> bool {
        self.flags.write_mode != WriteMode::PgOnly
    }
}
