//! What brings writes to both sides. It takes its work from the journal alone, so a restart changes nothing for it.

mod batch;
mod chores;
mod deliver;
mod delivered;
mod doubts;
mod flights;
mod follow;
mod health;
mod reconcile;
mod settle;
mod sweep;
mod target;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    select,
    time::{Instant, sleep, timeout},
};

use self::{doubts::Doubts, health::Health};
use super::{Ack, shared::Shared};
use crate::{
    backend::write::SourceWriter,
    error::Side,
    journal::{Claim, Duty},
    opaque::opaque_debug,
    telemetry,
};

/// Brings writes to both sides. Does nothing until [`run`](Self::run).
#[must_use = "without a running worker the other side is not written"]
pub struct DualWriteWorker {
    shared: Arc<Shared>,
    source: Arc<dyn SourceWriter>,
    meili: Health,
    pg: Health,
    doubts: Doubts,
}

/// What was left in the journal when the worker stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WritesDrained {
    /// Entries that go on after the next start; `None` if the journal did not say.
    pub pending: Option<u64>,
}

/// By how much the pause between small portions grows where nobody waits for them.
const LONGEST_LINGER: u32 = 10;

/// How long the worker sleeps at most when it has nothing to do: a bell may not have rung for what another replica left.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

impl DualWriteWorker {
    pub(super) fn new(shared: Arc<Shared>, source: Arc<dyn SourceWriter>) -> Self {
        let seed = shared.policy.seed.unwrap_or_else(rand::random);
        let health = |side, salt| Health::new(side, &shared.policy, seed ^ salt);
        let (meili, pg) = (health(Side::Meili, 0), health(Side::Pg, 1));
        Self { shared, source, meili, pg, doubts: Doubts::default() }
    }

    /// Works until `stop`, then goes on for at most [`drain`](super::DualWritePolicy::drain) while there is something to do.
    /// What is left stays in the journal.
    pub async fn run(self, stop: impl Future<Output = ()>) -> WritesDrained {
        let end = async {
            stop.await;
            let _ = timeout(self.shared.policy.drain, self.until_empty()).await;
        };
        select! {
            biased;
            () = end => {}
            () = self.chores() => {}
            () = self.flights() => {}
            () = self.target() => {}
            () = self.reconcile() => {}
        }
        self.report_left().await
    }

    async fn until_empty(&self) {
        while !matches!(self.shared.journal.status().await, Ok(status) if status.pending == 0) {
            sleep(self.shared.policy.poll).await;
        }
    }

    async fn report_left(&self) -> WritesDrained {
        let status = timeout(Duration::from_secs(1), self.shared.journal.status()).await;
        let pending = status.ok().and_then(Result::ok).map(|status| status.pending);
        match pending {
            Some(0) => tracing::info!("writes drained"),
            pending => {
                tracing::warn!(?pending, "the write worker stopped; what is left in the journal goes on after a start")
            }
        }
        WritesDrained { pending }
    }

    /// Takes work; nothing when the journal fails, after a pause.
    async fn claim(&self, duty: Duty, limit: usize) -> Claim {
        match self.shared.journal.claim(duty, limit).await {
            Ok(claim) => claim,
            Err(error) => {
                telemetry::journal_failed(error.kind().as_str());
                tracing::warn!(%error, duty = duty.as_str(), "no work could be taken from the journal");
                sleep(self.shared.policy.first_pause).await;
                Claim::default()
            }
        }
    }

    /// Waits a moment before work is taken again that came in small portions: a few entries cost as much as many, and
    /// the journal has requests to serve.
    async fn linger(&self) {
        sleep(self.shared.policy.poll).await;
    }

    /// The same for what Meilisearch is only fed with: the longer, the longer the last portion took, so that requests have
    /// most of the processor. Not where responses wait for it.
    async fn linger_after(&self, began: Instant, feeds: bool) {
        let poll = self.shared.policy.poll;
        let long = feeds && self.shared.policy.ack == Ack::Authority;
        sleep(if long { (began.elapsed() * 4).clamp(poll, poll * LONGEST_LINGER) } else { poll }).await;
    }

    /// Sleeps until there may be work for a duty.
    async fn rest(&self, duty: Duty, next: Option<Duration>) {
        let longest = next.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
        let work = &self.shared.work[duty as usize];
        let _ = timeout(longest, work.notified()).await;
    }
}

impl Drop for DualWriteWorker {
    fn drop(&mut self) {
        self.shared.abandon_orphans();
    }
}

opaque_debug!(DualWriteWorker);
