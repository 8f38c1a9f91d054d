//! Versions for services that have none: a hybrid logical clock.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::Timestamp;

use crate::document::Version;

/// Bits of a version below the milliseconds: a counter, and in the lowest ones who counts.
const BELOW_MILLISECONDS: u32 = 20;
/// Bits that tell processes apart: two of them never give the same version to different writes.
const NODE_BITS: u32 = 12;

/// A clock that never repeats itself and never runs backwards, whatever the machine's does: milliseconds since 1970 in the
/// upper 43 bits, a counter of 8 bits, and the number of the process in 12. Hybrid logical clock after Kulkarni et al.,
/// "Logical Physical Clocks" (2014): it is never behind the wall clock, nor behind any version it has seen.
#[derive(Clone)]
pub struct VersionClock {
    last: Arc<AtomicI64>,
    node: i64,
    wall: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl VersionClock {
    /// A clock over the machine's.
    pub fn new() -> Self {
        Self::over(|| Timestamp::now().as_millisecond())
    }

    /// A clock over another one, that gives milliseconds since 1970: for tests.
    pub fn over(wall: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { last: Arc::default(), node: 0, wall: Arc::new(wall) }.node(rand::random())
    }

    /// The number of this process, of which the lower 12 bits count: drawn at random, unless replicas are numbered.
    #[must_use]
    pub fn node(mut self, node: u16) -> Self {
        self.node = i64::from(node) & ((1 << NODE_BITS) - 1);
        self
    }

    /// The next version: higher than all before.
    pub fn next(&self) -> Version {
        let wall = (self.wall)().clamp(0, i64::MAX >> BELOW_MILLISECONDS) << BELOW_MILLISECONDS;
        // The counter goes on above the last one, in the next millisecond if it is full.
        let next = |last: i64| {
            let counted = (last >> NODE_BITS).saturating_add(1).min(i64::MAX >> NODE_BITS) << NODE_BITS;
            wall.max(counted) | self.node
        };
        let last = self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)));
        Version(next(last.unwrap_or_default()))
    }

    /// Goes on above a version that was seen.
    pub fn observe(&self, seen: Version) {
        self.last.fetch_max(seen.0, Ordering::AcqRel);
    }
}

impl Default for VersionClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VersionClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionClock").field("last", &self.last).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn never_repeats_and_never_runs_backwards(steps in prop::collection::vec((any::<i64>(), any::<bool>()), 1..100)) {
            let wall = Arc::new(Mutex::new(0));
            let clock = VersionClock::over({ let wall = wall.clone(); move || *wall.lock().unwrap() });
            let other = VersionClock { node: clock.node ^ 1, ..clock.clone() };
            let mut last = Version(0);
            for (time, seen) in steps {
                if seen {
                    // Not the end of time: nothing comes after that.
                    let seen = Version(time & (i64::MAX >> 1));
                    clock.observe(seen);
                    last = last.max(seen);
                } else {
                    *wall.lock().unwrap() = time >> 24;
                }
                let next = clock.next();
                prop_assert!(next > last);
                prop_assert_ne!(next, VersionClock { last: Arc::new(AtomicI64::new(last.0)), ..other.clone() }.next());
                last = next;
            }
        }
    }

    #[test]
    fn is_the_wall_clock_while_that_runs() {
        let clock = VersionClock::over(|| 1_700_000_000_000);
        assert_eq!(clock.next().0 >> BELOW_MILLISECONDS, 1_700_000_000_000);
        assert_eq!(clock.next().0 >> BELOW_MILLISECONDS, 1_700_000_000_000);
    }
}
