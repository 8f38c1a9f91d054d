//! What stands in Meilisearch is copied to PostgreSQL; and what both directions have in common.

use std::sync::Arc;

use super::{super::DualWriteWorker, Case};
use crate::{
    backend::write::{Replacement, Standing},
    document::{Document, DocumentId, Version},
    error::{BackendError, BackendErrorKind, Side},
    journal::{Deed, Duties, Duty, End, Entry, Outcome},
    telemetry,
    write::Action,
};

/// A document, and what stands of it in PostgreSQL.
pub(super) type Found = (Case, Option<Standing>);

impl DualWriteWorker {
    /// Brings PostgreSQL to what stands in Meilisearch.
    pub(super) async fn copy_from_meili(&self, index: &Arc<str>, found: Vec<Found>, ends: &mut Vec<(Entry, End)>) {
        if found.is_empty() {
            return;
        }
        let read = match self.read_source(index, &found).await {
            Ok(read) => read,
            Err(error) => return self.put_off_cases(cases_of(found), &self.meili, &error, ends),
        };
        let (mut own, mut doubtful) = (Vec::new(), Vec::new());
        for (found, there) in found.into_iter().zip(read) {
            let to = if believed(&found, there.as_ref()) { &mut own } else { &mut doubtful };
            to.push((found, there));
        }
        if !doubtful.is_empty() {
            let doubtful = doubtful.into_iter().map(|(found, _)| found).collect();
            Box::pin(self.copy_from_pg(index, doubtful, ends)).await;
        }
        let (found, read): (Vec<Found>, Vec<Option<Document>>) = own.into_iter().unzip();
        if found.is_empty() {
            return;
        }
        let mut replacements = Vec::with_capacity(found.len());
        let mut copied = 0;
        for ((case, standing), document) in found.iter().zip(&read) {
            let stands = standing.as_ref().and_then(|standing| standing.document.as_ref());
            let with = (stands != document.as_ref()).then(|| {
                copied += 1;
                (self.above(&case.entry, standing.as_ref()), document.clone().map(Arc::new))
            });
            let expected = standing.as_ref().map(|standing| standing.version);
            replacements.push(Replacement { id: case.entry.intent.id.clone(), expected, with });
        }
        self.conclude(index, Side::Meili, cases_of(found), &replacements, ends).await;
        for _ in 0..copied {
            telemetry::dual_write_reconciled(Side::Meili);
        }
    }

    /// Writes to PostgreSQL what nothing has come in between of; the rest is reconciled anew.
    pub(super) async fn conclude(
        &self,
        index: &Arc<str>,
        right: Side,
        cases: Vec<Case>,
        replacements: &[Replacement],
        ends: &mut Vec<(Entry, End)>,
    ) {
        match self.replace(index, right, replacements).await {
            Ok(replaced) => {
                for ((case, replaced), replacement) in cases.into_iter().zip(replaced).zip(replacements) {
                    // Nothing stood, nothing is to stand: there is no row to be marked.
                    let nothing = replacement.expected.is_none() && replacement.with.is_none();
                    if replaced || nothing {
                        case.end(End::Done { supersedes: false }, ends);
                    } else {
                        self.soon(vec![case], ends);
                    }
                }
            }
            Err(error) if error.kind() == BackendErrorKind::Rejected && cases.len() == 1 => {
                for case in cases {
                    case.end(End::Dead { why: error.to_string(), then: Duties::NONE }, ends);
                }
            }
            Err(error) if error.kind() == BackendErrorKind::Rejected => {
                for (case, replacement) in cases.into_iter().zip(replacements) {
                    Box::pin(self.conclude(index, right, vec![case], std::slice::from_ref(replacement), ends)).await;
                }
            }
            Err(error) => self.put_off_cases(cases, &self.pg, &error, ends),
        }
    }

    pub(super) async fn read_source(
        &self,
        index: &Arc<str>,
        found: &[Found],
    ) -> Result<Vec<Option<Document>>, BackendError> {
        let ids: Vec<DocumentId> = found.iter().map(|(case, _)| case.entry.intent.id.clone()).collect();
        let read = self.call(Side::Meili, "reading what stands", self.source.read(index, &ids)).await;
        if read.is_ok() {
            self.meili.succeeded();
        }
        read
    }

    /// Leaves out documents that have later entries: those say what is right, or have yet to find out.
    pub(super) async fn not_overtaken(
        &self,
        index: &Arc<str>,
        found: Vec<Found>,
        ends: &mut Vec<(Entry, End)>,
    ) -> Vec<Found> {
        let entries: Vec<Entry> = found.iter().map(|(case, _)| case.entry.clone()).collect();
        let overtaken = self.has_later(&[Duty::Meili, Duty::Pg], index, &entries).await;
        let overtaken = overtaken.unwrap_or_else(|| vec![true; entries.len()]);
        let mut overtaken = overtaken.into_iter();
        let (overtaken, free) = found.into_iter().partition(|_| overtaken.next().unwrap_or(true));
        self.soon(cases_of(overtaken), ends);
        free
    }

    pub(super) fn soon(&self, cases: Vec<Case>, ends: &mut Vec<(Entry, End)>) {
        for case in cases {
            let end = self.wait_for_others(case.entry.age);
            case.end(end, ends);
        }
    }

    /// The version of what takes the place of what stands: just above it. A write that is still on its way has a higher one,
    /// and must not be beaten by a copy that does not contain it.
    pub(super) fn above(&self, entry: &Entry, standing: Option<&Standing>) -> Version {
        let stands = standing.map_or(Version(0), |standing| standing.version);
        if entry.intent.explicit {
            return entry.intent.version.max(stands);
        }
        let above = Version(stands.0.saturating_add(1));
        self.shared.policy.clock.observe(above);
        above
    }
}

/// Whether what stands at Meilisearch can be believed. Of versions that the service gives, it may show an older one that came
/// last; only the entry's own document is known to be right. Without them it is the other way round: what has been given up,
/// or was sent from here, may have arrived after something newer.
fn believed((case, standing): &Found, there: Option<&Document>) -> bool {
    let Some(standing) = standing else { return true };
    let own = |entry: &Entry| match &entry.intent.deed {
        Deed::Change(Action::Put(document)) => Some(there == Some(document)),
        Deed::Change(Action::Delete) => Some(there.is_none()),
        Deed::Change(Action::Merge(_)) | Deed::Resync | Deed::Sweep(_) => None,
    };
    if case.entry.intent.explicit {
        return own(&case.entry).unwrap_or(true);
    }
    let late = |entry: &Entry| {
        let may_be_late = entry.outcome == Outcome::Unknown || entry.intent.authority == Side::Pg;
        may_be_late && entry.intent.version < standing.version && own(entry) == Some(true)
    };
    !case.entries().any(late)
}

pub(super) fn cases_of(found: Vec<Found>) -> Vec<Case> {
    found.into_iter().map(|(case, _)| case).collect()
}
