//! Which documents are compared at all, and which not now.

use std::{collections::BTreeSet, sync::Arc};

use super::{Case, Found, cases_of, decide::only_to_be_checked};
use crate::{
    backend::write::Replacement,
    document::DocumentId,
    dual_write::worker::DualWriteWorker,
    error::Side,
    journal::{Carried, End, Entry},
    telemetry,
};

impl DualWriteWorker {
    /// Leaves out documents that may still be written by a call that has been given up.
    pub(super) fn beyond_doubt(&self, cases: Vec<Case>, ends: &mut Vec<(Entry, End)>) -> Vec<Case> {
        let mut certain = Vec::with_capacity(cases.len());
        for case in cases {
            match self.in_doubt(case.newest()) {
                Some(after) => case.end(End::Retry { after, why: None, counts: false }, ends),
                None => certain.push(case),
            }
        }
        certain
    }

    /// Checks what both sides were given: unless something newer has come since, all is well. Gives the others.
    pub(super) async fn check(&self, index: &Arc<str>, cases: Vec<Case>, ends: &mut Vec<(Entry, End)>) -> Vec<Case> {
        let (checked, mut rest): (Vec<_>, Vec<_>) = cases.into_iter().partition(Case::is_only_to_be_checked);
        if checked.is_empty() {
            return rest;
        }
        let touch = |case: &Case| {
            let expected = Some(case.newest().intent.version);
            Replacement { id: case.id.clone(), expected, stamp: None, with: None }
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
                rest
            }
            Err(error) => {
                rest.extend(checked);
                self.put_off_cases(rest, &self.pg, &error, ends);
                Vec::new()
            }
        }
    }

    /// Leaves out what is only to be checked where something else that PostgreSQL decided is yet to be sent: that will be
    /// checked in its place. A document that never rests would gather entries without end.
    pub(super) async fn not_followed(
        &self,
        index: &Arc<str>,
        cases: Vec<Case>,
        ends: &mut Vec<(Entry, End)>,
    ) -> Vec<Case> {
        let checks = |case: &Case| case.entries.iter().all(only_to_be_checked);
        let ids: Vec<DocumentId> = cases.iter().filter(|case| checks(case)).map(|case| case.id.clone()).collect();
        if ids.is_empty() {
            return cases;
        }
        let carried = match self.shared.journal.carried(Side::Pg, index, &ids).await {
            Ok(carried) => carried,
            Err(error) => {
                // Then they are compared.
                telemetry::journal_failed(error.kind().as_str());
                return cases;
            }
        };
        let pending = ids.into_iter().zip(carried).filter(|(_, carried)| *carried == Carried::Pending);
        let pending: BTreeSet<DocumentId> = pending.map(|(id, _)| id).collect();
        let (followed, rest): (Vec<Case>, _) =
            cases.into_iter().partition(|case| checks(case) && pending.contains(&case.id));
        followed.into_iter().for_each(|case| case.end(End::Done { supersedes: false }, ends));
        rest
    }

    /// Leaves out documents of which something else is still to be done: that says what is right, or has yet to find out.
    pub(super) async fn not_overtaken(
        &self,
        index: &Arc<str>,
        found: Vec<Found>,
        ends: &mut Vec<(Entry, End)>,
    ) -> Vec<Found> {
        if found.is_empty() {
            return found;
        }
        let newest: Vec<&Entry> = found.iter().map(|(case, _)| case.newest()).collect();
        let overtaken = self.has_others(index, &newest).await;
        let mut overtaken = overtaken.unwrap_or_else(|| vec![true; found.len()]).into_iter();
        // What looks lost may have been deleted.
        let lost = |(case, _): &Found| case.entries.iter().any(|entry| entry.redo);
        let swept = found.iter().any(lost) && self.is_being_swept(index).await;
        let (overtaken, free) =
            found.into_iter().partition(|found| overtaken.next().unwrap_or(true) || (swept && lost(found)));
        self.soon(cases_of(overtaken), ends);
        free
    }

    pub(super) fn soon(&self, cases: Vec<Case>, ends: &mut Vec<(Entry, End)>) {
        for case in cases {
            let end = self.wait_for_others(case.newest().age);
            case.end(end, ends);
        }
    }
}
