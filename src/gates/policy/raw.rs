//! A gate file as it stands, not yet checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::PolicyError;

/// A value and where it stands.
pub(super) type At<T> = Option<Spanned<T>>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) level: At<f64>,
    pub(super) retention: At<String>,
    pub(super) observe: At<String>,
    #[serde(default)]
    pub(super) ladder: RawLadder,
    #[serde(default)]
    pub(super) ramp: RawRamp,
    #[serde(default)]
    pub(super) gates: BTreeMap<Spanned<String>, RawGate>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLadder {
    pub(super) shadow: At<Vec<f64>>,
    pub(super) canary: At<Vec<f64>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRamp {
    pub(super) dwell: At<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGate {
    pub(super) enabled: Option<bool>,
    pub(super) metric: At<String>,
    pub(super) statistic: At<String>,
    pub(super) at_least: At<f64>,
    pub(super) at_most: At<f64>,
    pub(super) window: At<String>,
    pub(super) min_samples: At<i64>,
    pub(super) before: At<Vec<String>>,
    pub(super) class: At<String>,
}

impl Raw {
    pub(super) fn parse(text: &str) -> Result<Self, PolicyError> {
        toml::from_str(text)
            .map_err(|error| PolicyError::at(text, &error.span().unwrap_or_default(), error.message().trim()))
    }

    /// Together with defaults, whose places are in another file.
    pub(super) fn over(self, defaults: Self) -> Self {
        let mut gates: BTreeMap<Spanned<String>, RawGate> =
            defaults.gates.into_iter().map(|(name, gate)| (elsewhere(name), gate.elsewhere())).collect();
        for (name, gate) in self.gates {
            let below = gates.remove(&name).unwrap_or_default();
            gates.insert(name, gate.over(below));
        }
        Self {
            level: self.level.or(defaults.level.map(elsewhere)),
            retention: self.retention.or(defaults.retention.map(elsewhere)),
            observe: self.observe.or(defaults.observe.map(elsewhere)),
            ladder: RawLadder {
                shadow: self.ladder.shadow.or(defaults.ladder.shadow.map(elsewhere)),
                canary: self.ladder.canary.or(defaults.ladder.canary.map(elsewhere)),
            },
            ramp: RawRamp { dwell: self.ramp.dwell.or(defaults.ramp.dwell.map(elsewhere)) },
            gates,
        }
    }
}

impl RawGate {
    fn elsewhere(self) -> Self {
        Self {
            enabled: self.enabled,
            metric: self.metric.map(elsewhere),
            statistic: self.statistic.map(elsewhere),
            at_least: self.at_least.map(elsewhere),
            at_most: self.at_most.map(elsewhere),
            window: self.window.map(elsewhere),
            min_samples: self.min_samples.map(elsewhere),
            before: self.before.map(elsewhere),
            class: self.class.map(elsewhere),
        }
    }

    fn over(self, below: Self) -> Self {
        Self {
            enabled: self.enabled.or(below.enabled),
            metric: self.metric.or(below.metric),
            statistic: self.statistic.or(below.statistic),
            at_least: self.at_least.or(below.at_least),
            at_most: self.at_most.or(below.at_most),
            window: self.window.or(below.window),
            min_samples: self.min_samples.or(below.min_samples),
            before: self.before.or(below.before),
            class: self.class.or(below.class),
        }
    }
}

/// The same value at the beginning: what is wrong with it shows where the file changes what it has to fit.
fn elsewhere<T>(value: Spanned<T>) -> Spanned<T> {
    Spanned::new(0..0, value.into_inner())
}
