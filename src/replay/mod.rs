//! Asks a pair of the shadow log again, on both sides, and shows what has changed since: so that a divergence can be mended, and
//! the mending confirmed.
//!
//! The log keeps the request as it was asked ([`StoredRequest`](crate::shadow::StoredRequest)): text, filter, sort, page and all that decides
//! about an answer, but not who asked. [`Replay::run`] asks Meilisearch and PostgreSQL for it at the same moment, and compares
//! the pair of then with that of now ([`Replayed`]). What counts is whether the sides have come nearer to each other ([`Verdict`]); that
//! both answer otherwise than they did, because documents were written meanwhile, is shown and no fault.
//!
//! Latencies are left out on purpose: one query that is asked twice in a row meets warm caches, and says nothing about load.

mod diff;
mod error;
mod pair;
mod run;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use diff::{Difference, differences};
pub use error::ReplayError;
pub use pair::{Differences, Pair, Shown, Verdict};
pub use run::{Replay, Rules};

use crate::{error::Side, search::SearchQuery};

/// A pair, then and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replayed {
    /// The row of the shadow log.
    pub id: i64,
    /// Whether the sides have come nearer to each other.
    pub verdict: Verdict,
    /// The name of the layer that took the read.
    pub endpoint: String,
    /// The side that was to answer it.
    pub primary: Side,
    /// The index that was asked; `None`: the one the sides were made for.
    pub index: Option<String>,
    /// The request as the log keeps it.
    pub request: Option<Value>,
    /// The same, read.
    #[serde(skip)]
    pub query: SearchQuery,
    /// When it was asked then.
    pub then_at: Timestamp,
    /// When it was asked now.
    pub now_at: Timestamp,
    /// Whether no write to the index was under way then; if one was, the pair shows its delay as well.
    pub then_settled: Option<bool>,
    /// What both sides answered then.
    pub then: Pair,
    /// What they answer now.
    pub now: Pair,
    /// What has changed in each side's answer: then is first, now second.
    pub changes: Changes,
    /// What became of the differences between the sides.
    pub differences: Differences,
    /// What each ranking rule says now of the documents that differ now; `None` unless [asked for](Replay::explain).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
}

/// What has changed in the answer of each side; empty where one of both is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Of Meilisearch.
    pub meili: Vec<Difference>,
    /// Of PostgreSQL.
    pub pg: Vec<Difference>,
}

/// How many pairs became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplaySummary {
    /// Nothing differs any more.
    pub fixed: usize,
    /// Nearer.
    pub better: usize,
    /// As they were.
    pub same: usize,
    /// Further apart.
    pub worse: usize,
    /// Not comparable.
    pub not_comparable: usize,
}

impl Changes {
    /// Of a side.
    pub fn of(&self, side: Side) -> &[Difference] {
        match side {
            Side::Meili => &self.meili,
            Side::Pg => &self.pg,
        }
    }
}

impl ReplaySummary {
    /// Counts them.
    pub fn of(replayed: &[Replayed]) -> Self {
        let count = |verdict| replayed.iter().filter(|it| it.verdict == verdict).count();
        Self {
            fixed: count(Verdict::Fixed),
            better: count(Verdict::Better),
            same: count(Verdict::Same),
            worse: count(Verdict::Worse),
            not_comparable: count(Verdict::NotComparable),
        }
    }

    /// Whether every pair was compared and none is worse than it was.
    pub fn is_well(&self) -> bool {
        self.worse == 0 && self.not_comparable == 0
    }
}
