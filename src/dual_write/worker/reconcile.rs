//! Documents of which nobody knows what stands, or in which order it came to stand: the sides are compared, and the one
//! that is right is copied to the other.
//!
//! Whatever is copied is copied under compare-and-swap on the version in PostgreSQL: if anything has come in between, it
//! is done again from the beginning.

mod copy;
mod send;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    DualWriteWorker,
    batch::by_index,
    winner::{only_to_be_checked, winner},
};
use crate::{
    backend::write::{Replacement, WrittenBy},
    document::DocumentId,
    error::{BackendError, BackendErrorKind, Side},
    journal::{Deed, Duties, Duty, End, Entry, Outcome},
    plan::WriteMode,
    telemetry,
    write::Action,
};

/// How long what cannot be reconciled in `meili_only` waits: PostgreSQL is out of date anyway.
const BRAKED: Duration = Duration::from_secs(5);

/// The entries of one document that are to be reconciled; the last one speaks for all.
#[derive(Debug)]
struct Case {
    entry: Entry,
    earlier: Vec<Entry>,
    /// Partial updates that came after a write that Meilisearch has lost: they are made again with it.
    followers: Vec<Entry>,
}

impl Case {
    fn is_only_to_be_checked(&self) -> bool {
        // Of several, nobody knows which was sent last.
        self.earlier.is_empty() && self.followers.is_empty() && only_to_be_checked(&self.entry)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.earlier.iter().chain(&self.followers).chain([&self.entry])
    }

    fn end(self, end: End, ends: &mut Vec<(Entry, End)>) {
        let others = self.earlier.into_iter().chain(self.followers);
        ends.extend(others.map(|entry| (entry, end.clone())));
        ends.push((self.entry, end));
    }
}

impl DualWriteWorker {
    pub(super) async fn reconcile(&self) {
        loop {
            if !self.pg.admits() {
                sleep(self.shared.policy.first_pause).await;
                continue;
            }
            let claim = self.claim(Duty::Reconcile, self.shared.policy.batch.max(1)).await;
            if claim.entries.is_empty() {
                self.pg.released();
                self.rest(Duty::Reconcile, claim.next).await;
                continue;
            }
            let few = claim.entries.len() < self.shared.policy.batch;
            if self.shared.plan.load().flags.write_mode == WriteMode::MeiliOnly {
                self.pg.released();
                self.settle(Duty::Reconcile, claim.entries.into_iter().map(braked).collect()).await;
                continue;
            }
            for (index, entries) in by_index(claim.entries) {
                let (cases, later) = cases(entries);
                let later = later.into_iter().map(|entry| {
                    let end = self.wait_for_others(entry.age);
                    (entry, end)
                });
                let mut ends: Vec<_> = later.collect();
                let cases = self.beyond_doubt(cases, &mut ends);
                self.settle(Duty::Reconcile, ends).await;
                self.reconcile_index(&index, cases).await;
            }
            if few {
                self.linger().await;
            }
        }
    }

    /// Leaves out documents that may still be written by a call that has been given up.
    fn beyond_doubt(&self, cases: Vec<Case>, ends: &mut Vec<(Entry, End)>) -> Vec<Case> {
        let mut certain = Vec::with_capacity(cases.len());
        for case in cases {
            match self.in_doubt(&case.entry) {
                Some(after) => case.end(End::Retry { after, why: None, counts: false }, ends),
                None => certain.push(case),
            }
        }
        certain
    }

    async fn reconcile_index(&self, index: &Arc<str>, cases: Vec<Case>) {
        let mut ends = Vec::new();
        let rest = match self.check(index, cases, &mut ends).await {
            Ok(rest) => rest,
            Err(rest) => return self.settle(Duty::Reconcile, rest).await,
        };
        if !rest.is_empty() {
            let ids: Vec<DocumentId> = rest.iter().map(|case| case.entry.intent.id.clone()).collect();
            match self.call(Side::Pg, "reading what stands", self.shared.target.read(index, &ids)).await {
                Ok(standing) => {
                    self.pg.succeeded();
                    let found = rest.into_iter().zip(standing).collect();
                    let found = self.not_overtaken(index, found, &mut ends).await;
                    let (mut from_meili, mut from_pg) = (Vec::new(), Vec::new());
                    for found in found {
                        // Put together anew, in PostgreSQL first.
                        let again = send::must_be_made_again(&found);
                        let (case, standing) = found;
                        match winner(&case.entry, standing.as_ref()) {
                            _ if again => from_pg.push((case, standing)),
                            Side::Meili => from_meili.push((case, standing)),
                            Side::Pg => from_pg.push((case, standing)),
                        }
                    }
                    self.copy_from_meili(index, from_meili, &mut ends).await;
                    self.copy_from_pg(index, from_pg, &mut ends).await;
                }
                Err(error) => self.put_off_cases(rest, &self.pg, &error, &mut ends),
            }
        }
        self.settle(Duty::Reconcile, ends).await;
    }

    /// Checks what both sides were given: unless something newer has come since, all is well.
    async fn check(
        &self,
        index: &Arc<str>,
        cases: Vec<Case>,
        ends: &mut Vec<(Entry, End)>,
    ) -> Result<Vec<Case>, Vec<(Entry, End)>> {
        let (checked, mut rest): (Vec<_>, Vec<_>) = cases.into_iter().partition(Case::is_only_to_be_checked);
        if checked.is_empty() {
            return Ok(rest);
        }
        let touch = |case: &Case| Replacement {
            id: case.entry.intent.id.clone(),
            expected: Some(case.entry.intent.version),
            with: None,
        };
        let touches: Vec<Replacement> = checked.iter().map(touch).collect();
        match self.replace(index, Side::Pg, &touches).await {
            Ok(stood) => {
                for (case, stood) in checked.into_iter().zip(stood) {
                    if stood {
                        case.end(End::Done { supersedes: false }, ends);
                    } else {
                        rest.push(case);
                    }
                }
                Ok(rest)
            }
            Err(error) => {
                rest.extend(checked);
                self.put_off_cases(rest, &self.pg, &error, ends);
                Err(std::mem::take(ends))
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
            let end = self.again(health, &case.entry, error, false);
            case.end(end, ends);
        }
    }
}

/// The cases of one index, and entries that must wait.
///
/// Of one document the last entry speaks for all, unless Meilisearch has lost an earlier one: that is made again first, and
/// what came after it waits. A whole document that was accepted later makes up for what was lost before.
fn cases(entries: Vec<Entry>) -> (Vec<Case>, Vec<Entry>) {
    let mut cases: BTreeMap<DocumentId, Case> = BTreeMap::new();
    let mut later = Vec::new();
    for entry in entries {
        match cases.get_mut(&entry.intent.id) {
            None => {
                let case = Case { entry, earlier: Vec::new(), followers: Vec::new() };
                cases.insert(case.entry.intent.id.clone(), case);
            }
            Some(case) if case.entry.redo && is_merge(&entry) => case.followers.push(entry),
            Some(case) if case.entry.redo && !is_whole(&entry) => later.push(entry),
            Some(case) => {
                case.earlier.append(&mut case.followers);
                case.earlier.push(std::mem::replace(&mut case.entry, entry));
            }
        }
    }
    (cases.into_values().collect(), later)
}

/// Whether it says all there is to say about the document.
fn is_whole(entry: &Entry) -> bool {
    let whole = matches!(&entry.intent.deed, Deed::Change(Action::Put(_) | Action::Delete));
    whole && matches!(entry.outcome, Outcome::Accepted(_))
}

/// Whether it changes fields, and was accepted.
fn is_merge(entry: &Entry) -> bool {
    let merge = matches!(&entry.intent.deed, Deed::Change(Action::Merge(_)));
    merge && matches!(entry.outcome, Outcome::Accepted(_))
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
