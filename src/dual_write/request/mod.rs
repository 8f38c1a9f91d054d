//! What a write does while its caller waits.

mod authority;
mod carried;
mod ledger;
mod together;
mod unread;

use std::{mem, sync::Arc};

use tokio::time::{timeout, timeout_at};
use tower::{Service, ServiceExt};

use self::ledger::Ledger;
pub(super) use self::together::Together;
use super::{Ack, WithoutJournal, lanes::Held, shared::Shared};
use crate::{
    codec::{CodecError, RefuseWrite, WriteCodec, WriteError},
    error::Side,
    journal::{Deed, Intent, JournalError, Outcome},
    plan::{Plan, WriteMode},
    telemetry,
    write::{Action, Change, Changes, IndexWrite, WriteOutcome},
};

/// One write on its way.
pub(super) struct Request<C> {
    pub(super) plan: Plan,
    pub(super) codec: C,
    pub(super) shared: Arc<Shared>,
}

/// Why a write was not recorded, or that it was.
enum Recorded {
    Yes(Ledger),
    No(JournalError),
    TooLate,
}

impl<C> Request<C> {
    pub(super) async fn run<S, Req>(self, request: Req, inner: S) -> Result<S::Response, S::Error>
    where
        S: Service<Req>,
        C: WriteCodec<Req, S::Response> + RefuseWrite<S::Response, S::Error>,
    {
        let request = self.codec.prepare(request).await;
        let write = match self.codec.decode(&request).and_then(|write| self.placed(write)) {
            Ok(write) => write.folded(),
            Err(error) => return self.unread(error, request, inner).await,
        };
        match self.plan.authority() {
            // Nothing is written: there is nothing to carry over either, and the source knows what to say.
            Side::Meili if write.is_empty() => inner.oneshot(request).await,
            Side::Pg if write.is_empty() => Ok(self.codec.written(&write)),
            _ if self.plan.flags.write_mode == WriteMode::PgOnly => self.write_target_only(&write).await,
            Side::Meili => self.write_source(write, request, inner).await,
            Side::Pg => self.write_target(write).await,
        }
    }

    /// A write with the index it goes to.
    fn placed(&self, mut write: IndexWrite) -> Result<IndexWrite, CodecError> {
        if write.index.is_empty() {
            let default = self.shared.policy.default_index.clone();
            write.index = default.ok_or_else(|| CodecError::Unsupported("a write that names no index".to_owned()))?;
        }
        Ok(write)
    }

    /// Meilisearch decides: the wrapped service is asked.
    async fn write_source<S, Req>(&self, write: IndexWrite, request: Req, inner: S) -> Result<S::Response, S::Error>
    where
        S: Service<Req>,
        C: WriteCodec<Req, S::Response> + RefuseWrite<S::Response, S::Error>,
    {
        let Some(lanes) = self.lock(Side::Meili, &write).await else {
            return self.refuse("busy", WriteError::Busy);
        };
        let under_way = self.shared.begin(&write.index);
        if !self.nothing_waits_for(Side::Meili, &write).await {
            return self.refuse("busy", WriteError::Busy);
        }
        let mut ledger = match self.record(&write, Side::Meili).await {
            Recorded::Yes(ledger) => ledger,
            refused => match self.without_journal(refused, &write) {
                Some(error) => return self.refuse("unrecorded", error),
                // The intent is missing: what the service says is all there is.
                None => return inner.oneshot(request).await,
            },
        };
        let (response, outcome) = match inner.oneshot(request).await {
            Ok(response) => {
                let (response, outcome) = self.codec.observe(response).await;
                (Ok(response), outcome)
            }
            Err(error) => {
                let outcome = self.codec.failed(&error);
                (Err(error), outcome)
            }
        };
        ledger.resolve(outcome, (lanes, under_way)).await;
        if matches!(outcome, WriteOutcome::Accepted(_)) {
            self.wait_for_other_side(ledger).await;
        }
        response
    }

    /// PostgreSQL decides.
    async fn write_target<Req, Res, E>(&self, write: IndexWrite) -> Result<Res, E>
    where
        C: WriteCodec<Req, Res> + RefuseWrite<Res, E>,
    {
        let Some(lanes) = self.lock(Side::Pg, &write).await else {
            return self.refuse("busy", WriteError::Busy);
        };
        let under_way = self.shared.begin(&write.index);
        if !self.nothing_waits_for(Side::Pg, &write).await {
            return self.refuse("busy", WriteError::Busy);
        }
        let (mut ledger, intents) = match self.record(&write, Side::Pg).await {
            Recorded::Yes(ledger) => {
                let intents = ledger.intents();
                (Some(ledger), intents)
            }
            refused => match self.without_journal(refused, &write) {
                Some(error) => return self.refuse("unrecorded", error),
                None => (None, self.intents(&write, Side::Pg).into()),
            },
        };
        let written = authority::write(&self.shared, &intents).await;
        match &mut ledger {
            Some(ledger) => ledger.resolve_each(&written, (lanes, under_way)).await,
            None => mem::drop((lanes, under_way)),
        }
        if let Some(failure) = written.failure {
            return self.refuse(failure.kind().as_str(), WriteError::Failed(failure));
        }
        if let Some(ledger) = ledger {
            self.wait_for_other_side(ledger).await;
        }
        Ok(self.codec.written(&write))
    }

    /// PostgreSQL is all there is: nothing to record.
    async fn write_target_only<Req, Res, E>(&self, write: &IndexWrite) -> Result<Res, E>
    where
        C: WriteCodec<Req, Res> + RefuseWrite<Res, E>,
    {
        let Some(_lanes) = self.lock(Side::Pg, write).await else {
            return self.refuse("busy", WriteError::Busy);
        };
        match authority::write(&self.shared, &self.intents(write, Side::Pg)).await.failure {
            Some(failure) => self.refuse(failure.kind().as_str(), WriteError::Failed(failure)),
            None => Ok(self.codec.written(write)),
        }
    }

    /// Partial updates lock their documents on both sides: while the roles are being swapped, one that the one side decides
    /// must not be made beside one that the other does.
    async fn lock(&self, side: Side, write: &IndexWrite) -> Option<Vec<Held>> {
        let lanes = &self.shared.lanes;
        let lock = async {
            let Changes::Documents(changes) = &write.changes else {
                return vec![lanes.lock_all(side, &write.index).await];
            };
            let partial = changes.iter().any(|change| matches!(change.action, Action::Merge(_)));
            // In one order everywhere, so that nobody waits in a circle.
            let sides = if partial { &[Side::Meili, Side::Pg][..] } else { &[side] };
            let mut held = Vec::with_capacity(sides.len());
            for side in sides {
                let ids = changes.iter().map(|change| change.id.clone());
                held.push(lanes.lock(*side, &write.index, ids).await);
            }
            held
        };
        timeout(self.shared.policy.deadline, lock).await.ok()
    }

    fn intents(&self, write: &IndexWrite, authority: Side) -> Vec<Intent> {
        let clock = &self.shared.policy.clock;
        let intent = |id, version: Option<_>, deed| {
            let (version, explicit) = version.map_or_else(|| (clock.next(), false), |version| (version, true));
            Intent { index: write.index.clone(), id, version, explicit, deed, authority }
        };
        match &write.changes {
            Changes::Sweep(filter) => vec![intent("".into(), None, Deed::Sweep(filter.clone()))],
            Changes::Documents(changes) => changes
                .iter()
                .map(|Change { id, version, action }| intent(id.clone(), *version, Deed::Change(action.clone())))
                .collect(),
        }
    }

    async fn record(&self, write: &IndexWrite, authority: Side) -> Recorded {
        let recording = async {
            self.shared.set_clock().await?;
            Ledger::append(self.shared.clone(), self.intents(write, authority), Outcome::Asked).await
        };
        match timeout(self.shared.policy.deadline, recording).await {
            Ok(Ok(ledger)) => Recorded::Yes(ledger),
            Ok(Err(error)) => Recorded::No(error),
            Err(_elapsed) => Recorded::TooLate,
        }
    }

    /// What happens to a write that is not recorded: the error it is refused with, or nothing if it is made even so.
    fn without_journal(&self, refused: Recorded, write: &IndexWrite) -> Option<WriteError> {
        let kind = match &refused {
            Recorded::No(error) => error.kind().as_str(),
            _ => "timeout",
        };
        telemetry::journal_failed(kind);
        if self.does_without_journal() {
            self.suspect(write);
            return None;
        }
        Some(match refused {
            Recorded::No(error) => WriteError::Unrecorded(error.into()),
            _ => WriteError::Unrecorded("the journal did not answer in time".into()),
        })
    }

    /// Whether a write is made even if the journal fails.
    fn does_without_journal(&self) -> bool {
        // The emergency brake works whatever is broken: then only Meilisearch counts.
        let braked = self.plan.flags.write_mode == WriteMode::MeiliOnly;
        braked || self.shared.policy.without_journal == WithoutJournal::TakeAndSuspect
    }

    fn suspect(&self, write: &IndexWrite) {
        match &write.changes {
            Changes::Documents(changes) => {
                telemetry::dual_write_suspected(changes.len() as u64);
                if !self.shared.suspects.add(&write.index, changes.iter().map(|change| change.id.clone())) {
                    tracing::error!(index = %write.index, "too many documents written without a journal: run a drift check");
                }
            }
            Changes::Sweep(_) => {
                telemetry::dual_write_suspected(1);
                tracing::error!(index = %write.index, "documents deleted without a journal: run a drift check");
            }
        }
    }

    async fn wait_for_other_side(&self, ledger: Ledger) {
        let Ack::Both(deadline) = self.shared.policy.ack else { return };
        let deadline = tokio::time::Instant::now() + deadline;
        for stands in ledger.waiters() {
            // An error is an entry that was given up: nobody will tell.
            if timeout_at(deadline, stands).await.is_err() {
                telemetry::dual_write_ack_timed_out();
                return;
            }
        }
    }

    fn refuse<Req, Res, E>(&self, reason: &'static str, error: WriteError) -> Result<Res, E>
    where
        C: WriteCodec<Req, Res> + RefuseWrite<Res, E>,
    {
        telemetry::dual_write_refused(reason);
        tracing::warn!(error = &error as &(dyn std::error::Error + 'static), reason, "a write was refused");
        self.codec.refuse_write(error)
    }
}
