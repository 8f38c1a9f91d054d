//! How an index is cut, and the numbers its documents get.

use serde::{Deserialize, Serialize};

use super::window::TAIL;

/// Numbers between those of two shards, beyond the documents of the first: it may give some twice, or new ones.
const ROOM: u64 = 1 << 16;
/// Numbers of a source stay below this: above it are those of documents that were written live.
const NUMBERS: u64 = 1 << 32;

/// A boundary between two shards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Bound {
    /// Where it was when the shards were cut.
    pub(super) offset: u64,
    /// The last ids before it, [`TAIL`] at most.
    pub(super) ids: Vec<String>,
}

/// The offsets at which an index of `total` documents is cut in `shards`.
pub(super) fn cuts(total: u64, shards: usize) -> Vec<u64> {
    // Smaller ones cost more than they bring.
    let shards = (shards as u64).clamp(1, (total / (4 * TAIL as u64)).max(1));
    (1..shards).map(|shard| total / shards * shard).collect()
}

/// The name of a shard, which is also its place among them.
pub(super) fn key(shard: usize) -> String {
    shard.to_string()
}

/// The number of the row `count` of a shard. Rows of a shard are in the order of the index, and so are shards.
pub(super) fn ordinal(key: &str, lower: u64, count: u64) -> Option<i64> {
    let shard: u64 = key.parse().ok()?;
    let number = lower.saturating_add(shard.saturating_mul(ROOM)).saturating_add(count);
    i64::try_from(number.min(NUMBERS - 1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_even_and_not_too_many() {
        assert_eq!(cuts(0, 4), Vec::<u64>::new());
        assert_eq!(cuts(100, 4), Vec::<u64>::new());
        assert_eq!(cuts(1000, 4), [250, 500, 750]);
        assert_eq!(cuts(300, 4), [150]);
        assert_eq!(cuts(1000, 0), Vec::<u64>::new());
    }

    #[test]
    fn numbers_of_shards_follow_each_other_and_stay_below_the_live_ones() {
        assert_eq!(ordinal("0", 0, 7), Some(7));
        assert!(ordinal("0", 0, 250 + 60_000) < ordinal("1", 250, 0));
        assert_eq!(ordinal("3", u64::MAX, 1), Some((1 << 32) - 1));
        assert!(ordinal("63", 1 << 31, 1 << 24).unwrap() < 1 << 32);
        assert_eq!(ordinal("x", 0, 0), None);
    }
}
