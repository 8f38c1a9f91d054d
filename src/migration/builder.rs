//! Collecting what a migration is made of.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "postgres")]
use super::heartbeat::Heartbeat;
use super::{
    Migration,
    worker::{Task, Worker},
};
#[cfg(feature = "postgres")]
use crate::store::{Replicas, Store};
use crate::{
    backend::{
        SearchBackend, Settlement,
        write::{SourceWriter, TargetWriter},
    },
    breaker::{Breaker, BreakerPolicy},
    dual_write::{self, DualWritePolicy, DualWriteWorker, DualWrites},
    error::Side,
    guard::{GuardPolicy, GuardPolicyError, GuardTask},
    journal::Journal,
    opaque::opaque_debug,
    plan::PlanHandle,
    shadow::{self, ShadowPolicy, ShadowRecord, ShadowSink},
    tally::Tally,
};

/// Collects what a [`Migration`] is made of. `J` says whether there is a journal.
#[must_use]
pub struct MigrationBuilder<J = ()> {
    journal: J,
    parts: Parts,
}

/// The journal of a [`MigrationBuilder`].
pub struct Journaled {
    journal: Arc<dyn Journal>,
    policy: DualWritePolicy,
}

struct Parts {
    plan: PlanHandle,
    source: Option<Arc<dyn SearchBackend>>,
    target: Option<Arc<dyn SearchBackend>>,
    source_writer: Option<Arc<dyn SourceWriter>>,
    target_writer: Option<Arc<dyn TargetWriter>>,
    settlement: Option<Arc<dyn Settlement>>,
    sink: Arc<dyn ShadowSink>,
    shadow: ShadowPolicy,
    breaker: BreakerPolicy,
    salt: Arc<str>,
    deadline: Duration,
    tally: Arc<Tally>,
    guard: Option<GuardPolicy>,
    tasks: Vec<Task>,
    #[cfg(feature = "postgres")]
    replicas: Option<Replicas>,
}

/// What a [`Migration`] lacks or has wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A side was not given.
    #[error("no {0} side: call `.{call}(..)` on the builder", call = if *.0 == Side::Meili { "source" } else { "target" })]
    Missing(Side),
    /// A side can be searched, but not written.
    #[error("the {0} side says nothing of how it is written: call `.{call}(..)` on the builder, or leave out the journal",
        call = if *.0 == Side::Meili { "source_writer" } else { "target_writer" })]
    NotWritable(Side),
    /// The guard cannot go by its policy.
    #[error("the policy of the guard: {0}")]
    Guard(GuardPolicyError),
    /// A side was given in the place of the other.
    #[error("the {expected} side was expected, but what was given says it is {given}: swap `.source` and `.target`")]
    Swapped {
        /// The side whose place it is.
        expected: Side,
        /// The side that was given.
        given: Side,
    },
}

impl MigrationBuilder {
    pub(super) fn new(plan: PlanHandle) -> Self {
        let parts = Parts {
            plan,
            source: None,
            target: None,
            source_writer: None,
            target_writer: None,
            settlement: None,
            sink: Arc::new(NoLog),
            shadow: ShadowPolicy::default(),
            breaker: BreakerPolicy::default(),
            salt: Arc::from("crossfade"),
            deadline: Duration::from_secs(1),
            tally: Arc::default(),
            guard: None,
            tasks: Vec::new(),
            #[cfg(feature = "postgres")]
            replicas: None,
        };
        Self { journal: (), parts }
    }

    /// Where writes are recorded: with it the migration has layers for writes too.
    pub fn journal(self, journal: impl Journal) -> MigrationBuilder<Journaled> {
        let journal = Journaled { journal: Arc::new(journal), policy: DualWritePolicy::default() };
        MigrationBuilder { journal, parts: self.parts }
    }

    /// The layers' maker and the worker.
    pub fn build(mut self) -> Result<(Migration, Worker), BuildError> {
        self.parts.beat(None);
        self.parts.assemble((), None)
    }
}

impl MigrationBuilder<Journaled> {
    /// How writes are made.
    pub fn write_policy(mut self, policy: DualWritePolicy) -> Self {
        self.journal.policy = policy;
        self
    }

    /// The layers' maker and the worker.
    pub fn build(self) -> Result<(Migration<DualWrites>, Worker), BuildError> {
        let Self { journal: Journaled { journal, mut policy }, mut parts } = self;
        let sides = [&parts.source, &parts.target];
        let named = || sides.into_iter().flatten().find_map(|side| side.index()).map(Arc::from);
        policy.default_index = policy.default_index.or_else(named);
        let source = parts.source_writer.take().or_else(|| parts.source.as_ref()?.source_writer());
        let source = source.ok_or(BuildError::NotWritable(Side::Meili))?;
        let target = parts.target_writer.take().or_else(|| parts.target.as_ref()?.target_writer());
        let target = target.ok_or(BuildError::NotWritable(Side::Pg))?;
        let (writes, worker) = dual_write::pair(parts.plan.clone(), journal, source, target, policy);
        parts.beat(Some(writes.clone()));
        parts.settlement = Some(Arc::new(AllSettled { writes: writes.clone(), other: parts.settlement }));
        parts.assemble(writes, Some(worker))
    }
}

impl<J> MigrationBuilder<J> {
    /// The Meilisearch side, asked for comparison once PostgreSQL answers.
    pub fn source(mut self, source: impl SearchBackend) -> Self {
        self.parts.source = Some(Arc::new(source));
        self
    }

    /// The PostgreSQL side.
    pub fn target(mut self, target: impl SearchBackend) -> Self {
        self.parts.target = Some(Arc::new(target));
        self
    }

    /// How Meilisearch is written, if the source does not say so itself.
    pub fn source_writer(mut self, writer: impl SourceWriter) -> Self {
        self.parts.source_writer = Some(Arc::new(writer));
        self
    }

    /// How PostgreSQL is written, if the target does not say so itself.
    pub fn target_writer(mut self, writer: impl TargetWriter) -> Self {
        self.parts.target_writer = Some(Arc::new(writer));
        self
    }

    /// Where sampled reads are recorded. Without it they are counted in metrics only.
    pub fn shadow_log(mut self, sink: impl ShadowSink) -> Self {
        self.parts.sink = Arc::new(sink);
        self
    }

    /// Who knows whether writes are under way, so that pairs can be told apart by it.
    pub fn settlement(mut self, settlement: impl Settlement) -> Self {
        self.parts.settlement = Some(Arc::new(settlement));
        self
    }

    /// The bounds of shadow reads.
    pub fn shadow_policy(mut self, policy: ShadowPolicy) -> Self {
        self.parts.shadow = policy;
        self
    }

    /// When reads stop being sent to a failing PostgreSQL.
    pub fn breaker_policy(mut self, policy: BreakerPolicy) -> Self {
        self.parts.breaker = policy;
        self
    }

    /// Has the worker watch how PostgreSQL answers readers, and roll back by itself: see [`guard`](crate::guard). Off unless
    /// asked for.
    pub fn guard(mut self, policy: GuardPolicy) -> Self {
        self.parts.guard = Some(policy);
        self
    }

    /// How long PostgreSQL may take to answer a reader before Meilisearch is asked instead (1 s).
    pub fn read_deadline(mut self, deadline: Duration) -> Self {
        self.parts.deadline = deadline;
        self
    }

    /// The salt of the canary's buckets: fixed for one migration, the same on all replicas.
    pub fn canary_salt(mut self, salt: impl Into<Arc<str>>) -> Self {
        self.parts.salt = salt.into();
        self
    }

    /// Has the worker report every two seconds that this process lives, by which plan it goes, and how its writes fare. A backfill begins
    /// only when every process that has reported writes both sides.
    #[cfg(feature = "postgres")]
    pub fn heartbeat(mut self, store: &Store) -> Self {
        self.parts.replicas = Some(store.replicas());
        self
    }

    /// Has the worker run something else along: a plan watcher, the writer of a shadow log. It gets its stop signal
    /// after the shadow worker has drained, so that nothing that was measured is lost.
    pub fn run_along<F>(mut self, task: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.parts.tasks.push(Box::new(|stop| task(stop).map(drop).boxed()));
        self
    }
}

impl Parts {
    /// Has the process reported, if that was asked for.
    fn beat(&mut self, writes: Option<DualWrites>) {
        #[cfg(feature = "postgres")]
        if let Some(replicas) = self.replicas.take() {
            let heartbeat = Heartbeat { replicas, plan: self.plan.clone(), writes, tally: self.tally.clone() };
            self.tasks.push(Box::new(|stop| heartbeat.run(stop).boxed()));
        }
        #[cfg(not(feature = "postgres"))]
        let _ = writes;
    }

    fn assemble<W>(mut self, writes: W, worker: Option<DualWriteWorker>) -> Result<(Migration<W>, Worker), BuildError> {
        let source = expect(self.source, Side::Meili)?;
        let target = expect(self.target, Side::Pg)?;
        self.tasks.extend(target.upkeep());
        if let Some(policy) = self.guard {
            policy.check().map_err(BuildError::Guard)?;
            let guard = GuardTask::new(policy, self.plan.clone(), self.tally.clone());
            self.tasks.push(Box::new(|stop| guard.run(stop).boxed()));
        }
        let (queue, shadow) = shadow::pair(self.shadow, source, target.clone(), self.settlement, self.sink);
        let breaker = Arc::new(Breaker::new(self.breaker));
        let (plan, tally, salt, deadline) = (self.plan, self.tally, self.salt, self.deadline);
        let migration = Migration { plan, target, queue, breaker, tally, salt, deadline, writes };
        Ok((migration, Worker { shadow, writes: worker, tasks: self.tasks }))
    }
}

fn expect(given: Option<Arc<dyn SearchBackend>>, expected: Side) -> Result<Arc<dyn SearchBackend>, BuildError> {
    let given = given.ok_or(BuildError::Missing(expected))?;
    match given.side() {
        side if side == expected => Ok(given),
        side => Err(BuildError::Swapped { expected, given: side }),
    }
}

/// Settled are the writes of this process, and whatever else was asked to be.
struct AllSettled {
    writes: DualWrites,
    other: Option<Arc<dyn Settlement>>,
}

impl Settlement for AllSettled {
    fn settled<'a>(&'a self, index: Option<&'a str>, since: Instant) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async move {
            if self.writes.settled(index, since).await == Some(false) {
                return Some(false);
            }
            match &self.other {
                Some(other) => other.settled(index, since).await,
                None => Some(true),
            }
        })
    }
}

/// The sink of a migration without a log: telemetry has counted the record already.
struct NoLog;

impl ShadowSink for NoLog {
    fn record(&self, _record: ShadowRecord) {}
}

opaque_debug!(MigrationBuilder<J>);
opaque_debug!(Journaled);
