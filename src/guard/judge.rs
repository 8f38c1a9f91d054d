//! The decision: windows in, breach out.

use super::{Breach, Figure, GuardPolicy};
use crate::tally::Counts;

/// What percentile a latency is demanded for leaves over.
const SLOW_SHARE: f64 = 0.05;

/// Counts bad windows.
#[derive(Clone, Debug)]
pub struct Guard {
    policy: GuardPolicy,
    bad: u32,
}

/// What a window was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// It has too few reads to be judged, and counts as not seen: show it again with what comes after it.
    TooFew,
    /// Nothing is over. The count begins anew.
    Good,
    /// Something is over.
    Bad,
    /// Something is over, and has been for so many windows as the policy says. The count begins anew.
    Breach(Breach),
}

/// A share of reads.
struct Share {
    figure: Figure,
    bad: u64,
    of: u64,
    max: f64,
}

impl Guard {
    /// Has seen nothing.
    pub fn new(policy: GuardPolicy) -> Self {
        Self { policy, bad: 0 }
    }

    /// Forgets what it has seen: reads no longer go to PostgreSQL.
    pub fn reset(&mut self) {
        self.bad = 0;
    }

    /// Judges a window by what the counters grew in it.
    pub fn see(&mut self, window: &Counts) -> Seen {
        let mut shares = self.shares(window);
        shares.retain(|share| share.of >= self.policy.min_reads);
        if shares.is_empty() {
            return Seen::TooFew;
        }
        let Some(over) = shares.into_iter().find(|share| share.value() > share.max) else {
            self.bad = 0;
            return Seen::Good;
        };
        self.bad += 1;
        if self.bad < self.policy.sustained {
            return Seen::Bad;
        }
        let breach = Breach {
            figure: over.figure,
            share: over.value(),
            max_share: over.max,
            reads: over.of,
            max_wait: self.policy.max_p95.filter(|_| over.figure == Figure::Latency),
            windows: self.bad,
            window: self.policy.window,
        };
        self.bad = 0;
        Seen::Breach(breach)
    }

    /// What is unfit for PostgreSQL says nothing of it, and is in none of them.
    fn shares(&self, window: &Counts) -> Vec<Share> {
        let Counts { answered, failed, held_back, .. } = *window;
        let max = self.policy.max_failed_share;
        let errors = Share { figure: Figure::Errors, bad: failed, of: answered + failed, max };
        let fallbacks =
            Share { figure: Figure::Fallbacks, bad: failed + held_back, of: answered + failed + held_back, max };
        let latency = self.policy.max_p95.map(|max| {
            // A client that went away before that might still have been answered in time: nobody knows.
            let given_up = window.given_up.at_least(max);
            let bad = window.waits.at_least(max) + given_up;
            Share { figure: Figure::Latency, bad, of: window.waits.total() + given_up, max: SLOW_SHARE }
        });
        [errors, fallbacks].into_iter().chain(latency).collect()
    }
}

impl Share {
    fn value(&self) -> f64 {
        self.bad as f64 / self.of as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const POLICY: GuardPolicy = GuardPolicy {
        window: Duration::from_secs(10),
        sustained: 3,
        min_reads: 20,
        max_failed_share: 0.05,
        max_p95: Some(Duration::from_millis(100)),
    };

    /// Reads that were answered in the time given, and others.
    fn window(answered: &[(u64, u64)], failed: u64, held_back: u64) -> Counts {
        let mut counts = Counts { failed, held_back, ..Counts::default() };
        for (reads, ms) in answered {
            counts.answered += reads;
            (0..*reads).for_each(|_| counts.waits.add(Duration::from_millis(*ms)));
        }
        counts
    }

    /// Any window with at most one read in twenty that is bad, whichever way.
    fn good() -> impl Strategy<Value = Counts> {
        (20u64..500, 0u64..=3, 0.0f64..=1.0).prop_map(|(reads, way, part)| {
            let bad = (reads as f64 * 0.05 * part).floor() as u64;
            match way {
                0 => window(&[(reads - bad, 5)], bad, 0),
                1 => window(&[(reads - bad, 5)], 0, bad),
                2 => window(&[(reads - bad, 5), (bad, 5_000)], 0, 0),
                _ => window(&[(reads - bad, 99)], bad, 0),
            }
        })
    }

    /// Any window with more than one in twenty that is bad in one way.
    fn bad() -> impl Strategy<Value = (Figure, Counts)> {
        (20u64..500, 0u64..=2, 0.0f64..=1.0).prop_map(|(reads, way, part)| {
            let least = reads / 20 + 1;
            let bad = least + ((reads - least) as f64 * part) as u64;
            match way {
                0 => (Figure::Errors, window(&[(reads - bad, 5)], bad, 0)),
                1 => (Figure::Fallbacks, window(&[(reads - bad, 5)], 0, bad)),
                _ => (Figure::Latency, window(&[(reads - bad, 5), (bad, 120)], 0, 0)),
            }
        })
    }

    fn few() -> impl Strategy<Value = Counts> {
        (0u64..20, 0u64..20)
            .prop_map(|(reads, failed)| window(&[(reads - failed.min(reads), 500)], failed.min(reads), 0))
    }

    proptest! {
        #[test]
        fn never_trips_under_the_threshold(windows in prop::collection::vec(good(), 1..60)) {
            let mut guard = Guard::new(POLICY);
            for window in &windows {
                prop_assert_eq!(guard.see(window), Seen::Good, "{:?}", window);
            }
        }

        /// However many windows of too few reads lie in between.
        #[test]
        fn always_trips_after_so_many_windows_over_it(
            windows in prop::collection::vec((bad(), prop::collection::vec(few(), 0..4)), 3), before in prop::collection::vec(good(), 0..5)
        ) {
            let mut guard = Guard::new(POLICY);
            before.iter().for_each(|window| { guard.see(window); });
            for (at, ((figure, window), few)) in windows.iter().enumerate() {
                let seen = guard.see(window);
                match (at, seen) {
                    (0 | 1, seen) => prop_assert_eq!(seen, Seen::Bad),
                    (_, Seen::Breach(breach)) => {
                        prop_assert_eq!((breach.figure, breach.windows), (*figure, 3));
                        prop_assert!(breach.share > breach.max_share && breach.reads >= 20);
                    }
                    (_, seen) => prop_assert!(false, "{:?}", seen),
                }
                for few in few {
                    prop_assert_eq!(guard.see(few), Seen::TooFew);
                }
            }
        }

        #[test]
        fn one_good_window_begins_the_count_anew(first in bad(), second in bad(), good in good()) {
            let mut guard = Guard::new(POLICY);
            for _ in 0..10 {
                prop_assert_eq!(guard.see(&first.1), Seen::Bad);
                prop_assert_eq!(guard.see(&second.1), Seen::Bad);
                prop_assert_eq!(guard.see(&good), Seen::Good);
            }
        }
    }

    #[test]
    fn what_is_unfit_for_pg_says_nothing_of_it() {
        let mut guard = Guard::new(GuardPolicy { sustained: 1, ..POLICY });
        assert_eq!(guard.see(&Counts { unfit: 1_000, ..window(&[(20, 5)], 0, 0) }), Seen::Good);
        assert_eq!(guard.see(&Counts { unfit: 1_000, ..Counts::default() }), Seen::TooFew);
    }

    /// PostgreSQL hangs, and clients have less patience than the deadline.
    #[test]
    fn clients_that_gave_up_late_count_as_slow_and_early_ones_as_nothing() {
        let mut guard = Guard::new(GuardPolicy { sustained: 1, ..POLICY });
        let gave_up = |ms, clients| {
            let mut counts = Counts { abandoned: clients, ..Counts::default() };
            (0..clients).for_each(|_| counts.given_up.add(Duration::from_millis(ms)));
            counts
        };
        assert!(matches!(guard.see(&gave_up(300, 20)), Seen::Breach(Breach { figure: Figure::Latency, .. })));
        assert_eq!(guard.see(&gave_up(30, 1_000)), Seen::TooFew);
    }
}
