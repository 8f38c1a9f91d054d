//! NDCG with one side's ranking as the reference: agreement, not quality.

use std::{collections::HashMap, hash::Hash};

use super::{
    first,
    ndcg::{cumulate, discount},
};

/// The name and version of the form in which [`agreement_ndcg_at_k`] is logged and reported, at k = 10. A change of the
/// grades, the gain or the discount is a new version: figures of two forms are never compared or averaged.
pub const AGREEMENT_FORM: &str = "agreement_ndcg@10/linear-v1";

/// How well `shadow` keeps high what `primary` ranks high, from 0 to 1.
///
/// An NDCG@k whose judgments are the primary's own ranking: its document at rank r of the first `k` has the grade
/// `k + 1 − r` (at k = 10: 10, 9, … 1), every other document 0. The gain is linear and the discount `log2(r + 1)`, as in
/// [`ndcg_at_k`](super::ndcg_at_k). Documents that only the shadow shows gain nothing but push others down; after the
/// end of a short primary list they cost nothing.
///
/// Two empty lists are 1, counted apart by whoever averages; an empty primary list with a shadow that shows something
/// is 0. It is not symmetric, and says nothing about which side is better.
pub fn agreement_ndcg_at_k<T: Eq + Hash>(primary: &[T], shadow: &[T], k: usize) -> f64 {
    let (primary, shadow) = (first(primary, k), first(shadow, k));
    if primary.is_empty() {
        return if shadow.is_empty() { 1.0 } else { 0.0 };
    }
    let mut grades = HashMap::with_capacity(primary.len());
    for (before, document) in primary.iter().enumerate() {
        grades.entry(document).or_insert((k - before) as f64);
    }
    let mut ideal: Vec<f64> = grades.values().copied().collect();
    ideal.sort_unstable_by(|a, b| b.total_cmp(a));
    let best = cumulate(ideal, discount);
    // Taking a grade away when it is first met makes a second mention of the document worth nothing.
    let gains = shadow.iter().map(|document| grades.remove(document).unwrap_or(0.0)).collect::<Vec<_>>();
    cumulate(gains, discount) / best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By hand, at k = 3 (grades 3 2 1): ideal 3 + 2/1.58496 + 1/2 = 4.76186; the shadow ⟨b a x⟩ gains
    /// 2 + 3/1.58496 = 3.89279.
    #[test]
    fn by_hand() {
        let ndcg = agreement_ndcg_at_k(&["a", "b", "c"], &["b", "a", "x"], 3);
        assert!((ndcg - 3.89279 / 4.76186).abs() < 1e-5, "{ndcg}");
    }

    /// The grades are those of the form's name, checked against the general measure.
    #[test]
    fn is_the_linear_ndcg_of_grades_ten_to_one() {
        let (primary, shadow): (Vec<u32>, Vec<u32>) = ((1..=10).collect(), vec![3, 99, 1, 10, 2]);
        let grades: Vec<u32> = shadow.iter().map(|id| if *id <= 10 { 11 - id } else { 0 }).collect();
        let judged: Vec<u32> = (1..=10).collect();
        let expected = crate::relevance::ndcg_at_k(crate::relevance::Gain::Linear, &grades, &judged, 10).unwrap();
        assert!((agreement_ndcg_at_k(&primary, &shadow, 10) - expected).abs() < 1e-12);
    }

    #[test]
    fn edges() {
        let none: [u8; 0] = [];
        assert_eq!(agreement_ndcg_at_k(&none, &none, 10), 1.0);
        assert_eq!(agreement_ndcg_at_k(&none, &[1], 10), 0.0);
        assert_eq!(agreement_ndcg_at_k(&[1], &none, 10), 0.0);
        assert_eq!(agreement_ndcg_at_k(&[1], &[1, 2, 3], 10), 1.0, "after the end of the reference nothing is lost");
        assert!(agreement_ndcg_at_k(&[1, 2], &[1, 1], 10) < 1.0, "a document counts once");
        assert_eq!(agreement_ndcg_at_k(&[1], &[2], 0), 1.0);
    }

    proptest! {
        #[test]
        fn is_a_share_and_one_for_itself(a in prop::collection::vec(0u8..30, 0..25), b in prop::collection::vec(0u8..30, 0..25), k in 1usize..25) {
            prop_assert!((0.0..=1.0 + 1e-12).contains(&agreement_ndcg_at_k(&a, &b, k)));
        }

        #[test]
        fn identity_is_one_and_one_swap_is_less(a in Just((0u8..12).collect::<Vec<_>>()).prop_shuffle(), at in 0usize..9) {
            prop_assert!((agreement_ndcg_at_k(&a, &a, 10) - 1.0).abs() < 1e-12);
            let mut swapped = a.clone();
            swapped.swap(at, at + 1);
            prop_assert!(agreement_ndcg_at_k(&a, &swapped, 10) < 1.0);
        }

        #[test]
        fn losing_a_document_is_never_better(a in Just((0u8..10).collect::<Vec<_>>()).prop_shuffle(), b in Just((0u8..10).collect::<Vec<_>>()).prop_shuffle(), at in 0usize..10) {
            let mut lost = b.clone();
            lost[at] = 200;
            prop_assert!(agreement_ndcg_at_k(&a, &lost, 10) < agreement_ndcg_at_k(&a, &b, 10));
        }
    }
}
