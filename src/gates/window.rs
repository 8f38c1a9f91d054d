//! From when on samples count, and how sure a verdict on them has to be. Pure.

use std::time::Duration;

use jiff::Timestamp;

/// A window moves by quarters of its length.
const MOVES: u32 = 4;

/// The samples that count at a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// The first.
    pub(super) since: Timestamp,
    /// How probable a wrong verdict on them may be.
    pub(super) level: f64,
}

impl Window {
    /// At a look, for a step that began at a time, with windows of a length.
    ///
    /// Bounds that hold at every look are bounds of a sequence that has *one* beginning. So samples count from the
    /// beginning of the step, and a window that is full does not slide, but moves by a quarter of its length: each move
    /// begins a new sequence, the `n`th at `level / (n (n + 1))`. All together they are wrong with a probability of at
    /// most `level`, since those add up to it.
    pub(super) fn at(now: Timestamp, began: Timestamp, length: Duration, level: f64) -> Self {
        let stood = u128::try_from(now.duration_since(began).as_nanos()).unwrap_or(0);
        let stride = (length / MOVES).as_nanos().max(1);
        // As few moves as leave no more than the length.
        let moves = stood.saturating_sub(length.as_nanos()).div_ceil(stride);
        let moved = i64::try_from(moves.saturating_mul(stride))
            .map_or(jiff::SignedDuration::MAX, jiff::SignedDuration::from_nanos);
        let number = moves as f64 + 1.0;
        Self { since: began.checked_add(moved).unwrap_or(now), level: level / (number * (number + 1.0)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    proptest! {
        #[test]
        fn never_longer_than_allowed_never_before_the_step_and_as_long_as_can_be(stood in 0i64..1_000_000, length in 4u64..100_000) {
            let window = Window::at(at(stood), at(0), Duration::from_secs(length), 0.05);
            let looked = at(stood).duration_since(window.since).as_secs_f64();
            prop_assert!(window.since >= at(0) && looked <= length as f64 + 1e-6);
            if stood as u64 > length {
                prop_assert!(looked >= length as f64 * 0.75 - 1.0, "{}", looked);
            } else {
                prop_assert_eq!(window.since, at(0));
            }
        }

        /// Whoever looks however often uses up no more than the level.
        #[test]
        fn all_sequences_together_stay_within_the_level(mut looks in prop::collection::vec(0i64..1_000_000, 1..200)) {
            looks.sort_unstable();
            let mut windows: Vec<Window> =
                looks.into_iter().map(|stood| Window::at(at(stood), at(0), Duration::from_secs(3_600), 0.05)).collect();
            windows.dedup_by_key(|window| window.since);
            prop_assert!(windows.iter().map(|window| window.level).sum::<f64>() <= 0.05);
        }
    }
}
