//! From what a gate file says to what it means, or why it cannot be.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use jiff::{Span, SpanRelativeTo};
use toml::Spanned;

use super::{
    Policy, PolicyError,
    raw::{At, Raw, RawGate},
};
use crate::{
    gates::{Class, Gate, Goal, Kind, Ladder, Metric, Statistic, StepKind, words::in_words},
    plan::Percent,
    search::QueryClass,
};

type Checked<T> = Result<T, PolicyError>;

/// The window of a gate that names none.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// Its samples.
const MIN_SAMPLES: u64 = 500;
/// A level above a half is a coin.
const MOST_LEVEL: f64 = 0.5;

pub(super) fn policy(raw: Raw, text: &str) -> Checked<Policy> {
    let checker = Checker { text };
    let level = match &raw.level {
        Some(level) if !(*level.get_ref() > 0.0 && *level.get_ref() <= MOST_LEVEL) => {
            return Err(checker.at(&level.span(), format!("level is a probability above 0 and up to {MOST_LEVEL}")));
        }
        Some(level) => *level.get_ref(),
        None => return Err(checker.lacks(&(0..0), "level")),
    };
    let retention = checker.span("retention", raw.retention.as_ref())?;
    let retention_at = raw.retention.as_ref().map(Spanned::span).unwrap_or_default();
    let ladder = Ladder {
        shadow: checker.rungs("ladder.shadow", raw.ladder.shadow)?,
        canary: checker.rungs("ladder.canary", raw.ladder.canary)?,
    };
    let mut gates = Vec::new();
    for (name, gate) in raw.gates {
        if gate.enabled != Some(false) {
            gates.push(checker.gate(&name, gate, retention, &retention_at)?);
        }
    }
    let observe = checker.span("observe", raw.observe.as_ref())?;
    let dwell = checker.span("ramp.dwell", raw.ramp.dwell.as_ref())?;
    Ok(Policy { level, observe, dwell, ladder, gates })
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn at(&self, span: &Range<usize>, message: impl Into<String>) -> PolicyError {
        PolicyError::at(self.text, span, message)
    }

    fn lacks(&self, span: &Range<usize>, what: &str) -> PolicyError {
        self.at(span, format!("{what} is missing"))
    }

    fn gate(&self, name: &Spanned<String>, raw: RawGate, retention: Duration, kept: &Range<usize>) -> Checked<Gate> {
        let here = name.span();
        let metric = raw.metric.ok_or_else(|| self.lacks(&here, &format!("{name}: metric", name = name.get_ref())))?;
        let (metric_at, metric) = (metric.span(), metric.into_inner());
        let metric: Metric = metric.parse().map_err(|()| {
            let names = Metric::ALL.map(Metric::name).join(", ");
            self.at(&metric_at, format!("`{metric}` is no metric; give one of {names}"))
        })?;
        let window = match &raw.window {
            Some(_) => self.span("window", raw.window.as_ref())?,
            None => WINDOW,
        };
        if metric.is_of_pairs() && window > retention {
            let at = raw.window.as_ref().map(Spanned::span).filter(|span| !span.is_empty());
            let (window, kept_for) = (in_words(window), in_words(retention));
            let message = format!(
                "the window of {} is {window}, and the shadow log is kept for {kept_for}; give {kept_for} or less, or keep \
                 the log longer and say so by `retention`",
                name.get_ref()
            );
            return Err(self.at(at.as_ref().unwrap_or(kept), message));
        }
        let min_samples = match raw.min_samples {
            Some(samples) => u64::try_from(*samples.get_ref())
                .ok()
                .filter(|samples| *samples > 0)
                .ok_or_else(|| self.at(&samples.span(), "min_samples is a whole number of 1 or more"))?,
            None => MIN_SAMPLES,
        };
        Ok(Gate {
            statistic: self.statistic(metric, raw.statistic, &here)?,
            goal: self.goal(name.get_ref(), metric, raw.at_least, raw.at_most, &here)?,
            before: self.before(metric, raw.before, &here)?,
            class: self.class(metric, raw.class)?,
            name: name.get_ref().clone(),
            metric,
            window,
            min_samples,
        })
    }

    fn statistic(&self, metric: Metric, raw: At<String>, gate: &Range<usize>) -> Checked<Option<Statistic>> {
        let allowed = match metric.kind() {
            Kind::Values { bounded: true } => "mean, or p1 to p99",
            Kind::Values { bounded: false } => "p1 to p99",
            Kind::Share | Kind::Fact => {
                return match raw {
                    Some(given) => Err(self.at(&given.span(), format!("{} takes no statistic", metric.name()))),
                    None => Ok(None),
                };
            }
        };
        let Some(given) = raw else {
            return Err(self.lacks(gate, &format!("the statistic of {} ({allowed})", metric.name())));
        };
        let refuse = || {
            self.at(
                &given.span(),
                format!("`{}` is no statistic of {}; give {allowed}", given.get_ref(), metric.name()),
            )
        };
        let statistic = given.get_ref().parse().map_err(|()| refuse())?;
        if statistic == Statistic::Mean && metric.kind() == (Kind::Values { bounded: false }) {
            return Err(refuse());
        }
        Ok(Some(statistic))
    }

    fn goal(&self, name: &str, metric: Metric, least: At<f64>, most: At<f64>, gate: &Range<usize>) -> Checked<Goal> {
        let (given, goal): (_, fn(f64) -> Goal) = match (least, most) {
            (Some(least), None) => (least, Goal::AtLeast),
            (None, Some(most)) => (most, Goal::AtMost),
            (Some(least), Some(most)) => {
                let both = if most.span().is_empty() { least.span() } else { most.span() };
                return Err(self.at(&both, format!("{name}: give either at_least or at_most")));
            }
            (None, None) => return Err(self.lacks(gate, &format!("{name}: at_least or at_most"))),
        };
        let (threshold, most) = (*given.get_ref(), metric.unit().most());
        if !(0.0..=most).contains(&threshold) {
            let range = if most == 1.0 { "a number from 0 to 1" } else { "a number of 0 or more" };
            let message = format!("{threshold} is no threshold of {}; give {range}", metric.name());
            return Err(self.at(&given.span(), message));
        }
        Ok(goal(threshold))
    }

    fn before(&self, metric: Metric, raw: At<Vec<String>>, gate: &Range<usize>) -> Checked<BTreeSet<StepKind>> {
        let names = StepKind::ALL.map(StepKind::name).join(", ");
        let given = raw.ok_or_else(|| self.lacks(gate, &format!("before (a list of {names})")))?;
        let kind = |name: &String| {
            let known = StepKind::ALL.into_iter().find(|kind| kind.name() == name);
            known.ok_or_else(|| self.at(&given.span(), format!("`{name}` is no step; give some of {names}")))
        };
        let before: BTreeSet<StepKind> = given.get_ref().iter().map(kind).collect::<Checked<_>>()?;
        if before.is_empty() {
            let message =
                format!("a gate stands before one step at least: some of {names}; `enabled = false` takes it away");
            return Err(self.at(&given.span(), message));
        }
        if let Some(early) = before.iter().find(|kind| metric.is_of_pairs() && !kind.comes_after_pairs()) {
            let message =
                format!("{} cannot stand before {}, since no reads are compared by then", metric.name(), early.name());
            return Err(self.at(&given.span(), message));
        }
        Ok(before)
    }

    fn class(&self, metric: Metric, raw: At<String>) -> Checked<Class> {
        let Some(given) = raw else { return Ok(Class::All) };
        let class = match given.get_ref().as_str() {
            "all" => return Ok(Class::All),
            "worst" => Class::Worst,
            name => match QueryClass::ALL.into_iter().find(|class| class.as_str() == name) {
                Some(class) => Class::One(class),
                None => {
                    let names = QueryClass::ALL.map(QueryClass::as_str).join(", ");
                    return Err(self.at(&given.span(), format!("`{name}` is no class; give all, worst, {names}")));
                }
            },
        };
        if !metric.by_class() {
            return Err(self.at(&given.span(), format!("{} is not known by class of query", metric.name())));
        }
        Ok(class)
    }

    fn span(&self, name: &str, raw: Option<&Spanned<String>>) -> Checked<Duration> {
        let given = raw.ok_or_else(|| self.lacks(&(0..0), name))?;
        let duration = given.get_ref().parse::<Span>().ok();
        let duration = duration.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
        duration.filter(|duration| !duration.is_zero()).ok_or_else(|| {
            let message = format!("`{}` is no span of time for {name}; give one like 90m, 24h or 7d", given.get_ref());
            self.at(&given.span(), message)
        })
    }

    fn rungs(&self, name: &str, raw: At<Vec<f64>>) -> Checked<Vec<Percent>> {
        let given = raw.ok_or_else(|| self.lacks(&(0..0), name))?;
        let rung = |share: &f64| {
            let percent = share.to_string().parse::<Percent>().ok().filter(|percent| *percent > Percent::ZERO);
            let allowed = "a share above 0, from 0 to 100 with at most four decimals";
            percent.ok_or_else(|| self.at(&given.span(), format!("{share} is no rung of {name}; give {allowed}")))
        };
        given.get_ref().iter().map(rung).collect()
    }
}
