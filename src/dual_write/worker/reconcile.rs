//! Documents of which nobody knows what stands, or in which order it came to stand: the sides are compared, and the one
//! that is right is copied to the other.
//!
//! Whatever is copied is copied under compare-and-swap on the version in PostgreSQL: if anything has come in between, it
//! is done again from the beginning.

mod copy;
mod decide;
mod send;
mod sift;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use self::decide::{Decision, decide, only_to_be_checked};
use super::{DualWriteWorker, batch::by_index};
use crate::{
    backend::write::{Replacement, Standing, WrittenBy},
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind, Side},
    journal::{Deed, Duties, Duty, End, Entry},
    plan::WriteMode,
    telemetry,
};

/// How long what cannot be reconciled in `meili_only` waits: PostgreSQL is out of date anyway.
const BRAKED: Duration = Duration::from_secs(5);

/// All that is to be reconciled of one document, in the order of its writes.
#[derive(Debug)]
struct Case {
    id: DocumentId,
    entries: Vec<Entry>,
}

/// A document, and what stands of it in PostgreSQL.
type Found = (Case, Option<Standing>);

impl Case {
    /// Of several nobody knows which was sent last.
    fn is_only_to_be_checked(&self) -> bool {
        matches!(self.entries.as_slice(), [entry] if only_to_be_checked(entry))
    }

    fn newest(&self) -> &Entry {
        // There is always one.
        &self.entries[self.entries.len() - 1]
    }

    fn end(self, end: End, ends: &mut Vec<(Entry, End)>) {
        ends.extend(self.entries.into_iter().map(|entry| (entry, end.clone())));
    }
}

impl DualWriteWorker {
    pub(super) async fn reconcile(&self) {
        loop {
            if !self.pg.admits() {
                sleep(self.shared.policy.first_pause).await;
                continue;
            }
            let began = Instant::now();
            let claim = self.claim(Duty::Reconcile, self.shared.policy.batch.max(1)).await;
            if claim.entries.is_empty() {
                self.pg.released();
                self.rest(Duty::Reconcile, claim.next).await;
                continue;
            }
            let few = claim.entries.len() < self.shared.policy.batch;
            let feeds = claim.entries.iter().any(|entry| entry.intent.authority == Side::Pg);
            if self.shared.plan.load().flags.write_mode == WriteMode::MeiliOnly {
                self.pg.released();
                self.settle(Duty::Reconcile, claim.entries.into_iter().map(braked).collect()).await;
                continue;
            }
            for (index, entries) in by_index(claim.entries) {
                let mut ends = Vec::new();
                let cases = self.beyond_doubt(cases(entries), &mut ends);
                self.settle(Duty::Reconcile, ends).await;
                self.reconcile_index(&index, cases, began).await;
            }
            if few {
                self.linger_after(began, feeds).await;
            }
        }
    }

    async fn reconcile_index(&self, index: &Arc<str>, cases: Vec<Case>, claimed: Instant) {
        let mut ends = Vec::new();
        let cases = self.check(index, cases, &mut ends).await;
        let cases = self.not_followed(index, cases, &mut ends).await;
        let mut found = self.standing(index, cases, &mut ends).await;
        // The ages of the entries are those of the claim.
        let since = claimed.elapsed();
        found.iter_mut().filter_map(|(_, standing)| standing.as_mut()).for_each(|standing| {
            standing.written = standing.written.saturating_sub(since);
        });
        let found = self.not_overtaken(index, found, &mut ends).await;
        let read = self.read_source(index, found, &mut ends).await;
        let (mut copies, mut same, mut other, mut anew) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for ((case, standing), there) in read {
            match decide(&case.entries, standing.as_ref(), there.as_ref()) {
                Decision::FromMeili(version) => copies.push(((case, standing), there, version)),
                Decision::Anew(version, document) => anew.push(((case, standing), version, document)),
                Decision::FromPg => {
                    let stands = standing.as_ref().and_then(|standing| standing.document.as_ref());
                    let to = if stands == there.as_ref() { &mut same } else { &mut other };
                    to.push((case, standing));
                }
            }
        }
        self.copy(index, copies, &mut ends).await;
        self.leave_as_it_is(index, same, &mut ends).await;
        self.send_over(index, other, &mut ends).await;
        self.make_anew(index, anew, &mut ends).await;
        self.settle(Duty::Reconcile, ends).await;
    }

    /// What stands in PostgreSQL.
    async fn standing(&self, index: &Arc<str>, cases: Vec<Case>, ends: &mut Vec<(Entry, End)>) -> Vec<Found> {
        if cases.is_empty() {
            return Vec::new();
        }
        let ids: Vec<DocumentId> = cases.iter().map(|case| case.id.clone()).collect();
        match self.call(Side::Pg, "reading what stands", self.shared.target.read(index, &ids)).await {
            Ok(standing) => {
                self.pg.succeeded();
                cases.into_iter().zip(standing).collect()
            }
            Err(error) => {
                self.put_off_cases(cases, &self.pg, &error, ends);
                Vec::new()
            }
        }
    }

    /// What stands in Meilisearch.
    async fn read_source(
        &self,
        index: &Arc<str>,
        found: Vec<Found>,
        ends: &mut Vec<(Entry, End)>,
    ) -> Vec<(Found, Option<Document>)> {
        if found.is_empty() {
            return Vec::new();
        }
        let ids: Vec<DocumentId> = found.iter().map(|(case, _)| case.id.clone()).collect();
        match self.call(Side::Meili, "reading what stands", self.source.read(index, &ids)).await {
            Ok(read) => {
                self.meili.succeeded();
                found.into_iter().zip(read).collect()
            }
            Err(error) => {
                self.put_off_cases(cases_of(found), &self.meili, &error, ends);
                Vec::new()
            }
        }
    }

    pub(super) async fn replace(
        &self,
        index: &Arc<str>,
        authority: Side,
        replacements: &[Replacement],
    ) -> Result<Vec<bool>, BackendError> {
        let by = WrittenBy { writer: self.shared.repairer, authority };
        let replaced = self.shared.target.replace(index, by, replacements);
        let replaced = self.call(Side::Pg, "writing what was reconciled", replaced).await;
        if replaced.is_ok() {
            self.pg.succeeded();
        }
        replaced
    }

    fn put_off_cases(
        &self,
        cases: Vec<Case>,
        health: &super::Health,
        error: &BackendError,
        ends: &mut Vec<(Entry, End)>,
    ) {
        // A long queue of Meilisearch takes its time, which says nothing about its health.
        if !(error.side() == Side::Meili && error.kind() == BackendErrorKind::Timeout) {
            health.failed(error);
        }
        telemetry::dual_write_retried(error.side(), cases.len() as u64);
        for case in cases {
            let end = self.again(health, case.newest(), error, false);
            case.end(end, ends);
        }
    }
}

/// The cases of one index.
fn cases(entries: Vec<Entry>) -> Vec<Case> {
    let mut cases: BTreeMap<DocumentId, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        cases.entry(entry.intent.id.clone()).or_default().push(entry);
    }
    cases.into_iter().map(|(id, entries)| Case { id, entries }).collect()
}

fn cases_of(found: Vec<Found>) -> Vec<Case> {
    found.into_iter().map(|(case, _)| case).collect()
}

/// In `meili_only` Meilisearch is not written from what stands in PostgreSQL, which misses writes; what Meilisearch has lost
/// is sent again from the journal.
fn braked(entry: Entry) -> (Entry, End) {
    let end = match &entry.intent.deed {
        Deed::Change(_) if entry.redo => End::Then { duties: Duties::MEILI, redo: true },
        _ => End::Retry { after: BRAKED, why: None, counts: false },
    };
    (entry, end)
}
