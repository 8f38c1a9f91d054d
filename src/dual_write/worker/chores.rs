//! What has to be done beside the writes: ends that requests left, suspects, gauges.

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    select,
    time::{Duration, Instant, sleep},
};

use super::DualWriteWorker;
use crate::{
    dual_write::quiet::Holds,
    journal::{Deed, Duty, Intent, Outcome, Status},
    telemetry,
};

/// How often the journal is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon an empty journal is noticed while writes come and go.
const LOOK_SOON: Duration = Duration::from_millis(50);
/// Of more entries it is not asked which indexes they are about: it takes its time, and mostly it is all of them.
const FEW: u64 = 1_000;

impl DualWriteWorker {
    pub(super) async fn chores(&self) {
        tokio::join!(self.end_orphans(), self.look_regularly());
    }

    /// Brings to their end what requests have left. Nothing else is waited for in between: an operation may have its turn at
    /// the journal, and nobody else has one as long as it is not polled.
    async fn end_orphans(&self) {
        let mut orphans = FuturesUnordered::new();
        loop {
            orphans.extend(self.shared.take_orphans());
            select! {
                biased;
                () = self.shared.orphaned.notified() => {}
                Some(()) = orphans.next(), if !orphans.is_empty() => self.shared.ring(),
            }
        }
    }

    async fn look_regularly(&self) {
        let mut shown: Option<Instant> = None;
        loop {
            let began = Instant::now();
            self.record_suspects().await;
            let show = self.shared.policy.show_journal && shown.is_none_or(|shown| shown.elapsed() >= LOOK_EVERY);
            if show {
                shown = Some(Instant::now());
            }
            self.inspect(show).await;
            // A long journal takes its time to count: it is looked at less often.
            sleep((began.elapsed() * 20).max(LOOK_SOON)).await;
        }
    }

    async fn inspect(&self, show: bool) {
        let (begun, began) = (self.shared.begun(), Instant::now());
        match self.shared.journal.status().await {
            Ok(status) => {
                self.shared.looked(begun, &status);
                self.shared.quiet.looked(began, &self.holds(&status).await);
                if show {
                    show_status(&status);
                }
            }
            Err(error) if show => {
                telemetry::journal_failed(error.kind().as_str());
                tracing::warn!(%error, "the journal cannot be looked at");
            }
            Err(_) => {}
        }
    }

    /// Which indexes the entries are about that a look has found.
    async fn holds(&self, status: &Status) -> Holds {
        match status.pending {
            0 => Holds::Of(Vec::new()),
            1..=FEW => match self.shared.journal.indexes().await {
                Ok(Some(indexes)) => Holds::Of(indexes),
                Ok(None) | Err(_) => Holds::Something,
            },
            _ => Holds::Something,
        }
    }

    /// Documents that were written without a journal are compared now.
    async fn record_suspects(&self) {
        let suspects = self.shared.suspects.take();
        if suspects.is_empty() {
            return;
        }
        let authority = self.shared.plan.load().authority();
        let intents: Vec<Intent> = suspects
            .iter()
            .map(|(index, id)| Intent {
                index: index.clone(),
                id: id.clone(),
                version: self.shared.policy.clock.next(),
                explicit: false,
                deed: Deed::Resync,
                authority,
            })
            .collect();
        // A request dropped in the middle may still be under way at the authority, as with any unknown outcome.
        match self.shared.journal.append(&intents, Outcome::Unknown).await {
            Ok(_) => self.shared.ring(),
            Err(_) => {
                for (index, id) in suspects {
                    self.shared.suspects.add(&index, [id]);
                }
            }
        }
    }
}

fn show_status(status: &Status) {
    telemetry::journal_depth(status.pending, status.oldest_seconds.unwrap_or_default(), status.dead_letters);
    for (duty, entries) in [(Duty::Meili, status.meili), (Duty::Pg, status.pg), (Duty::Reconcile, status.reconcile)] {
        telemetry::journal_duties(duty.as_str(), entries);
    }
}
