//! What the shadow log says about a stretch of time: how many reads ended how, how alike the sides were, how fast.

mod render;
mod sql;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgConnection;

use super::{Store, StoreError, overview::Window};
use crate::relevance::AGREEMENT_FORM;

#[cfg(feature = "html")]
pub(crate) use render::count;
pub(super) use sql::{pairs, percentiles};

const READING: &str = "reading the shadow log";

/// Which part of the log a report looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// Only this endpoint; `None` is all of them.
    pub endpoint: Option<String>,
}

/// The shadow log in figures. Its [`Display`](std::fmt::Display) is a page for a terminal.
///
/// Shares and means are `None` where there was nothing to take them of, never 0. Percentiles are Hyndman and Fan's
/// definition 7 (see [`percentile`](crate::relevance::percentile)).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The beginning of the window, inclusive.
    pub since: Timestamp,
    /// Its end, exclusive: when the report was made.
    pub until: Timestamp,
    /// The name and version of the agreement measure.
    pub agreement_form: &'static str,
    /// All endpoints together.
    pub overall: ReadStats,
    /// Each endpoint by its name.
    pub endpoints: BTreeMap<String, ReadStats>,
}

/// The figures of one endpoint, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReadStats {
    /// How many sampled reads ended how, by [`Outcome`](crate::shadow::Outcome).
    pub outcomes: BTreeMap<String, OutcomeCount>,
    /// Of the rows in the log that ended in an error: how many by outcome and kind of error.
    pub errors: BTreeMap<String, BTreeMap<String, u64>>,
    /// Rows in the log.
    pub stored: u64,
    /// Records known to be missing from it. They are tallied by the minute, so up to a minute's worth from before the
    /// window may be among them.
    pub lost: u64,
    /// stored / (stored + lost).
    pub completeness: Option<f64>,
    /// What the compared pairs show.
    pub compared: PairStats,
}

/// Sampled reads that ended in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutcomeCount {
    /// Of them, in the log.
    pub stored: u64,
    /// Of them, known to be missing.
    pub lost: u64,
}

/// What the compared pairs show.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PairStats {
    /// How many pairs; everything below is taken over them unless it says otherwise.
    pub pairs: u64,
    /// Read while no write to the index was under way.
    pub settled: u64,
    /// Read while one was.
    pub unsettled: u64,
    /// Where that is not known.
    pub settled_unknown: u64,
    /// Both sides showed nothing. They count as full overlap and full agreement.
    pub both_empty: u64,
    /// overlap@10.
    pub overlap_at_10: Option<Overlap>,
    /// Mean overlap@10 of the pairs that are not [both empty](Self::both_empty).
    pub overlap_at_10_nonempty_mean: Option<f64>,
    /// What the overlap can be at best.
    pub noise_floor: NoiseFloor,
    /// Mean agreement NDCG@10, in the [form](Report::agreement_form) named, with the side that answered as reference.
    pub agreement_ndcg_at_10: Option<f64>,
    /// Share of pairs whose first ten are the same in the same order.
    pub identical_order: Option<f64>,
    /// Share of pairs with the same first hit, of those that are not both empty.
    pub same_top: Option<f64>,
    /// How often a side found nothing.
    pub zero_results: ZeroResults,
    /// How long the sides took over the same requests.
    pub latency_ms: Latencies,
}

/// overlap@10 over pairs, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overlap {
    /// The mean.
    pub mean: f64,
    /// One pair in ten is no better than this.
    pub p10: f64,
    /// The median.
    pub p50: f64,
}

/// How much Meilisearch agrees with itself, over the pairs for which it was asked twice. They were drawn at random, so they
/// stand for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NoiseFloor {
    /// How many pairs.
    pub pairs: u64,
    /// Mean overlap@10 of its two answers: the ceiling of [`PairStats::overlap_at_10`].
    pub overlap_at_10_mean: Option<f64>,
    /// [The mean overlap of the sides](Overlap::mean) / that of Meilisearch with itself. 1: PostgreSQL differs from
    /// Meilisearch no more than that from itself. `None` also where Meilisearch has nothing in common with itself.
    pub relative_overlap: Option<f64>,
}

/// How often a side found nothing, over first pages: an empty page 7 says little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ZeroResults {
    /// Pairs with offset 0 and a limit above 0.
    pub first_pages: u64,
    /// Share of them in which Meilisearch found nothing.
    pub meili: Option<f64>,
    /// Share of them in which PostgreSQL found nothing.
    pub pg: Option<f64>,
}

/// Latencies in milliseconds, of pairs in which both sides answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latencies {
    /// Meilisearch.
    pub meili: Option<Percentiles>,
    /// PostgreSQL.
    pub pg: Option<Percentiles>,
    /// PostgreSQL less Meilisearch, pair by pair: negative where PostgreSQL was faster.
    pub delta: Option<Percentiles>,
}

/// Three percentiles of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// One in twenty is above.
    pub p95: f64,
    /// One in a hundred is above.
    pub p99: f64,
}

impl Report {
    /// Reads the log from `since` until now, in one snapshot.
    pub async fn compute(store: &Store, since: Timestamp, options: &ReportOptions) -> Result<Self, StoreError> {
        let window = Window::until_now(since, options);
        let mut snapshot = store.snapshot().await.map_err(StoreError::of(READING))?;
        let report = Self::read(&mut snapshot, &window).await?;
        snapshot.commit().await.map_err(StoreError::of(READING))?;
        Ok(report)
    }

    /// Reads what the log says of a window.
    pub(super) async fn read(snapshot: &mut PgConnection, window: &Window) -> Result<Self, StoreError> {
        let mut figures = sql::read(snapshot, window).await.map_err(StoreError::of(READING))?;
        let overall = figures.remove(&None).unwrap_or_default();
        let endpoints = figures.into_iter().filter_map(|(endpoint, stats)| Some((endpoint?, stats))).collect();
        let Window { since, until, .. } = *window;
        Ok(Self { since, until, agreement_form: AGREEMENT_FORM, overall, endpoints })
    }
}
