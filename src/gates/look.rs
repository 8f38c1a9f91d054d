//! One look at everything that gates decide by.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{Metric, Policy, samples::Samples, window::Window};
use crate::{
    plan::{Flag, Phase, Refusal},
    store::{
        Replica, Store, StoreError, StoredFlags,
        evidence::{DriftSeen, EvalRun, LastBackfill, Recorded},
    },
};

/// What was read of the tables, at about one time.
#[derive(Clone, Debug)]
pub struct Look {
    pub(super) now: Timestamp,
    pub(super) flags: StoredFlags,
    /// Since when the migration has stood where it stands.
    pub(super) since: Option<Timestamp>,
    /// Since when all readers, and writes, have gone where they go.
    pub(super) reads_since: Option<Timestamp>,
    /// By the length of the window.
    pub(super) windows: BTreeMap<Duration, Seen>,
    pub(super) evals: BTreeMap<Duration, Option<EvalRun>>,
    pub(super) drift: Vec<DriftSeen>,
    pub(super) backfills: Vec<LastBackfill>,
    pub(super) replicas: Vec<Replica>,
}

/// What was seen in a window.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) window: Window,
    pub(super) samples: Samples,
    pub(super) recorded: Recorded,
    pub(super) reads: Reads,
}

/// Reads that PostgreSQL was to answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reads {
    pub(super) wanted: u64,
    pub(super) fallbacks: u64,
}

impl Look {
    /// Reads what the gates of a policy need.
    ///
    /// # Errors
    /// The control tables cannot be read. Then there is no verdict, and nothing goes on.
    pub async fn take(store: &Store, policy: &Policy) -> Result<Self, StoreError> {
        let evidence = store.evidence();
        // First: what changes meanwhile is found out when the step is taken.
        let flags = store.flags().read().await?;
        let now = evidence.now().await?;
        let since = evidence.changed(&Flag::ALL).await?;
        let reads_since = evidence.changed(&[Flag::WriteMode, Flag::ReadBackend, Flag::ReadPgPercent]).await?;
        let mut look = Self {
            now,
            flags,
            since,
            reads_since,
            windows: BTreeMap::new(),
            evals: BTreeMap::new(),
            drift: evidence.last_drift().await?,
            backfills: evidence.last_backfills().await?,
            replicas: store.replicas().all().await?,
        };
        for gate in &policy.gates {
            if gate.metric == Metric::JudgedNdcgRatio && !look.evals.contains_key(&gate.window) {
                look.evals.insert(gate.window, evidence.last_eval(gate.window).await?);
            }
            let of_reads = gate.metric.is_of_pairs() || gate.metric == Metric::ReadFallbacks;
            if of_reads && !look.windows.contains_key(&gate.window) {
                let window = Window::at(now, since.unwrap_or(Timestamp::UNIX_EPOCH), gate.window, policy.level);
                let mut samples = Samples::default();
                evidence.pairs(window.since, |pair| samples.add(&pair)).await?;
                let recorded = evidence.recorded(window.since).await?;
                let tally = store.replicas().read_tally(window.since).await?;
                let reads = Reads { wanted: tally.wanted, fallbacks: tally.fallbacks };
                look.windows.insert(gate.window, Seen { window, samples, recorded, reads });
            }
        }
        Ok(look)
    }

    /// Why nothing advances until a person clears it, in words; `None`: no rollback is latched.
    pub fn latch(&self) -> Option<String> {
        let latch = self.flags.latch.as_ref()?;
        Some(format!("{} ({})", latch.why, latch.by))
    }

    /// Where the migration stands.
    ///
    /// # Errors
    /// The table holds a value that this version does not know.
    pub fn phase(&self) -> Result<Phase, Refusal> {
        Ok(self.flags.plan()?.phase())
    }
}
