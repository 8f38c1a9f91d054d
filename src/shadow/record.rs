//! What is kept of a sampled read, and where it goes.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Outcome, RequestAbsent, StoredRequest};
use crate::{document::DocumentId, error::Side, plan::Phase, search::QueryClass};

/// One sampled read, however it ended. Fields that did not come to be are empty or `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowRecord {
    /// When the request arrived.
    pub at: SystemTime,
    /// The name the layer was given, for example `GET /v1/search`.
    pub endpoint: Arc<str>,
    /// Who asked; empty when unknown.
    pub user: Arc<str>,
    /// The words asked for, normalized (trimmed, white space folded, lowercased).
    pub query: String,
    /// The classes it is in by itself; see [`QueryClass::of`].
    pub classes: Vec<QueryClass>,
    /// The query to be asked again, or why it is not kept; `None` if it was never read.
    pub request: Option<Result<StoredRequest, RequestAbsent>>,
    /// Hits skipped.
    pub offset: usize,
    /// Hits asked for.
    pub limit: usize,
    /// The side that was to answer.
    pub primary: Side,
    /// How it ended.
    pub outcome: Outcome,
    /// The kind of the error, from a closed set; empty without one.
    pub error_kind: &'static str,
    /// Where the migration stood.
    pub phase: Phase,
    /// The plan the request saw.
    pub plan_version: u64,
    /// Whether no write to the index was under way; `None` when unknown.
    pub settled: Option<bool>,
    /// What each side showed, best first. The lists are whole pages, not cut at 10.
    pub meili: Leg,
    /// The same for PostgreSQL.
    pub pg: Leg,
    /// overlap@10; only for [`Outcome::Compared`].
    pub overlap_at_10: Option<f64>,
    /// overlap@10 of two answers of Meilisearch to the same query, for the pairs that were
    /// [drawn](super::ShadowPolicy::noise_share) for it; only for [`Outcome::Compared`].
    pub noise_overlap_at_10: Option<f64>,
}

/// One side's part of a pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leg {
    /// The ids shown, best first; `None` if it did not answer.
    pub ids: Option<Vec<DocumentId>>,
    /// How long it took; `None` if it did not answer.
    pub latency: Option<Duration>,
}

/// Where records go. Called from the response path for drops, so it must not block, wait or fail; what it cannot take
/// it counts.
pub trait ShadowSink: Send + Sync + 'static {
    /// Takes a record.
    fn record(&self, record: ShadowRecord);
}

impl ShadowRecord {
    /// The part of a side.
    pub fn leg(&self, side: Side) -> &Leg {
        match side {
            Side::Meili => &self.meili,
            Side::Pg => &self.pg,
        }
    }

    /// The part of a side, to be filled in.
    pub fn leg_mut(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::Meili => &mut self.meili,
            Side::Pg => &mut self.pg,
        }
    }

    /// PostgreSQL's latency less Meilisearch's, in milliseconds: negative means PostgreSQL was faster.
    pub fn latency_delta_ms(&self) -> Option<f64> {
        let (pg, meili) = (self.pg.latency?, self.meili.latency?);
        Some((pg.as_secs_f64() - meili.as_secs_f64()) * 1e3)
    }
}
