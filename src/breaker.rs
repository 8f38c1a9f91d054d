//! A circuit breaker: after repeated failures it stops asking for a while, then probes with single requests.
//!
//! [`Breaker`] is a clock-free state machine behind a short lock: the caller brings the time, so every transition can be
//! tested without waiting. It counts consecutive failures; a failure now and then is what the fallback is for.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// When a [`Breaker`] opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it. 0 counts as 1.
    pub failures: u32,
    /// How long it first stays open; doubled after every failed probe.
    pub first_wait: Duration,
    /// The longest it stays open.
    pub max_wait: Duration,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    state: Mutex<State>,
}

/// What a [`Breaker`] says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Go ahead.
    Closed,
    /// Go ahead: this request finds out whether the side has recovered.
    Probe,
    /// Do not ask.
    Open,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        wait: Duration,
    },
    /// A probe is under way. Should its result never arrive (cancelled), another may start after `retry_at`.
    Probing {
        retry_at: Instant,
        wait: Duration,
    },
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, first_wait: Duration::from_secs(1), max_wait: Duration::from_secs(30) }
    }
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Whether a request may ask. Every [`Admission::Probe`] or [`Admission::Closed`] should be followed by
    /// [`succeeded`](Self::succeeded), [`failed`](Self::failed) or [`released`](Self::released).
    pub fn admit(&self, now: Instant) -> Admission {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Closed { .. } => Admission::Closed,
            State::Open { until, .. } if now < until => Admission::Open,
            State::Probing { retry_at, .. } if now < retry_at => Admission::Open,
            State::Open { wait, .. } | State::Probing { wait, .. } => {
                *state = State::Probing { retry_at: now + wait, wait };
                Admission::Probe
            }
        }
    }

    /// What was admitted was not asked after all, so that nothing has been learnt: if it was the probe, the next request
    /// is.
    pub fn released(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Probing { wait, .. } = *state {
            *state = State::Open { until: now, wait };
        }
    }

    /// The side answered: closes.
    pub fn succeeded(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Closed { failures: 0 };
    }

    /// The side failed. Returns whether this opened the breaker.
    pub fn failed(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = match *state {
            State::Closed { failures } if failures + 1 < self.policy.failures => {
                *state = State::Closed { failures: failures + 1 };
                return false;
            }
            State::Closed { .. } => self.policy.first_wait,
            State::Probing { wait, .. } => (wait * 2).min(self.policy.max_wait),
            // A request that set out before it opened: already counted.
            State::Open { .. } => return false,
        };
        *state = State::Open { until: now + wait, wait };
        true
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(BreakerPolicy::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy =
        BreakerPolicy { failures: 3, first_wait: Duration::from_secs(1), max_wait: Duration::from_secs(3) };

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new(POLICY);
        assert!(!breaker.failed(now));
        assert!(!breaker.failed(now));
        assert!(breaker.failed(now));
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_in_a_row_only() {
        let (breaker, now) = (Breaker::new(POLICY), Instant::now());
        for _ in 0..10 {
            breaker.failed(now);
            breaker.failed(now);
            breaker.succeeded();
        }
        assert_eq!(breaker.admit(now), Admission::Closed);
        assert_eq!(opened(now).admit(now), Admission::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_closes_or_doubles_the_wait() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + POLICY.first_wait;
        assert_eq!(breaker.admit(later), Admission::Probe);
        assert_eq!(breaker.admit(later), Admission::Open, "a second probe started");
        assert!(breaker.failed(later));
        assert_eq!(breaker.admit(later + Duration::from_millis(1999)), Admission::Open);
        let probe = later + Duration::from_secs(2);
        assert_eq!(breaker.admit(probe), Admission::Probe);
        breaker.failed(probe);
        assert_eq!(breaker.admit(probe + Duration::from_millis(2999)), Admission::Open);
        assert_eq!(breaker.admit(probe + POLICY.max_wait), Admission::Probe);
        breaker.succeeded();
        assert_eq!(breaker.admit(probe), Admission::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_asked_nothing_is_given_to_the_next() {
        let now = Instant::now();
        let breaker = opened(now);
        breaker.released(now);
        assert_eq!(breaker.admit(now), Admission::Open, "released without a probe");
        let later = now + POLICY.first_wait;
        assert_eq!(breaker.admit(later), Admission::Probe);
        breaker.released(later);
        assert_eq!(breaker.admit(later), Admission::Probe);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_probe_does_not_keep_it_open_for_ever() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + POLICY.first_wait;
        assert_eq!(breaker.admit(later), Admission::Probe);
        assert_eq!(breaker.admit(later + POLICY.first_wait), Admission::Probe);
    }
}
