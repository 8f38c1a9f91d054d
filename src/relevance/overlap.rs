//! overlap@k: the share of documents two lists have in common.

use std::{collections::HashSet, hash::Hash};

use super::first;

/// The share of documents that the first `k` of both lists have in common, from 0 to 1:
///
/// ```text
/// overlap@k = |A ∩ B| / min(k, max(|A|, |B|))      A, B: the sets of the first k of each list
/// ```
///
/// The divisor makes a short list no fault of its own: two sides that both find the same three documents overlap fully.
/// Two empty lists are 1; a caller that averages counts them apart, because agreeing on nothing is cheap. For two lists
/// of `k` distinct documents this is the *agreement at depth k* of Webber, Moffat, Zobel, "A Similarity Measure for
/// Indefinite Rankings", ACM TOIS 28(4), 2010.
///
/// ```
/// # use crossfade::relevance::overlap_at_k;
/// assert_eq!(overlap_at_k(&["a", "b", "c"], &["c", "a", "x"], 10), 2.0 / 3.0);
/// ```
pub fn overlap_at_k<T: Eq + Hash>(a: &[T], b: &[T], k: usize) -> f64 {
    let (a, b): (HashSet<&T>, HashSet<&T>) = (first(a, k).iter().collect(), first(b, k).iter().collect());
    // Sets of the first k hold k at most, so the outer min of the formula has no more to do.
    match a.len().max(b.len()) {
        0 => 1.0,
        most => a.intersection(&b).count() as f64 / most as f64,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Webber, Moffat, Zobel 2010 compare S = ⟨a b c d e f g⟩ with T = ⟨z c a v w x y⟩ and print the average overlap
    /// (the mean of the agreements at depths 1 to d): 0, 0, 0.222, 0.292, 0.313, 0.317, 0.312.
    #[test]
    fn average_overlap_of_the_paper() {
        let (s, t) = (b"abcdefg", b"zcavwxy");
        let printed = [0.000, 0.000, 0.222, 0.292, 0.313, 0.317, 0.312];
        let mut sum = 0.0;
        for (depth, printed) in (1..).zip(printed) {
            sum += overlap_at_k(s, t, depth);
            let average = sum / depth as f64;
            assert!((average - printed).abs() < 5e-4, "depth {depth}: {average}, the paper prints {printed}");
        }
    }

    #[test]
    fn short_and_empty_lists() {
        let none: [u8; 0] = [];
        assert_eq!(overlap_at_k(&none, &none, 10), 1.0);
        assert_eq!(overlap_at_k(&[1], &none, 10), 0.0);
        assert_eq!(overlap_at_k(&[1, 2, 3], &[3, 1, 2], 10), 1.0);
        assert_eq!(overlap_at_k(&[1, 2, 3, 4], &[1, 2], 10), 0.5, "the longer list divides");
        assert_eq!(overlap_at_k(&[1, 2, 3], &[2, 1, 9], 2), 1.0, "only the first k count");
        assert_eq!(overlap_at_k(&[1, 1, 2], &[1, 2, 2], 10), 1.0, "a duplicate counts once");
        assert_eq!(overlap_at_k(&[1], &[2], 0), 1.0, "the first 0 of any list are empty");
    }

    proptest! {
        #[test]
        fn is_a_symmetric_share(a in prop::collection::vec(0u8..30, 0..25), b in prop::collection::vec(0u8..30, 0..25), k in 0usize..30) {
            let overlap = overlap_at_k(&a, &b, k);
            prop_assert!((0.0..=1.0).contains(&overlap));
            prop_assert_eq!(overlap, overlap_at_k(&b, &a, k));
            prop_assert_eq!(overlap_at_k(&a, &a, k), 1.0);
        }

        #[test]
        fn order_within_the_first_k_does_not_matter(a in prop::collection::vec(0u8..30, 0..12), b in prop::collection::vec(0u8..30, 0..12)) {
            let mut reversed = b.clone();
            reversed.reverse();
            prop_assert_eq!(overlap_at_k(&a, &b, 12), overlap_at_k(&a, &reversed, 12));
        }

        #[test]
        fn one_more_in_common_is_never_less(a in prop::collection::hash_set(0u8..40, 10), common in 0usize..10) {
            let a: Vec<u8> = a.into_iter().collect();
            let with = |n: usize| -> Vec<u8> { a[..n].iter().copied().chain(100..100 + (10 - n) as u8).collect() };
            prop_assert!(overlap_at_k(&a, &with(common + 1), 10) > overlap_at_k(&a, &with(common), 10));
        }
    }
}
