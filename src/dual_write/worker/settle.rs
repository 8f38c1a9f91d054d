//! Ends of work, and calls to a side.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::time::{Duration, sleep, timeout};

use super::DualWriteWorker;
use crate::{
    document::DocumentId,
    error::{BackendError, BackendErrorKind, Side},
    journal::{Duty, End, Entry, JournalErrorKind, Seq, Settled},
    telemetry,
};

/// The longest an entry waits for others before it is looked at again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl DualWriteWorker {
    /// Records how work ended, however long the journal is away: until then it is claimed, and done by nobody else.
    pub(super) async fn settle(&self, duty: Duty, ends: Vec<(Entry, End)>) {
        if ends.is_empty() {
            return;
        }
        let settled = |(entry, end): (Entry, End)| {
            let seq = entry.seq;
            (entry, Settled { seq, end })
        };
        let (entries, settled): (Vec<Entry>, Vec<Settled>) = ends.into_iter().map(settled).unzip();
        let mut failures = 0_u64;
        while let Err(error) = self.shared.journal.settle(duty, &settled).await {
            telemetry::journal_failed(error.kind().as_str());
            if error.kind() == JournalErrorKind::Fenced {
                tracing::debug!(%error, "another worker goes on");
                return;
            }
            if failures == 0 {
                tracing::warn!(%error, "finished work cannot be recorded; trying again until it can");
            }
            failures += 1;
            sleep(self.shared.policy.first_pause).await;
        }
        let mut more = false;
        for (entry, settled) in entries.iter().zip(&settled) {
            if stands(duty, entry, &settled.end) {
                self.shared.stands(entry.seq);
            }
            more |= matches!(settled.end, End::Then { .. } | End::Dead { .. });
        }
        if more {
            self.shared.ring();
        }
    }

    /// The end of a claim that has to wait for others: the longer, the older the entry is, so that those get their turn.
    pub(super) fn wait_for_others(&self, age: Option<Duration>) -> End {
        let after = age.unwrap_or(LONGEST_WAIT).div_f64(4.0).clamp(self.shared.policy.poll * 2, LONGEST_WAIT);
        End::Retry { after, why: None, counts: false }
    }

    /// Of which documents something else is still to be done; `None` if the journal does not say.
    pub(super) async fn has_others(&self, index: &str, newest: &[&Entry]) -> Option<Vec<bool>> {
        // Earlier writes count too: one may turn out to be lost, or is still to be written and would come over a copy.
        let places: Vec<(DocumentId, Seq)> = newest.iter().map(|entry| (entry.intent.id.clone(), Seq(0))).collect();
        let mut others = vec![false; newest.len()];
        for duty in Duty::ALL {
            match self.shared.journal.open_after(duty, index, &places).await {
                Ok(open) => others.iter_mut().zip(open).for_each(|(others, open)| *others |= open),
                Err(error) => {
                    telemetry::journal_failed(error.kind().as_str());
                    return None;
                }
            }
        }
        Some(others)
    }

    /// Whether a sweep of the index is still to be followed or written out, or the journal does not say.
    pub(super) async fn is_being_swept(&self, index: &str) -> bool {
        let sweeps = [(DocumentId::from(""), Seq(0))];
        for duty in [Duty::Meili, Duty::Pg] {
            match self.shared.journal.open_after(duty, index, &sweeps).await {
                Ok(open) if open.contains(&false) => {}
                Ok(_) => return true,
                Err(error) => {
                    telemetry::journal_failed(error.kind().as_str());
                    return true;
                }
            }
        }
        false
    }

    /// Calls a side, within the time a call may take; a panic is a failure like others.
    pub(super) async fn call<T>(
        &self,
        side: Side,
        doing: &'static str,
        called: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let failed = |kind| BackendError::new(side, kind, doing);
        match timeout(self.shared.policy.call_timeout, AssertUnwindSafe(called).catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Err(failed(BackendErrorKind::Panic)),
            Err(_elapsed) => Err(failed(BackendErrorKind::Timeout)),
        }
    }
}

/// Whether the side that did not decide now has it.
fn stands(duty: Duty, entry: &Entry, end: &End) -> bool {
    let ended = matches!(end, End::Done { .. } | End::Then { .. });
    match duty {
        Duty::Pg => ended && entry.intent.authority == Side::Meili,
        Duty::Meili => ended && entry.intent.authority == Side::Pg,
        Duty::Reconcile => ended,
    }
}
