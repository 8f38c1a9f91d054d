//! What a page shows that the control tables alone do not say: plain values, filled by whoever knows.

use jiff::Timestamp;

use crate::{gates::Verdict, store::Overlap};

/// What the gates say.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictTable {
    /// All that count together.
    pub overall: Verdict,
    /// The step that they decide about; `None` where there is none left.
    pub next_step: Option<String>,
    /// Each gate, in the order to show them in.
    pub rows: Vec<VerdictRow>,
    /// Why nothing advances until a person clears it; `None`: nothing is latched.
    pub latch: Option<String>,
}

/// What one gate says, of all queries or of a class of them.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictRow {
    /// Its name.
    pub gate: String,
    /// The class of queries it looks at; `None` is all.
    pub class: Option<String>,
    /// What it says.
    pub verdict: Verdict,
    /// What was measured; `None`: nothing was.
    pub value: Option<f64>,
    /// The lower end of what the true value may be; `None`: it may be anything below. Without either end the value is counted, not
    /// estimated.
    pub lower: Option<f64>,
    /// The upper end; `None`: it may be anything above.
    pub upper: Option<f64>,
    /// What it is held to.
    pub threshold: f64,
    /// Whether the value has to be at least the threshold, and otherwise at most.
    pub at_least: bool,
    /// What the numbers are: `share` (0 to 1), `ms`, `count`, `seconds`, or anything else, which is shown behind them.
    pub unit: &'static str,
    /// How many samples there are.
    pub samples: u64,
    /// How many it takes; 0: it is not taken of samples.
    pub min_samples: u64,
    /// The reason, in words.
    pub why: String,
    /// Whether it counts before the next step.
    pub counts: bool,
}

/// The quality of one class of queries, over settled pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassRow {
    /// Its name: `head`, `tail`, `short`, `cjk`, `filter`.
    pub class: String,
    /// Settled pairs.
    pub pairs: u64,
    /// Their overlap@10.
    pub overlap: Option<Overlap>,
    /// Share of them whose first ten are the same in the same order.
    pub identical_order: Option<f64>,
    /// Their mean agreement NDCG@10.
    pub agreement: Option<f64>,
    /// The 95th percentile of what PostgreSQL took, in milliseconds.
    pub pg_p95_ms: Option<f64>,
}

/// How much the source agrees with itself when it is asked the same twice: nobody can agree with it more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// How often it was asked twice.
    pub pairs: u64,
    /// overlap@10 of its two answers.
    pub overlap: Overlap,
}

/// What the last drift check of an index found.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftSeen {
    /// The index.
    pub index: String,
    /// When the check began.
    pub checked_at: Timestamp,
    /// Documents in Meilisearch.
    pub meili_documents: u64,
    /// Documents in PostgreSQL, without tombstones.
    pub pg_documents: u64,
    /// Documents that differ, by how: `missing`, `extra`, `stale`, `tombstone`.
    pub differing: Vec<(String, u64)>,
}

impl DriftSeen {
    /// Documents that differ, in whatever way.
    pub fn total(&self) -> u64 {
        self.differing.iter().map(|(_, documents)| documents).sum()
    }
}
