//! Tells the control tables that this process lives, by which plan it goes, and how its writes fare.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    dual_write::DualWrites,
    plan::PlanHandle,
    store::{ReplicaReport, Replicas},
};

/// How often a process reports, at least.
const EVERY: Duration = Duration::from_secs(2);
/// How often the plan is looked at: a change is reported at once.
const LOOK: Duration = Duration::from_millis(100);
/// How long a report may take.
const DEADLINE: Duration = Duration::from_secs(5);

pub(super) struct Heartbeat {
    pub(super) replicas: Replicas,
    pub(super) plan: PlanHandle,
    pub(super) writes: Option<DualWrites>,
}

impl Heartbeat {
    pub(super) async fn run(self, stop: CancellationToken) {
        let replica = format!("{:016x}", rand::random::<u64>());
        // Once a start is enough; what is left over does not matter.
        let _ = timeout(DEADLINE, self.replicas.forget_old()).await;
        let _ = stop.run_until_cancelled(self.report(&replica)).await;
        // It writes nothing any more; whether that is heard or not, it falls silent.
        let _ = timeout(DEADLINE, self.replicas.forget(&replica)).await;
    }

    async fn report(&self, replica: &str) {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| format!("process {}", std::process::id()));
        let (mut told, mut well) = (None, true);
        loop {
            let plan = self.plan.load();
            let due = Instant::now() + EVERY;
            let journal = match &self.writes {
                Some(writes) => timeout(DEADLINE, writes.journal().status()).await.ok().and_then(Result::ok),
                None => None,
            };
            let write = self.writes.as_ref().and_then(DualWrites::recent_latency);
            let report =
                ReplicaReport { replica: replica.to_owned(), host: host.clone(), plan, journal, write, every: EVERY };
            match timeout(DEADLINE, self.replicas.report(&report)).await {
                Ok(Ok(())) => (told, well) = (Some(plan.version), true),
                // Once, and then not again and again: the database is missed elsewhere too.
                failed => {
                    if well {
                        let why = failed.map_or("it did not answer in time".to_owned(), |failed| match failed {
                            Ok(()) => String::new(),
                            Err(error) => error.to_string(),
                        });
                        tracing::warn!(why, "this process cannot be reported to the control tables");
                    }
                    well = false;
                }
            }
            while Instant::now() < due && (told.is_none() || told == Some(self.plan.load().version)) {
                sleep(LOOK).await;
            }
        }
    }
}
