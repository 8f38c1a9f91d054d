//! What a page about a migration needs beyond the [`Report`]: its course over time, the worst queries, where it stands.

mod course;
mod histogram;
mod width;
mod worst;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{FlagChange, PairStats, Replica, Report, ReportOptions, Store, StoreError, StoredFlags};

pub use course::{Bucket, Course};
pub use histogram::Histogram;
pub use worst::WorstQuery;

/// How many changes of flags an overview holds at most, the latest ones.
pub const CHANGES: u32 = 100;
/// How many of the worst queries it holds at most.
pub const WORST: u32 = 20;

/// Everything the control tables say about a stretch of time, at one instant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overview {
    /// The figures of all pairs, and how the reads ended.
    pub report: Report,
    /// The figures of the settled pairs alone, all endpoints together: what quality is judged by. A pair that was read while a
    /// write was under way, or of which that is not known, says as much about the writes as about the search.
    pub settled: PairStats,
    /// The same of each endpoint.
    pub settled_by_endpoint: BTreeMap<String, PairStats>,
    /// How the overlap of settled pairs is spread.
    pub histogram: Histogram,
    /// The window cut into stretches.
    pub course: Course,
    /// The queries on which the sides agree least.
    pub worst: Vec<WorstQuery>,
    /// The flags, and whether the target is stale.
    pub flags: StoredFlags,
    /// Changes of flags within the window, the newest first, [`CHANGES`] at most.
    pub changes: Vec<FlagChange>,
    /// The processes of the service.
    pub replicas: Vec<Replica>,
}

impl Overview {
    /// Reads the tables from `since` until now, in one snapshot.
    pub async fn compute(store: &Store, since: Timestamp, options: &ReportOptions) -> Result<Self, StoreError> {
        let window = Window::until_now(since, options);
        let doing = "beginning a snapshot of the control tables";
        let mut snapshot = store.snapshot().await.map_err(StoreError::of(doing))?;

        let report = Report::read(&mut snapshot, &window).await?;
        let doing = "reading the settled pairs of the shadow log";
        let mut settled =
            super::report::pairs(&mut snapshot, &window, Some(true)).await.map_err(StoreError::of(doing))?;
        let doing = "reading the course of the shadow log";
        let course = course::read(&mut snapshot, &window).await.map_err(StoreError::of(doing))?;
        let histogram = histogram::read(&mut snapshot, &window).await.map_err(StoreError::of(doing))?;
        let doing = "looking for the worst queries in the shadow log";
        let worst = worst::read(&mut snapshot, &window).await.map_err(StoreError::of(doing))?;
        let flags = super::FlagTable::read_on(&mut *snapshot).await?;
        let changes = super::FlagTable::history_on(&mut *snapshot, Some((window.since, window.until)), CHANGES).await?;
        let replicas = super::Replicas::all_on(&mut *snapshot).await?;
        snapshot.commit().await.map_err(StoreError::of("ending a snapshot of the control tables"))?;

        Ok(Self {
            report,
            settled: settled.remove(&None).unwrap_or_default(),
            settled_by_endpoint: settled.into_iter().filter_map(|(name, stats)| Some((name?, stats))).collect(),
            histogram,
            course,
            worst,
            flags,
            changes,
            replicas,
        })
    }
}

/// Which rows of the log are looked at.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    pub(super) endpoint: Option<String>,
}

impl Window {
    pub(super) fn until_now(since: Timestamp, options: &ReportOptions) -> Self {
        // No row is older, and PostgreSQL's calendar begins later than jiff's.
        let since = since.max(Timestamp::UNIX_EPOCH);
        Self { since, until: Timestamp::now(), endpoint: options.endpoint.clone() }
    }
}
