//! Waits by length: buckets that grow with it, eight to a doubling, so that each is at most an eighth wide.

use std::{
    array, fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The last one holds what is longer: 67 s and more.
const BUCKETS: usize = 200;
/// Buckets to a doubling, as a power of two.
const FINE: u32 = 3;

/// How many waits there were of each length.
#[derive(Clone, PartialEq, Eq)]
pub struct Waits([u64; BUCKETS]);

/// Counts waits while they happen.
pub(super) struct Recorder([AtomicU64; BUCKETS]);

impl Waits {
    /// How many there were.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that were certainly not shorter: of a bucket that the length falls into, none.
    pub fn at_least(&self, wait: Duration) -> u64 {
        let bound = micros(wait);
        let first = (0..BUCKETS).find(|bucket| lower(*bucket) >= bound).unwrap_or(BUCKETS);
        self.0.iter().skip(first).sum()
    }

    /// The percentile `p` (0 to 1), as the lower bound of its bucket, by the nearest rank; `None` without waits.
    pub fn percentile(&self, p: f64) -> Option<Duration> {
        let rank = (p.clamp(0.0, 1.0) * self.total() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= rank
        };
        self.0.iter().position(reached).map(|bucket| Duration::from_micros(lower(bucket)))
    }

    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self(array::from_fn(|bucket| self.0[bucket].saturating_sub(earlier.0[bucket])))
    }

    /// A wait more.
    pub fn add(&mut self, wait: Duration) {
        self.0[bucket(micros(wait))] += 1;
    }
}

impl Recorder {
    pub(super) fn record(&self, wait: Duration) {
        self.0[bucket(micros(wait))].fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> Waits {
        Waits(array::from_fn(|bucket| self.0[bucket].load(Relaxed)))
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

fn micros(wait: Duration) -> u64 {
    u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)
}

fn bucket(micros: u64) -> usize {
    let doubling = micros.checked_ilog2().unwrap_or(0);
    if doubling < FINE {
        return micros as usize;
    }
    let fine = (micros >> (doubling - FINE)) & ((1 << FINE) - 1);
    let bucket = (((doubling - FINE + 1) as usize) << FINE) + fine as usize;
    bucket.min(BUCKETS - 1)
}

/// The shortest wait of a bucket, in microseconds.
fn lower(bucket: usize) -> u64 {
    let (row, fine) = (bucket >> FINE, (bucket & ((1 << FINE) - 1)) as u64);
    match row {
        0 => fine,
        row => ((1 << FINE) + fine) << (row - 1),
    }
}

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        f.debug_map().entries(filled.map(|(bucket, count)| (Duration::from_micros(lower(bucket)), count))).finish()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_holds_what_is_at_most_an_eighth_longer(micros in 0u64..60_000_000) {
            let bucket = bucket(micros);
            prop_assert!(lower(bucket) <= micros && micros < lower(bucket + 1));
            prop_assert!(micros - lower(bucket) <= lower(bucket) / 8);
        }

        /// Against the waits themselves.
        #[test]
        fn what_is_said_of_waits_is_true_of_them(
            mut waits in prop::collection::vec(0u64..2_000_000, 1..80), p in 0.0f64..=1.0, bound in 0u64..2_000_000
        ) {
            waits.sort_unstable();
            let recorder = Recorder::default();
            waits.iter().for_each(|wait| recorder.record(Duration::from_micros(*wait)));
            let counted = recorder.read();
            prop_assert_eq!(counted.total(), waits.len() as u64);
            let rank = ((p * waits.len() as f64).ceil() as usize).max(1);
            let exact = waits[rank - 1];
            let said = counted.percentile(p).unwrap().as_micros() as u64;
            prop_assert!(said <= exact && exact - said <= said / 8, "{said} for {exact}");
            let exact = waits.iter().filter(|wait| **wait >= bound).count() as u64;
            let well_over = waits.iter().filter(|wait| **wait > bound + bound / 8).count() as u64;
            let said = counted.at_least(Duration::from_micros(bound));
            prop_assert!(well_over <= said && said <= exact, "{well_over} <= {said} <= {exact}");
        }
    }

    #[test]
    fn the_longest_waits_share_the_last_bucket() {
        let mut waits = Waits::default();
        assert_eq!(waits.percentile(0.95), None);
        waits.add(Duration::MAX);
        waits.add(Duration::from_secs(600));
        assert_eq!(waits.at_least(Duration::from_secs(60)), 2);
    }
}
