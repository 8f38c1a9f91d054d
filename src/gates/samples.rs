//! Pairs of a window, taken one by one, and the figures they make. Pure.

use std::collections::BTreeMap;

use super::{Metric, Seen, Statistic};
use crate::{
    relevance::percentile,
    search::QueryClass,
    stats::{self, Bounds, MeanBounds},
    store::{
        Overlap,
        evidence::{Pair, Settled},
    },
};

/// The pairs of a window: all of them, and by class of query.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    pub(super) all: Tally,
    pub(super) classes: BTreeMap<QueryClass, Tally>,
}

/// What pairs come to. Values stand in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    compared: u64,
    failed: u64,
    settled: u64,
    identical: u64,
    first_pages: u64,
    only_pg_empty: u64,
    overlap: Vec<f64>,
    agreement: Vec<f64>,
    noise: Vec<f64>,
    meili_ms: Vec<f64>,
    pg_ms: Vec<f64>,
}

impl Samples {
    pub(super) fn add(&mut self, pair: &Pair) {
        self.all.add(pair);
        for class in &pair.classes {
            self.classes.entry(*class).or_default().add(pair);
        }
    }
}

impl Tally {
    fn add(&mut self, pair: &Pair) {
        if !pair.compared {
            self.failed += 1;
            return;
        }
        self.compared += 1;
        if let (Some(meili), Some(pg)) = (pair.meili_ms, pair.pg_ms) {
            self.meili_ms.push(meili);
            self.pg_ms.push(pg);
        }
        // A pair that was read while a write was under way shows the delay of the write.
        if pair.settled != Settled::Yes {
            return;
        }
        self.settled += 1;
        self.identical += u64::from(pair.identical);
        self.overlap.push(pair.overlap_at_10);
        self.agreement.extend(pair.agreement);
        self.noise.extend(pair.noise_overlap_at_10);
        if let Some(only_pg_empty) = pair.only_pg_empty {
            self.first_pages += 1;
            self.only_pg_empty += u64::from(only_pg_empty);
        }
    }

    /// Pairs that say nothing of quality.
    pub(super) fn unsettled(&self) -> u64 {
        self.compared - self.settled
    }

    /// Pairs that do.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// overlap@10 of the source with itself, and of how many pairs.
    pub(super) fn noise(&self) -> Option<(Overlap, u64)> {
        Some((overlap(&self.noise)?, self.noise.len() as u64))
    }

    /// overlap@10 of both sides.
    pub(super) fn overlap(&self) -> Option<Overlap> {
        overlap(&self.overlap)
    }

    /// The mean of agreement NDCG@10.
    pub(super) fn agreement(&self) -> Option<f64> {
        mean(&self.agreement)
    }

    /// The share of pairs whose first ten are the same in the same order.
    pub(super) fn identical(&self) -> Option<f64> {
        (self.settled > 0).then(|| self.identical as f64 / self.settled as f64)
    }

    /// What there is to be seen of a metric of pairs, with bounds that are wrong at most at the level.
    pub(super) fn see(&self, metric: Metric, statistic: Option<Statistic>, level: f64) -> Seen {
        let values = |values: &[f64]| match statistic {
            Some(Statistic::Percentile(_)) => quantile(values, statistic, level),
            Some(Statistic::Mean) | None => sampled(mean(values), mean_bounds(values, level), values.len() as u64),
        };
        let share =
            |hits: u64, of: u64| sampled((of > 0).then(|| hits as f64 / of as f64), stats::share(hits, of, level), of);
        match metric {
            Metric::OverlapAt10 => values(&self.overlap),
            Metric::AgreementNdcgAt10 => values(&self.agreement),
            Metric::PgLatencyMs => values(&self.pg_ms),
            Metric::LatencyRatio => {
                // Each half of the level: together they are wrong at the level.
                let of = |values: &[f64]| quantile(values, statistic, level / 2.0);
                quotient(&of(&self.pg_ms), &of(&self.meili_ms), "pairs whose latency is known")
            }
            Metric::OverlapOfCeiling => {
                let of = |values: &[f64]| sampled(mean(values), mean_bounds(values, level / 2.0), values.len() as u64);
                quotient(&of(&self.overlap), &of(&self.noise), "pairs for which Meilisearch was asked twice")
            }
            Metric::ShadowFailures => share(self.failed, self.failed + self.compared),
            Metric::ZeroResultExcess => share(self.only_pg_empty, self.first_pages),
            Metric::Unsettled => share(self.unsettled(), self.compared),
            other => Seen::Unknown(format!("{} is not taken of pairs", other.name())),
        }
    }
}

fn sampled(value: Option<f64>, bounds: Bounds, samples: u64) -> Seen {
    Seen::Sampled { value, bounds, samples }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn overlap(values: &[f64]) -> Option<Overlap> {
    let mut ascending = values.to_vec();
    ascending.sort_by(f64::total_cmp);
    let at = |p| percentile(&ascending, p);
    Some(Overlap { mean: mean(values)?, p10: at(0.1)?, p50: at(0.5)? })
}

fn mean_bounds(values: &[f64], level: f64) -> Bounds {
    let mut bounds = MeanBounds::new(level);
    values.iter().for_each(|value| bounds.add(*value));
    bounds.bounds()
}

fn quantile(values: &[f64], statistic: Option<Statistic>, level: f64) -> Seen {
    let Some(p) = statistic.and_then(Statistic::quantile) else {
        return Seen::Unknown("no percentile was asked for".to_owned());
    };
    let mut ascending = values.to_vec();
    ascending.sort_by(f64::total_cmp);
    let (least, most) = stats::quantile_ranks(ascending.len() as u64, p, level);
    let at = |rank: Option<u64>| ascending.get(usize::try_from(rank?).ok()?.checked_sub(1)?).copied();
    let bounds = Bounds { lower: at(least).unwrap_or(0.0), upper: at(most).unwrap_or(f64::INFINITY) };
    sampled(percentile(&ascending, p), bounds, ascending.len() as u64)
}

fn quotient(of: &Seen, by: &Seen, what: &str) -> Seen {
    let (Seen::Sampled { value, bounds, .. }, Seen::Sampled { value: divisor, bounds: below, samples }) = (of, by)
    else {
        return Seen::Unknown(format!("there are no {what}"));
    };
    let value = value.zip(*divisor).filter(|(_, divisor)| *divisor > 0.0).map(|(value, divisor)| value / divisor);
    sampled(value, bounds.over(*below), *samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(overlap: f64) -> Pair {
        Pair {
            compared: true,
            settled: Settled::Yes,
            overlap_at_10: overlap,
            identical: overlap == 1.0,
            agreement: Some(overlap),
            meili_ms: Some(10.0),
            pg_ms: Some(20.0),
            only_pg_empty: Some(false),
            noise_overlap_at_10: None,
            classes: vec![QueryClass::Short],
        }
    }

    fn samples(pairs: impl IntoIterator<Item = Pair>) -> Samples {
        let mut samples = Samples::default();
        pairs.into_iter().for_each(|pair| samples.add(&pair));
        samples
    }

    fn figure(tally: &Tally, metric: Metric, statistic: Option<Statistic>) -> (Option<f64>, Bounds, u64) {
        match tally.see(metric, statistic, 0.05) {
            Seen::Sampled { value, bounds, samples } => (value, bounds, samples),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_settled_pairs_say_something_of_quality() {
        let unsettled = |settled| Pair { settled, ..pair(0.0) };
        let all = samples([pair(1.0), pair(1.0), unsettled(Settled::No), unsettled(Settled::Unknown)]).all;
        let (value, _, count) = figure(&all, Metric::OverlapAt10, Some(Statistic::Mean));
        assert_eq!((value, count), (Some(1.0), 2));
        // And of latency all.
        assert_eq!(figure(&all, Metric::PgLatencyMs, Some(Statistic::Percentile(50))).2, 4);
        assert_eq!(figure(&all, Metric::Unsettled, None).0, Some(0.5));
    }

    #[test]
    fn failures_are_no_pairs_with_overlap_0_but_a_share_of_their_own() {
        let failed = Pair { compared: false, ..pair(0.0) };
        let all = samples([pair(0.9), failed.clone(), failed, pair(0.9)]).all;
        assert_eq!(figure(&all, Metric::OverlapAt10, Some(Statistic::Percentile(10))).0, Some(0.9));
        let (value, bounds, count) = figure(&all, Metric::ShadowFailures, None);
        assert_eq!((value, count), (Some(0.5), 4));
        assert!(bounds.contains(0.5) && bounds.lower > 0.0 && bounds.upper < 1.0);
    }

    #[test]
    fn classes_have_figures_of_their_own() {
        let tail = |overlap| Pair { classes: vec![QueryClass::Tail], ..pair(overlap) };
        let samples = samples([pair(1.0), tail(0.2), tail(0.4)]);
        assert_eq!(
            figure(&samples.classes[&QueryClass::Short], Metric::OverlapAt10, Some(Statistic::Mean)).0,
            Some(1.0)
        );
        let (value, _, count) = figure(&samples.classes[&QueryClass::Tail], Metric::OverlapAt10, Some(Statistic::Mean));
        assert!((value.unwrap() - 0.3).abs() < 1e-9 && count == 2);
    }

    #[test]
    fn a_quantile_is_bounded_by_values_that_were_seen_or_by_nothing() {
        let few = samples((0..3).map(|_| pair(1.0))).all;
        let (_, bounds, _) = figure(&few, Metric::PgLatencyMs, Some(Statistic::Percentile(95)));
        assert!(bounds.lower <= 20.0 && bounds.upper == f64::INFINITY);
        let many = samples((0..2_000).map(|n| Pair { pg_ms: Some(f64::from(n)), ..pair(1.0) })).all;
        let (value, bounds, _) = figure(&many, Metric::PgLatencyMs, Some(Statistic::Percentile(95)));
        let value = value.unwrap();
        assert!((value - 1_899.05).abs() < 1e-6);
        assert!(1_800.0 < bounds.lower && bounds.lower < value && value < bounds.upper && bounds.upper < 1_999.0);
    }

    #[test]
    fn quotients_are_bounded_by_both_parts() {
        let flapping = |noise| Pair { noise_overlap_at_10: Some(noise), ..pair(0.8) };
        let all = samples((0..4_000).map(|n| flapping(if n % 2 == 0 { 1.0 } else { 0.8 }))).all;
        let (value, bounds, count) = figure(&all, Metric::OverlapOfCeiling, None);
        assert!((value.unwrap() - 0.8 / 0.9).abs() < 1e-9 && count == 4_000);
        assert!(bounds.contains(0.8 / 0.9) && bounds.upper - bounds.lower < 0.1);
        let (ratio, _, _) = figure(&all, Metric::LatencyRatio, Some(Statistic::Percentile(95)));
        assert_eq!(ratio, Some(2.0));
        let (none, bounds, count) = figure(&samples([pair(0.8)]).all, Metric::OverlapOfCeiling, None);
        assert_eq!((none, bounds.upper, count), (None, f64::INFINITY, 0));
    }
}
