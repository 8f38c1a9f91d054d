//! The axis of time: which instants are named, and how.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Steps between named instants, in seconds. Up to a day each divides the day.
const STEPS: [i64; 24] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
];

/// A stretch of time, at least a second long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::page) struct TimeAxis {
    from: Timestamp,
    seconds: i64,
}

impl TimeAxis {
    pub(in crate::page) fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, seconds: to.duration_since(from).as_secs().max(1) }
    }

    /// Where an instant is drawn: seconds from the beginning, and nothing outside.
    pub(super) fn place(&self, at: Timestamp) -> f64 {
        at.duration_since(self.from).as_secs_f64().clamp(0.0, self.seconds as f64)
    }

    pub(super) fn ends(&self) -> std::ops::Range<f64> {
        0.0..self.seconds as f64
    }

    /// At most `most` round instants.
    pub(super) fn ticks(&self, most: i64) -> Vec<f64> {
        let step = self.step(most);
        let from = self.from.as_second();
        let first = from + (-from).rem_euclid(step);
        let within = |at: &i64| *at <= from + self.seconds;
        (0..).map(|number| first + number * step).take_while(within).map(|at| (at - from) as f64).collect()
    }

    fn step(&self, most: i64) -> i64 {
        let few = |step: &i64| self.seconds / step < most;
        let widest = || (self.seconds / most / (28 * DAY) + 1) * 28 * DAY;
        STEPS.into_iter().find(few).unwrap_or_else(widest)
    }

    /// The name of a place: the day at midnight, else the time of day.
    pub(super) fn name(&self, place: f64, most: i64) -> String {
        let at = Timestamp::from_second(self.from.as_second().saturating_add(place.round() as i64)).unwrap_or_default();
        let step = self.step(most);
        let form = match () {
            () if step >= 28 * DAY => "%b %Y",
            () if at.as_second().rem_euclid(DAY) == 0 && self.seconds > DAY / 2 => "%b %-d",
            () if step < MINUTE => "%H:%M:%S",
            () => "%H:%M",
        };
        at.strftime(form).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(from: &str, seconds: i64) -> TimeAxis {
        TimeAxis { from: from.parse().unwrap(), seconds }
    }

    #[test]
    fn round_instants_are_named() {
        let day = axis("2026-11-27T19:05:00Z", DAY);
        let names: Vec<String> = day.ticks(7).into_iter().map(|place| day.name(place, 7)).collect();
        assert_eq!(names, ["20:00", "Nov 28", "04:00", "08:00", "12:00", "16:00"]);
        let weeks = axis("2026-11-14T10:00:00Z", 14 * DAY);
        let names: Vec<String> = weeks.ticks(6).into_iter().map(|place| weeks.name(place, 6)).collect();
        assert!(names.iter().all(|name| name.starts_with("Nov ")), "{names:?}");
    }

    #[test]
    fn never_more_than_asked_for() {
        for seconds in [1, 2, 59, HOUR, 5 * HOUR, DAY, 14 * DAY, 400 * DAY, 20_000 * DAY] {
            for most in [4, 7] {
                let axis = axis("1971-03-01T00:00:01.5Z", seconds);
                let ticks = axis.ticks(most).len() as i64;
                assert!((0..=most).contains(&ticks), "{ticks} for {seconds} s, {most}");
            }
        }
    }
}
