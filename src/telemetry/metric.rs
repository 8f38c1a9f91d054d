//! What the table says of a metric.

use metrics::Unit;

/// A metric of the crate.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name, as it is exposed.
    pub name: &'static str,
    /// What can be asked of it.
    pub kind: Kind,
    /// What it measures.
    pub meaning: &'static str,
    /// What it is told apart by. Every series has all of them.
    pub labels: &'static [Label],
    pub(crate) unit: Unit,
}

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows; starts at 0 with the process.
    Counter,
    /// The last value that was set.
    Gauge,
    /// Observations.
    Histogram {
        /// The upper bounds of the buckets that an exporter should be given, ascending.
        bounds: &'static [f64],
    },
}

/// A label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// All the values it can have.
    pub values: &'static [&'static str],
}

pub(super) const fn counter(name: &'static str, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, meaning, labels: &[], unit: Unit::Count }
}

pub(super) const fn gauge(name: &'static str, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, meaning, labels: &[], unit: Unit::Count }
}

pub(super) const fn histogram(name: &'static str, bounds: &'static [f64], meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram { bounds }, meaning, labels: &[], unit: Unit::Count }
}

impl Metric {
    /// The metric of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        super::METRICS.iter().find(|metric| metric.name == name)
    }

    /// Its label of that name.
    pub fn label(&self, name: &str) -> Option<&'static Label> {
        self.labels.iter().find(|label| label.name == name)
    }

    /// Whether observations may be negative: then the sum of them may fall, and has no rate.
    pub fn is_signed(&self) -> bool {
        matches!(self.kind, Kind::Histogram { bounds } if bounds.first().is_some_and(|lowest| *lowest < 0.0))
    }

    pub(super) const fn by(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }

    pub(super) const fn in_unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// Every series it can have: one value for each label.
    pub(super) fn series(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        self.labels.iter().fold(vec![Vec::new()], |series, label| {
            let with = |before: &Vec<_>, value| [before.as_slice(), &[(label.name, value)]].concat();
            series.iter().flat_map(|before| label.values.iter().map(move |value| with(before, *value))).collect()
        })
    }
}
