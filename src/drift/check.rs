//! Comparing everything.

use std::time::Duration;

use super::{DriftError, DriftReport, PerSide, scan::Scan};
use crate::backend::{meili::MeiliIndex, postgres::PostgresIndex};

/// Compares the documents of an index on both sides. Reads only: it has nothing to write with.
///
/// The key of Meilisearch needs the rights `documents.get`, `indexes.get`, `settings.get` and `tasks.get`.
#[derive(Clone, Debug)]
pub struct DriftCheck {
    pub(super) source: MeiliIndex,
    pub(super) target: PostgresIndex,
    pub(super) options: Options,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) settle: Duration,
    pub(super) looks: u32,
    pub(super) keep: usize,
    pub(super) values: bool,
    pub(super) page: u64,
    pub(super) most_entries: u64,
}

/// How far a check, or a repair, has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriftProgress {
    /// What it is at.
    pub pass: DriftPass,
    /// Documents read in this pass.
    pub read: PerSide,
    /// Documents that Meilisearch holds, once that is known.
    pub total: Option<u64>,
    /// Documents that seemed to differ and are looked at once more, or are repaired.
    pub candidates: u64,
    /// How many of those have been.
    pub looked_at: u64,
}

/// The parts of a check and of a repair. All but the first come again for each group of ranges that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftPass {
    /// Everything is read once, and summed up range by range.
    Ranges,
    /// The ranges that differ are read again, document by document.
    Documents,
    /// What seemed to differ is looked at again after the settle delay.
    Looks,
    /// What differs is repaired.
    Repair,
}

impl DriftCheck {
    /// A check of one index on both sides.
    pub fn new(source: MeiliIndex, target: PostgresIndex) -> Self {
        let options = Options {
            settle: Duration::from_secs(2),
            looks: 3,
            keep: 1000,
            values: false,
            page: 2000,
            most_entries: 500_000,
        };
        Self { source, target, options }
    }

    /// How long a write may take to stand on both sides (2 s): the pause before each further look.
    pub fn settle(mut self, settle: Duration) -> Self {
        self.options.settle = settle;
        self
    }

    /// How often a document that seems to differ is looked at, at most (3). Two looks that show the same difference are enough;
    /// with only one allowed, that one is.
    pub fn looks(mut self, looks: u32) -> Self {
        self.options.looks = looks;
        self
    }

    /// How many differences the report lists (1,000). All are counted.
    pub fn keep(mut self, differences: usize) -> Self {
        self.options.keep = differences;
        self
    }

    /// Whether the report holds what differs, and not only the names of the fields (no).
    pub fn values(mut self, values: bool) -> Self {
        self.options.values = values;
        self
    }

    /// Documents read at once (2,000). A few pages are held at a time.
    pub fn page(mut self, documents: u64) -> Self {
        self.options.page = documents;
        self
    }

    /// Documents of both sides that are compared one by one at a time (500,000): ranges that differ are looked into in groups of
    /// that size, for each of which Meilisearch is listed again.
    pub fn most_entries(mut self, documents: u64) -> Self {
        self.options.most_entries = documents;
        self
    }

    /// The name of the index in Meilisearch.
    pub fn index(&self) -> &str {
        self.source.uid()
    }

    /// Compares all documents, and says in `progress` how far it is. What it finds is also shown by the gauge
    /// [`DRIFT_DOCUMENTS`](crate::telemetry::DRIFT_DOCUMENTS).
    pub async fn run(&self, mut progress: impl FnMut(DriftProgress) + Send) -> Result<DriftReport, DriftError> {
        let mut scan = Scan::begin(self, &mut progress).await?;
        while scan.next(&mut progress).await?.is_some() {}
        Ok(scan.finish())
    }
}

impl DriftProgress {
    pub(super) fn of(pass: DriftPass) -> Self {
        Self { pass, read: PerSide::default(), total: None, candidates: 0, looked_at: 0 }
    }
}
