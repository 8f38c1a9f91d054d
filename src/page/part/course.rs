//! What all plots over time have in common.

use std::time::Duration;

use jiff::Timestamp;
use maud::Markup;

use super::{format, table};
use crate::{
    page::plot::{Mark, Series, TimeAxis},
    store::{Bucket, Overview},
};

/// The course of the log, ready to be drawn.
pub(super) struct Times<'a> {
    pub(super) buckets: &'a [Bucket],
    /// The width of a bucket, in words.
    pub(super) width: String,
    pub(super) axis: TimeAxis,
    /// The middle of each bucket.
    pub(super) middles: Vec<Timestamp>,
    /// Where each begins, and where the last one ends.
    pub(super) edges: Vec<Timestamp>,
    /// Changes of flags, the oldest first.
    pub(super) marks: Vec<Mark>,
}

impl<'a> Times<'a> {
    pub(super) fn of(overview: &'a Overview) -> Self {
        let course = &overview.course;
        let (since, until) = (overview.report.since, overview.report.until);
        let buckets = course.buckets.as_slice();
        let from = buckets.first().map_or(since, |bucket| bucket.start);
        let later = |at: Timestamp, by: Duration| at.checked_add(by).unwrap_or(until).min(until);
        let starts = buckets.iter().map(|bucket| bucket.start);
        // The last one is cut off by the end of the window.
        let middle = |start: Timestamp| {
            let end = later(start, course.width);
            later(start, Duration::try_from(end.duration_since(start)).unwrap_or_default() / 2)
        };
        let changes = overview.changes.iter().rev().enumerate();
        let drawn = changes.filter(|(_, change)| change.when >= from);
        Self {
            buckets,
            width: format::seconds(course.width.as_secs_f64()),
            axis: TimeAxis::new(from, until),
            middles: starts.clone().map(middle).collect(),
            edges: starts.chain(buckets.last().map(|last| later(last.start, course.width))).collect(),
            marks: drawn.map(|(number, change)| Mark { at: change.when, number: number + 1 }).collect(),
        }
    }

    /// One value of each bucket.
    pub(super) fn values(&self, of: impl Fn(&Bucket) -> Option<f64>) -> Vec<Option<f64>> {
        self.buckets.iter().map(|bucket| of(bucket).filter(|value| value.is_finite())).collect()
    }

    /// A row for each bucket that has something to show.
    pub(super) fn table(&self, about: &str, head: &[&str], row: impl Fn(&Bucket) -> Option<Vec<String>>) -> Markup {
        let rows: Vec<Vec<Markup>> = self
            .buckets
            .iter()
            .filter_map(|bucket| {
                let cells = row(bucket)?;
                Some([format::minute(bucket.start)].iter().chain(&cells).map(table::cell).collect())
            })
            .collect();
        table::figures(about, head, &rows)
    }

    /// The times and the buckets, in words.
    pub(super) fn about(&self) -> String {
        match (self.edges.first(), self.edges.last()) {
            (Some(first), Some(last)) => {
                format!("{} to {} UTC, in steps of {}", format::minute(*first), format::minute(*last), self.width)
            }
            _ => String::new(),
        }
    }
}

/// All values of some lines.
pub(super) fn values(series: &[Series]) -> impl Iterator<Item = f64> + Clone + '_ {
    series.iter().flat_map(|series| series.values.iter().copied().flatten())
}
