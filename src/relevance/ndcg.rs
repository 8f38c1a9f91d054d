//! Normalized discounted cumulative gain.

/// What a grade is worth. The two forms in use give different numbers for the same ranking, so that a figure without
/// its form says little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gain {
    /// `g`: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002. What
    /// trec_eval and scikit-learn compute.
    Linear,
    /// `2^g − 1`: Burges et al., "Learning to rank using gradient descent", ICML 2005. Weighs high grades more.
    Exponential,
}

impl Gain {
    /// `linear` or `exponential`, for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Exponential => "exponential",
        }
    }

    /// The gain of a grade.
    pub fn of(self, grade: u32) -> f64 {
        match self {
            Self::Linear => f64::from(grade),
            Self::Exponential => f64::from(grade).exp2() - 1.0,
        }
    }
}

/// NDCG@k from 0 to 1:
///
/// ```text
/// DCG@k  = Σ gain(grade of rank r) / log2(r + 1)      r = 1 … k
/// NDCG@k = DCG@k of the ranking / DCG@k of the best ranking that the judgments allow
/// ```
///
/// `ranking` holds the grade of each listed document, best rank first, 0 for one that was not judged; `judged` the
/// grades of all judged documents in any order. `None` when no judged document has a grade above 0: the measure is
/// undefined then, and such queries are left out of a mean.
///
/// The discount `log2(r + 1)` is Burges et al.'s, for both gains; it is what trec_eval uses too. (Järvelin and
/// Kekäläinen's own divides by `log2(r)` and only from rank 2 on, which makes ranks 1 and 2 worth the same.)
pub fn ndcg_at_k(gain: Gain, ranking: &[u32], judged: &[u32], k: usize) -> Option<f64> {
    let mut ideal = judged.to_vec();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    let dcg = |grades: &[u32]| cumulate(grades.iter().take(k).map(|grade| gain.of(*grade)), discount);
    let best = dcg(&ideal);
    (best > 0.0).then(|| dcg(ranking) / best)
}

/// What a gain at `rank` (from 1) is divided by.
pub(super) fn discount(rank: usize) -> f64 {
    ((rank + 1) as f64).log2()
}

/// The discounted sum of gains, best rank first.
pub(super) fn cumulate(gains: impl IntoIterator<Item = f64>, discount: impl Fn(usize) -> f64) -> f64 {
    // The sum of nothing is -0.
    (1..).zip(gains).map(|(rank, gain)| gain / discount(rank)).sum::<f64>() + 0.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The running example of Järvelin and Kekäläinen 2002, with the discount of the paper (base 2): the vector G, its
    /// DCG and the DCG of the ideal vector as printed there, where each term is rounded before it is added.
    #[test]
    fn cumulated_gain_of_the_paper() {
        let of_the_paper = |rank: usize| if rank < 2 { 1.0 } else { (rank as f64).log2() };
        let prefix =
            |gains: &[u32], depth| cumulate(gains.iter().take(depth).map(|g| Gain::Linear.of(*g)), of_the_paper);
        let g = [3, 2, 3, 0, 0, 1, 2, 2, 3, 0];
        let ideal = [3, 3, 3, 2, 2, 2, 1, 1, 1, 1];
        let dcg = [3.0, 5.0, 6.89, 6.89, 6.89, 7.28, 7.99, 8.66, 9.61, 9.61];
        let dcg_ideal = [3.0, 6.0, 7.89, 8.89, 9.75, 10.52, 10.88, 11.21, 11.53, 11.83];
        for depth in 1..=10 {
            let rounding = 0.005 * depth as f64;
            assert!((prefix(&g, depth) - dcg[depth - 1]).abs() <= rounding, "DCG[{depth}]");
            assert!((prefix(&ideal, depth) - dcg_ideal[depth - 1]).abs() <= rounding, "ideal DCG[{depth}]");
        }
    }

    /// The examples in the documentation of scikit-learn's `ndcg_score` (linear gain, the same discount): true grades
    /// 10 0 0 1 5, ranked by scores; it prints 0.69…, 0.49…, and 0.35… at k = 4.
    #[test]
    fn linear_form_of_scikit_learn() {
        let judged = [10, 0, 0, 1, 5];
        let ndcg = |ranking: [u32; 5], k| (ndcg_at_k(Gain::Linear, &ranking, &judged, k).unwrap() * 100.0).floor();
        assert_eq!(ndcg([5, 1, 0, 0, 10], 5), 69.0);
        assert_eq!(ndcg([0, 0, 1, 10, 5], 5), 49.0);
        assert_eq!(ndcg([0, 0, 1, 10, 5], 4), 35.0);
    }

    /// Burges et al. 2005 print the formula and no numbers; these are its terms by hand for the grades 3 2 3 0 1 2:
    /// 7 + 3/1.58496 + 7/2 + 0 + 1/2.58496 + 3/2.80735 = 13.8483, ideal 7 + 7/1.58496 + 3/2 + 3/2.32193 + 1/2.58496 =
    /// 14.5954.
    #[test]
    fn exponential_form_by_hand() {
        let grades = [3, 2, 3, 0, 1, 2];
        let ndcg = ndcg_at_k(Gain::Exponential, &grades, &grades, 6).unwrap();
        assert!((ndcg - 13.8483 / 14.5954).abs() < 1e-4, "{ndcg}");
    }

    #[test]
    fn undefined_without_a_relevant_document() {
        assert_eq!(ndcg_at_k(Gain::Linear, &[0, 0], &[0], 10), None);
        assert_eq!(ndcg_at_k(Gain::Linear, &[], &[2], 10), Some(0.0));
        assert!(ndcg_at_k(Gain::Linear, &[], &[2], 10).unwrap().is_sign_positive());
    }

    fn gains() -> impl Strategy<Value = Gain> {
        prop_oneof![Just(Gain::Linear), Just(Gain::Exponential)]
    }

    proptest! {
        #[test]
        fn is_a_share_and_one_for_the_ideal_order(gain in gains(), grades in prop::collection::vec(0u32..5, 1..20), k in 1usize..25) {
            prop_assume!(grades.iter().any(|grade| *grade > 0));
            let ndcg = ndcg_at_k(gain, &grades, &grades, k).unwrap();
            prop_assert!((0.0..=1.0 + 1e-12).contains(&ndcg));
            let mut ideal = grades.clone();
            ideal.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert!((ndcg_at_k(gain, &ideal, &grades, k).unwrap() - 1.0).abs() < 1e-12);
        }

        #[test]
        fn moving_a_better_document_up_is_never_worse(gain in gains(), grades in prop::collection::vec(0u32..5, 2..20), at in 0usize..18, k in 1usize..25) {
            prop_assume!(grades.iter().any(|grade| *grade > 0));
            let at = at % (grades.len() - 1);
            prop_assume!(grades[at] < grades[at + 1]);
            let mut better = grades.clone();
            better.swap(at, at + 1);
            let (before, after) = (ndcg_at_k(gain, &grades, &grades, k).unwrap(), ndcg_at_k(gain, &better, &grades, k).unwrap());
            prop_assert!(after >= before - 1e-12, "{before} became {after}");
        }

        #[test]
        fn both_forms_agree_on_binary_grades(grades in prop::collection::vec(0u32..2, 1..20), k in 1usize..25) {
            prop_assert_eq!(ndcg_at_k(Gain::Linear, &grades, &grades, k), ndcg_at_k(Gain::Exponential, &grades, &grades, k));
        }
    }
}
