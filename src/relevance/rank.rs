//! Measures that look at single ranks.

use super::first;

/// Whether the first `k` of both lists are the same documents in the same order. Two empty lists are.
pub fn identical_at_k<T: Eq>(a: &[T], b: &[T], k: usize) -> bool {
    first(a, k) == first(b, k)
}

/// Whether both lists begin with the same document; `None` when both are empty, where there is nothing to agree on.
pub fn same_top<T: Eq>(a: &[T], b: &[T]) -> Option<bool> {
    match (a.first(), b.first()) {
        (None, None) => None,
        (a, b) => Some(a == b),
    }
}

/// 1 / rank of the first relevant document, ranks from 1; 0 when none is listed. Its mean over queries is the MRR
/// (Voorhees, "The TREC-8 Question Answering Track Report", 1999).
pub fn reciprocal_rank<T>(ranking: &[T], relevant: impl FnMut(&T) -> bool) -> f64 {
    ranking.iter().position(relevant).map_or(0.0, |before| 1.0 / (before + 1) as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Voorhees 1999 scores an answer found at rank 1 with 1, at rank 2 with 1/2, at rank 5 with 1/5, not found with 0.
    #[test]
    fn scores_of_the_trec_8_track() {
        for (relevant, score) in [(1, 1.0), (2, 0.5), (5, 0.2), (6, 0.0)] {
            assert_eq!(reciprocal_rank(&[1, 2, 3, 4, 5], |id| *id == relevant), score);
        }
    }

    #[test]
    fn top_and_order() {
        assert_eq!(same_top::<u8>(&[], &[]), None);
        assert_eq!(same_top(&[1], &[]), Some(false));
        assert_eq!(same_top(&[1, 2], &[1, 3]), Some(true));
        assert!(identical_at_k::<u8>(&[], &[], 10));
        assert!(!identical_at_k(&[1, 2], &[1], 10));
        assert!(identical_at_k(&[1, 2, 3], &[1, 2, 4], 2));
    }

    proptest! {
        #[test]
        fn a_list_is_identical_to_itself_only_up_to_its_changes(a in prop::collection::vec(0u8..9, 1..15), k in 1usize..20, at in 0usize..15) {
            prop_assert!(identical_at_k(&a, &a, k));
            prop_assert_eq!(same_top(&a, &a), Some(true));
            let at = at % a.len();
            let mut other = a.clone();
            other[at] = 200;
            prop_assert_eq!(identical_at_k(&a, &other, k), at >= k);
            prop_assert_eq!(identical_at_k(&a, &other, k), identical_at_k(&other, &a, k));
        }

        #[test]
        fn a_relevant_hit_further_up_is_never_worse(ranking in prop::collection::vec(0u8..9, 2..15), target in 0u8..9) {
            let score = reciprocal_rank(&ranking, |id| *id == target);
            prop_assert!((0.0..=1.0).contains(&score));
            prop_assert!(reciprocal_rank(&ranking[1..], |id| *id == target) >= score || ranking[0] == target);
        }
    }
}
