//! What stands in Meilisearch is copied to PostgreSQL; and what both directions have in common.

use std::sync::Arc;

use super::{Case, Found, cases_of, decide::above};
use crate::{
    backend::write::{Replacement, Standing},
    document::{Document, Version},
    dual_write::worker::DualWriteWorker,
    error::{BackendError, BackendErrorKind, Side},
    journal::{Duties, End, Entry},
    telemetry,
};

impl DualWriteWorker {
    /// Brings PostgreSQL to what stands in Meilisearch.
    pub(super) async fn copy(
        &self,
        index: &Arc<str>,
        copies: Vec<(Found, Option<Document>, Option<Version>)>,
        ends: &mut Vec<(Entry, End)>,
    ) {
        let (mut cases, mut replacements) = (Vec::with_capacity(copies.len()), Vec::with_capacity(copies.len()));
        let mut copied = 0;
        for ((case, standing), document, version) in copies {
            let stands = standing.as_ref().and_then(|standing| standing.document.as_ref());
            // Where nothing stands at all a tombstone tells of the deletion: another replica may have an older put to bring yet.
            let deleted = standing.is_none() && document.is_none() && version.is_some();
            copied += u64::from(stands != document.as_ref());
            let with = (stands != document.as_ref() || deleted).then(|| {
                let version = version.unwrap_or_else(|| self.above(&case, standing.as_ref()));
                self.shared.policy.clock.observe(version);
                (version, document.map(Arc::new))
            });
            // Marked meanwhile, something else is on its way to Meilisearch: what was read there does not count any more.
            let (expected, stamp) = standing.map(|standing| (standing.version, standing.stamp)).unzip();
            replacements.push(Replacement { id: case.id.clone(), expected, stamp, with });
            cases.push(case);
        }
        self.conclude(index, Side::Meili, cases, &replacements, ends).await;
        for _ in 0..copied {
            telemetry::dual_write_reconciled(Side::Meili);
        }
    }

    /// Meilisearch had accepted what stands in PostgreSQL, and refuses it for good: PostgreSQL goes along, unless something
    /// has come in between.
    pub(super) async fn take_back(
        &self,
        index: &Arc<str>,
        case: Case,
        standing: Option<Standing>,
        refusal: &BackendError,
        ends: &mut Vec<(Entry, End)>,
    ) {
        let reading = self.source.read(index, std::slice::from_ref(&case.id));
        let there = match self.call(Side::Meili, "reading what stands", reading).await {
            Ok(read) => read.into_iter().next().flatten(),
            Err(error) => return self.put_off_cases(vec![case], &self.meili, &error, ends),
        };
        let replacement = Replacement {
            id: case.id.clone(),
            expected: standing.as_ref().map(|standing| standing.version),
            // It was marked when it was sent.
            stamp: None,
            with: Some((self.above(&case, standing.as_ref()), there.map(Arc::new))),
        };
        match self.replace(index, Side::Meili, &[replacement]).await {
            Ok(replaced) if replaced.contains(&true) => {
                telemetry::dual_write_reconciled(Side::Meili);
                case.end(End::Dead { why: refusal.to_string(), then: Duties::NONE }, ends);
            }
            Ok(_) => self.soon(vec![case], ends),
            Err(error) => self.put_off_cases(vec![case], &self.pg, &error, ends),
        }
    }

    /// Both sides hold the same already.
    pub(super) async fn leave_as_it_is(&self, index: &Arc<str>, found: Vec<Found>, ends: &mut Vec<(Entry, End)>) {
        let touches = touches(&found);
        self.conclude(index, Side::Pg, cases_of(found), &touches, ends).await;
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
        if cases.is_empty() {
            return;
        }
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

    /// Gives PostgreSQL what stands nowhere. What then stands is sent to Meilisearch when it is looked at again.
    pub(super) async fn make_anew(
        &self,
        index: &Arc<str>,
        anew: Vec<(Found, Version, Option<Document>)>,
        ends: &mut Vec<(Entry, End)>,
    ) {
        if anew.is_empty() {
            return;
        }
        let (mut cases, mut replacements) = (Vec::with_capacity(anew.len()), Vec::with_capacity(anew.len()));
        for ((case, standing), version, document) in anew {
            self.shared.policy.clock.observe(version);
            let (expected, stamp) = standing.map(|standing| (standing.version, standing.stamp)).unzip();
            replacements.push(Replacement {
                id: case.id.clone(),
                expected,
                stamp,
                with: Some((version, document.map(Arc::new))),
            });
            cases.push(case);
        }
        match self.replace(index, Side::Pg, &replacements).await {
            Ok(_) => self.soon(cases, ends),
            Err(error) => self.put_off_cases(cases, &self.pg, &error, ends),
        }
    }

    /// See [`above`]; of versions that the service gives, none is made up.
    fn above(&self, case: &Case, standing: Option<&Standing>) -> Version {
        let newest = &case.newest().intent;
        match standing {
            Some(standing) if newest.explicit => newest.version.max(standing.version),
            None if newest.explicit => newest.version,
            standing => above(standing),
        }
    }
}

/// Marks as written now what still stands as it was found.
pub(super) fn touches(found: &[Found]) -> Vec<Replacement> {
    let touch = |(case, standing): &Found| Replacement {
        id: case.id.clone(),
        expected: standing.as_ref().map(|standing| standing.version),
        stamp: None,
        with: None,
    };
    found.iter().map(touch).collect()
}
