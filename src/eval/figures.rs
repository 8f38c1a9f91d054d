//! What many cases come to.

use serde::Serialize;

use super::{Answer, Case, Comparison, bootstrap_interval, mean};
use crate::relevance::percentile;

/// The figures of all queries, or of a class of them. Means are over queries; a figure is `None` if nothing gives it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// How many queries.
    pub queries: usize,
    /// Those that PostgreSQL did not answer; they count as empty answers.
    pub errors: usize,
    /// Those to which both sides found nothing; they count as alike.
    pub both_empty: usize,
    /// The mean share of the first ten documents that both sides show, in whatever order.
    pub overlap_at_10: Option<f64>,
    /// Its 95 % interval.
    pub overlap_at_10_interval: Option<[f64; 2]>,
    /// The share of queries whose first 20 are the same in the same order.
    pub identical_top_20: Option<f64>,
    /// The share of queries with the same first hit, of those not both empty.
    pub top1: Option<f64>,
    /// The mean rank-biased overlap (extrapolated, p = 0.9).
    pub rbo: Option<f64>,
    /// The share of queries to which both sides say that as many match.
    pub totals_equal: Option<f64>,
    /// How far the totals are apart on average, as a share of the larger one.
    pub totals_error: Option<f64>,
    /// Queries with judgments.
    pub judged: usize,
    /// PostgreSQL's mean NDCG@10 (linear gain) over the queries with judgments.
    pub ndcg_at_10: Option<f64>,
    /// Its 95 % interval.
    pub ndcg_at_10_interval: Option<[f64; 2]>,
    /// PostgreSQL's NDCG@10 less Meilisearch's, by query.
    pub ndcg_at_10_delta: Option<f64>,
    /// Its 95 % interval: a difference that may be chance contains 0.
    pub ndcg_at_10_delta_interval: Option<[f64; 2]>,
    /// PostgreSQL's latency in milliseconds, of the queries it did not answer as well.
    pub p50_ms: Option<f64>,
    /// 95 of 100 queries took no longer.
    pub p95_ms: Option<f64>,
    /// 99 of 100 queries took no longer.
    pub p99_ms: Option<f64>,
    /// Meilisearch's own figures, if it was asked or recorded.
    pub source: Option<SourceFigures>,
}

/// The figures of Meilisearch itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SourceFigures {
    /// Queries it did not answer; they count as empty answers.
    pub errors: usize,
    /// Its mean NDCG@10 over the queries with judgments.
    pub ndcg_at_10: Option<f64>,
    /// Its latency in milliseconds; `None` if the answers were recorded.
    pub p50_ms: Option<f64>,
    /// 95 of 100 queries took no longer.
    pub p95_ms: Option<f64>,
    /// 99 of 100 queries took no longer.
    pub p99_ms: Option<f64>,
}

/// 50, 95, 99.
type Latency = [Option<f64>; 3];

impl Figures {
    pub(super) fn of(cases: &[&Case], seed: u64) -> Self {
        let compared: Vec<&Comparison> = cases.iter().filter_map(|case| case.comparison.as_ref()).collect();
        let each = |figure: fn(&Comparison) -> Option<f64>| -> Vec<f64> {
            compared.iter().filter_map(|comparison| figure(comparison)).collect()
        };
        let share = |is: bool| f64::from(u8::from(is));
        let overlaps = each(|comparison| Some(comparison.overlap_at_10));
        let ndcg: Vec<f64> = cases.iter().filter_map(|case| case.target_ndcg).collect();
        let pairs = cases.iter().filter_map(|case| case.target_ndcg.zip(case.source_ndcg));
        let deltas: Vec<f64> = pairs.map(|(target, source)| target - source).collect();
        let [p50_ms, p95_ms, p99_ms] = latency(cases.iter().map(|case| &case.target));
        Self {
            queries: cases.len(),
            errors: cases.iter().filter(|case| case.target.error.is_some()).count(),
            both_empty: compared.iter().filter(|comparison| comparison.both_empty).count(),
            overlap_at_10: mean(&overlaps),
            overlap_at_10_interval: bootstrap_interval(&overlaps, seed),
            identical_top_20: mean(&compared.iter().map(|it| share(it.identical_top_20)).collect::<Vec<_>>()),
            top1: mean(&compared.iter().filter_map(|it| it.top1.map(share)).collect::<Vec<_>>()),
            rbo: mean(&each(|comparison| Some(comparison.rbo))),
            totals_equal: mean(&compared.iter().filter_map(|it| it.totals_equal.map(share)).collect::<Vec<_>>()),
            totals_error: mean(&each(|comparison| comparison.totals_error)),
            judged: ndcg.len(),
            ndcg_at_10: mean(&ndcg),
            ndcg_at_10_interval: bootstrap_interval(&ndcg, seed),
            ndcg_at_10_delta: mean(&deltas),
            ndcg_at_10_delta_interval: bootstrap_interval(&deltas, seed),
            p50_ms,
            p95_ms,
            p99_ms,
            source: (!compared.is_empty()).then(|| SourceFigures::of(cases)),
        }
    }
}

impl SourceFigures {
    fn of(cases: &[&Case]) -> Self {
        let answers = || cases.iter().filter_map(|case| case.source.as_ref());
        let [p50_ms, p95_ms, p99_ms] = latency(answers());
        Self {
            errors: answers().filter(|answer| answer.error.is_some()).count(),
            ndcg_at_10: mean(&cases.iter().filter_map(|case| case.source_ndcg).collect::<Vec<_>>()),
            p50_ms,
            p95_ms,
            p99_ms,
        }
    }
}

fn latency<'a>(answers: impl Iterator<Item = &'a Answer>) -> Latency {
    let mut millis: Vec<f64> = answers.filter_map(|answer| answer.millis).collect();
    millis.sort_unstable_by(f64::total_cmp);
    [0.5, 0.95, 0.99].map(|p| percentile(&millis, p))
}
