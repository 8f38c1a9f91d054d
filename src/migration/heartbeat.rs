//! Tells the control tables that this process lives, by which plan it goes, and how its writes fare.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    dual_write::DualWrites,
    host,
    plan::PlanHandle,
    store::{PgReads, ReplicaReport, Replicas},
    tally::Tally,
};

/// How often a process reports, at least.
const EVERY: Duration = Duration::from_secs(2);
/// How often the plan is looked at: a change is reported at once.
const LOOK: Duration = Duration::from_millis(100);
/// How often what is too old is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// How long a report may take.
const DEADLINE: Duration = Duration::from_secs(5);

pub(super) struct Heartbeat {
    pub(super) replicas: Replicas,
    pub(super) plan: PlanHandle,
    pub(super) writes: Option<DualWrites>,
    pub(super) tally: Arc<Tally>,
}

/// What the last report that arrived said.
#[derive(Clone, Copy)]
struct Told {
    version: u64,
    revision: i64,
    reads: PgReads,
}

impl Heartbeat {
    pub(super) async fn run(self, stop: CancellationToken) {
        let replica = format!("{:016x}", rand::random::<u64>());
        let mut told = None;
        let _ = stop.run_until_cancelled(self.report(&replica, &mut told)).await;
        // Once more, for the reads of the last moment; then it writes nothing any more, and falls silent, whether that is
        // heard or not.
        if self.tell(&replica, &mut told).await.is_ok() {
            let _ = timeout(DEADLINE, self.replicas.forget(&replica)).await;
        }
    }

    async fn report(&self, replica: &str, told: &mut Option<Told>) {
        let (mut well, mut forget_at) = (true, Instant::now());
        loop {
            let due = Instant::now() + EVERY;
            match self.tell(replica, told).await {
                Ok(()) => well = true,
                // Once, and then not again and again: the database is missed elsewhere too.
                Err(why) => {
                    if well {
                        tracing::warn!(why, "this process cannot be reported to the control tables");
                    }
                    well = false;
                }
            }
            if well && Instant::now() >= forget_at {
                // What is left over does not matter.
                let _ = timeout(DEADLINE, self.replicas.forget_old()).await;
                forget_at = Instant::now() + FORGET_EVERY;
            }
            // Not hotly while nobody hears it.
            while Instant::now() < due && !(well && told.is_some_and(|told| self.is_news(told))) {
                sleep(LOOK).await;
            }
        }
    }

    /// Whether something has changed that others wait to hear of.
    fn is_news(&self, told: Told) -> bool {
        let ended = told.reads.under_way > 0 && self.tally.under_way() == 0;
        ended || (told.revision, told.version) != (self.plan.revision(), self.plan.load().version)
    }

    async fn tell(&self, replica: &str, told: &mut Option<Told>) -> Result<(), String> {
        let journal = match &self.writes {
            Some(writes) => timeout(DEADLINE, writes.journal().status()).await.ok().and_then(Result::ok),
            None => None,
        };
        // In this order: the plan is at least as new as the revision, and the reads have seen it or are under way.
        let (revision, plan) = (self.plan.revision(), self.plan.load());
        let reads = PgReads::of(&self.tally);
        let report = ReplicaReport {
            replica: replica.to_owned(),
            host: host::name(),
            plan,
            revision,
            reads,
            reads_before: told.map_or_else(PgReads::default, |told| told.reads),
            journal,
            write: self.writes.as_ref().and_then(DualWrites::recent_latency),
            every: EVERY,
        };
        match timeout(DEADLINE, self.replicas.report(&report)).await {
            Ok(Ok(())) => {
                *told = Some(Told { version: plan.version, revision, reads });
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Err("it did not answer in time".to_owned()),
        }
    }
}
