//! Writes that are sent to Meilisearch from here: PostgreSQL decided them, or Meilisearch has lost them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    DualWriteWorker,
    batch::{Newest, newest},
    flights::Flights,
    target::blames_a_document,
};
use crate::{
    backend::write::Replacement,
    document::DocumentId,
    dual_write::lanes::Held,
    error::{BackendError, BackendErrorKind, Side},
    journal::{Deed, Duties, Duty, End, Entry, Intent, Seq},
    plan::WriteMode,
    telemetry,
    write::Action,
};

/// What may be sent.
struct Cleared {
    /// Its lanes, until Meilisearch has accepted: a request that writes the same document comes before or after, not between.
    held: Held,
    part: Vec<Newest>,
    /// Whether PostgreSQL knows that it is on its way, so that no other replica takes it for new.
    marked: bool,
}

impl DualWriteWorker {
    /// Sends entries of one index, each document once.
    pub(super) async fn deliver(&self, entries: Vec<Entry>, flights: &mut Flights) {
        let (sweeps, changes): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| matches!(entry.intent.deed, Deed::Sweep(_)));
        for sweep in sweeps {
            self.resweep(sweep).await;
        }
        let mut kinds: BTreeMap<u8, Vec<Newest>> = BTreeMap::new();
        for newest in newest(self.without_followers(changes).await) {
            let kind = match &newest.entry.intent.deed {
                Deed::Change(Action::Put(_)) => 0,
                Deed::Change(Action::Merge(_)) => 1,
                _ => 2,
            };
            kinds.entry(kind).or_default().push(newest);
        }
        for batch in kinds.into_values() {
            self.send(vec![batch], flights).await;
        }
    }

    /// Leaves out partial updates of documents that have something else in the batch: they come after it.
    async fn without_followers(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut seen = BTreeSet::new();
        let (followers, rest): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| {
            let merge = matches!(entry.intent.deed, Deed::Change(Action::Merge(_)));
            !seen.insert(entry.intent.id.clone()) && merge
        });
        let ends = followers.into_iter().map(|entry| {
            let end = self.wait_for_others(entry.age);
            (entry, end)
        });
        self.settle(Duty::Meili, ends.collect()).await;
        rest
    }

    /// Leaves out documents that a request has written to Meilisearch since: the older state must not come after.
    async fn without_overtaken(&self, index: &Arc<str>, batch: Vec<Newest>) -> Option<Vec<Newest>> {
        if batch.is_empty() {
            return None;
        }
        let places: Vec<(DocumentId, Seq)> =
            batch.iter().map(|newest| (newest.entry.intent.id.clone(), newest.entry.seq)).collect();
        match self.shared.journal.open_after(Duty::Meili, index, &places).await {
            Ok(open) => {
                let mut open = open.into_iter();
                let (overtaken, free) = batch.into_iter().partition(|_| open.next().unwrap_or(true));
                self.put_off(overtaken).await;
                Some(free)
            }
            Err(error) => {
                telemetry::journal_failed(error.kind().as_str());
                self.put_off(batch).await;
                None
            }
        }
    }

    /// Leaves out documents that something newer has come over in PostgreSQL: another replica may have written that to
    /// Meilisearch already. A PostgreSQL that cannot be asked holds nothing up, or the way back would depend on it; whether it
    /// was.
    async fn still_standing(&self, index: &Arc<str>, batch: Vec<Newest>) -> (Vec<Newest>, bool) {
        let braked = self.shared.plan.load().flags.write_mode == WriteMode::MeiliOnly;
        if braked || batch.is_empty() {
            return (batch, true);
        }
        let touch = |newest: &Newest| Replacement {
            id: newest.entry.intent.id.clone(),
            expected: Some(newest.entry.intent.version),
            stamp: None,
            with: None,
        };
        let touches: Vec<Replacement> = batch.iter().map(touch).collect();
        let Ok(standing) = self.replace(index, Side::Pg, &touches).await else { return (batch, false) };
        let mut standing = standing.into_iter();
        let (standing, overtaken): (Vec<_>, Vec<_>) = batch.into_iter().partition(|_| standing.next().unwrap_or(false));
        let then = End::Then { duties: Duties::RECONCILE, redo: false };
        let ends = overtaken.into_iter().flat_map(|newest| newest.end(then.clone()));
        self.settle(Duty::Meili, ends.collect()).await;
        (standing, true)
    }

    /// Sends the parts of a batch, the last first, in halves where some are refused. Once one is under way the others wait
    /// until its task has ended: tasks that wait together are one batch of Meilisearch's, and fail as one.
    pub(super) async fn send(&self, mut parts: Vec<Vec<Newest>>, flights: &mut Flights) {
        while let Some(part) = parts.pop() {
            let Some(index) = part.first().map(|newest| newest.entry.intent.index.clone()) else { continue };
            let Some(Cleared { held: _held, mut part, marked }) = self.cleared(&index, part).await else { continue };
            let actions: Vec<(DocumentId, Action)> = part.iter().map(|newest| action(&newest.entry)).collect();
            match self.call(Side::Meili, "sending documents", self.source.send(&index, &actions)).await {
                Ok(task) => {
                    self.meili.succeeded();
                    if !marked {
                        let sent: Vec<Intent> = part.iter().map(|newest| newest.entry.intent.clone()).collect();
                        self.guard(&sent).await;
                    }
                    return flights.sent(task, part, parts);
                }
                Err(error) if part.len() > 1 && blames_a_document(error.kind()) => {
                    telemetry::dual_write_failed(Side::Meili, error.kind().as_str());
                    if error.may_be_done() {
                        self.doubt(part.iter().map(|newest| newest.entry.intent.clone()).collect::<Vec<_>>()).await;
                    }
                    let other = part.split_off(part.len() / 2);
                    parts.extend([other, part]);
                }
                Err(error) => self.unsent(part, &error).await,
            }
        }
    }

    /// What of a part may be sent now; `None` if nothing may.
    async fn cleared(&self, index: &Arc<str>, part: Vec<Newest>) -> Option<Cleared> {
        let ids: Vec<DocumentId> = part.iter().map(|newest| newest.entry.intent.id.clone()).collect();
        let Some((held, busy)) = self.shared.lanes.try_lock(Side::Meili, index, &ids) else {
            self.put_off(part).await;
            return None;
        };
        let (free, taken): (Vec<_>, Vec<_>) =
            part.into_iter().partition(|newest| !busy.contains(&newest.entry.intent.id));
        self.put_off(taken).await;
        let free = self.without_overtaken(index, free).await?;
        let (part, marked) = self.still_standing(index, free).await;
        (!part.is_empty()).then_some(Cleared { held, part, marked })
    }

    async fn unsent(&self, batch: Vec<Newest>, error: &BackendError) {
        if error.may_be_done() {
            self.doubt(batch.iter().map(|newest| newest.entry.intent.clone()).collect::<Vec<_>>()).await;
        }
        if error.kind() == BackendErrorKind::Rejected {
            telemetry::dual_write_failed(Side::Meili, error.kind().as_str());
            return self.bury(batch, &error.to_string()).await;
        }
        let counts = self.meili.is_well() && batch.len() == 1 && blames_a_document(error.kind());
        if counts {
            telemetry::dual_write_failed(Side::Meili, error.kind().as_str());
        } else {
            self.meili.failed(error);
        }
        self.again_later(batch, error, counts).await;
    }

    /// Meilisearch will never take these documents.
    pub(super) async fn bury(&self, batch: Vec<Newest>, why: &str) {
        let braked = self.shared.plan.load().flags.write_mode == WriteMode::MeiliOnly;
        let ends = batch.into_iter().flat_map(|newest| {
            let end = match newest.entry.intent.authority {
                // It had accepted this one, so that PostgreSQL goes along; which under the brake is out of date anyway.
                Side::Meili if !braked => End::Then { duties: Duties::RECONCILE, redo: true },
                _ => End::Dead { why: why.to_owned(), then: Duties::NONE },
            };
            newest.end(end)
        });
        self.settle(Duty::Meili, ends.collect()).await;
    }

    pub(super) async fn again_later(&self, batch: Vec<Newest>, error: &BackendError, counts: bool) {
        telemetry::dual_write_retried(Side::Meili, batch.len() as u64);
        let ends = batch.into_iter().flat_map(|newest| {
            let end = self.again(&self.meili, &newest.entry, error, counts);
            newest.end(end)
        });
        self.settle(Duty::Meili, ends.collect()).await;
    }

    /// Somebody else is writing these documents.
    async fn put_off(&self, batch: Vec<Newest>) {
        let ends = batch.into_iter().flat_map(|newest| {
            let end = self.wait_for_others(newest.entry.age);
            newest.end(end)
        });
        self.settle(Duty::Meili, ends.collect()).await;
    }

    /// A deletion by filter that Meilisearch has lost. PostgreSQL lists what it was about; what still stands in Meilisearch is
    /// then deleted document by document.
    async fn resweep(&self, sweep: Entry) {
        self.settle(Duty::Meili, vec![(sweep, End::Then { duties: Duties::PG, redo: true })]).await;
    }
}

fn action(entry: &Entry) -> (DocumentId, Action) {
    let action = match &entry.intent.deed {
        Deed::Change(action) => action.clone(),
        Deed::Resync | Deed::Sweep(_) => Action::Delete,
    };
    (entry.intent.id.clone(), action)
}
