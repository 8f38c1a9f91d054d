//! What a record becomes in the table.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::Redaction;
use crate::{
    document::DocumentId,
    error::Side,
    relevance::agreement_ndcg_at_k,
    search::QueryClass,
    shadow::{Leg, Outcome, RequestAbsent, ShadowRecord, StoredRequest},
};

/// One row of `shadow_read_logs`, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) endpoint: Arc<str>,
    pub(super) user: String,
    pub(super) query: String,
    pub(super) classes: Vec<QueryClass>,
    pub(super) request: Option<StoredRequest>,
    pub(super) request_absent: Option<RequestAbsent>,
    pub(super) offset: i32,
    pub(super) limit: i32,
    pub(super) primary: Side,
    pub(super) outcome: Outcome,
    pub(super) error_kind: &'static str,
    pub(super) phase: &'static str,
    pub(super) plan_version: i64,
    pub(super) settled: Option<bool>,
    pub(super) meili: RowLeg,
    pub(super) pg: RowLeg,
    pub(super) overlap: f64,
    pub(super) agreement: Option<f64>,
    pub(super) noise_overlap: Option<f64>,
}

/// One side's columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RowLeg {
    pub(super) ids: Vec<DocumentId>,
    /// Rounded; -1 without an answer.
    pub(super) ms: i32,
    pub(super) us: Option<i64>,
}

impl Row {
    /// The row of a record. Reader and query are redacted, and whatever the table cannot hold is bent to fit: a NUL in
    /// text becomes U+FFFD, numbers beyond a column's range its end.
    ///
    /// Without `requests` none is kept; nor is one that would show what is stored as a hash.
    pub(super) fn new(record: ShadowRecord, redaction: &Redaction, requests: bool) -> Self {
        let agreement = (record.outcome == Outcome::Compared).then(|| {
            let ids = |side| record.leg(side).ids.as_deref().unwrap_or_default();
            agreement_ndcg_at_k(ids(record.primary), ids(record.primary.other()), 10)
        });
        let request = record.request.map(|request| {
            if !requests { Err(RequestAbsent::Off) } else { request.and_then(|request| redaction.request(request)) }
        });
        let (request, request_absent) = match request {
            None => (None, None),
            Some(Ok(request)) => (Some(request), None),
            Some(Err(absent)) => (None, Some(absent)),
        };
        Self {
            at: micros_since_1970(record.at),
            endpoint: if record.endpoint.contains('\0') {
                without_nul(&record.endpoint).into()
            } else {
                record.endpoint
            },
            user: without_nul(&redaction.user(&record.user)),
            query: without_nul(&redaction.query(record.query)),
            classes: record.classes,
            request,
            request_absent,
            offset: record.offset.try_into().unwrap_or(i32::MAX),
            limit: record.limit.try_into().unwrap_or(i32::MAX),
            primary: record.primary,
            outcome: record.outcome,
            error_kind: record.error_kind,
            phase: record.phase.as_str(),
            plan_version: record.plan_version.try_into().unwrap_or(i64::MAX),
            settled: record.settled,
            meili: RowLeg::new(record.meili),
            pg: RowLeg::new(record.pg),
            overlap: record.overlap_at_10.unwrap_or(0.0),
            agreement,
            noise_overlap: record.noise_overlap_at_10,
        }
    }
}

impl RowLeg {
    fn new(leg: Leg) -> Self {
        let mut ids = leg.ids.unwrap_or_default();
        for id in ids.iter_mut().filter(|id| id.as_str().contains('\0')) {
            *id = DocumentId::new(without_nul(id.as_str()));
        }
        let ms = |latency: Duration| i32::try_from((latency.as_micros() + 500) / 1_000).unwrap_or(i32::MAX);
        let us = |latency: Duration| i64::try_from(latency.as_micros()).unwrap_or(i64::MAX);
        Self { ids, ms: leg.latency.map_or(-1, ms), us: leg.latency.map(us) }
    }
}

/// Microseconds since 1970; 0 for a clock that stands before that.
pub(super) fn micros_since_1970(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// PostgreSQL's text holds every character but this one.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
