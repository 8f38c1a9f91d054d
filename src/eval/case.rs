//! One query with what both sides answered.

use super::{Answer, EvalQuery, Judgments};
use crate::{
    document::DocumentId,
    relevance::{identical_at_k, overlap_at_k, rank_biased_overlap, same_top},
};

/// How likely a reader looks one rank further: RBO's `p`.
const PERSISTENCE: f64 = 0.9;

/// One query, what the target and the source answered, and how alike and how good that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The query.
    pub query: EvalQuery,
    /// What PostgreSQL answered.
    pub target: Answer,
    /// What Meilisearch answered, if it was asked or recorded.
    pub source: Option<Answer>,
    /// How alike both are, if there are two.
    pub comparison: Option<Comparison>,
    /// The target's NDCG@10; `None` if the query was not judged.
    pub target_ndcg: Option<f64>,
    /// The source's NDCG@10.
    pub source_ndcg: Option<f64>,
    /// The relevant documents with their grades, the best first.
    pub relevant: Vec<(DocumentId, u32)>,
}

/// How alike two answers are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Both found nothing, and none has failed.
    pub both_empty: bool,
    /// overlap@10.
    pub overlap_at_10: f64,
    /// The first 20 are the same in the same order.
    pub identical_top_20: bool,
    /// The first is the same; `None` if there is none on both sides.
    pub top1: Option<bool>,
    /// RBO_EXT with p = 0.9 of all that was answered.
    pub rbo: f64,
    /// Both say that as many match; `None` if the source's number was not recorded.
    pub totals_equal: Option<bool>,
    /// How far the totals are apart, as a share of the larger one.
    pub totals_error: Option<f64>,
}

impl Case {
    /// One case for each query; answers are in the order of the queries.
    pub fn put_together(
        queries: &[EvalQuery],
        target: Vec<Answer>,
        source: Option<Vec<Answer>>,
        judgments: &Judgments,
    ) -> Vec<Self> {
        let source: Vec<Option<Answer>> = match source {
            Some(source) => source.into_iter().map(Some).collect(),
            None => vec![None; target.len()],
        };
        let pairs = queries.iter().zip(target).zip(source);
        pairs.map(|((query, target), source)| Self::of(query.clone(), target, source, judgments)).collect()
    }

    fn of(query: EvalQuery, target: Answer, source: Option<Answer>, judgments: &Judgments) -> Self {
        let grade = |id: DocumentId| {
            let grade = judgments.grade(&query.id, &id).unwrap_or_default();
            (id, grade)
        };
        Self {
            comparison: source.as_ref().map(|source| Comparison::of(&target, source)),
            target_ndcg: judgments.ndcg_at_10(&query.id, &target.ids),
            source_ndcg: source.as_ref().and_then(|source| judgments.ndcg_at_10(&query.id, &source.ids)),
            relevant: judgments.relevant(&query.id).into_iter().map(grade).collect(),
            query,
            target,
            source,
        }
    }
}

impl Comparison {
    /// Compares two answers. One that failed differs from any other, also from one that is empty.
    pub fn of(target: &Answer, source: &Answer) -> Self {
        if target.error.is_some() || source.error.is_some() {
            return Self {
                both_empty: false,
                overlap_at_10: 0.0,
                identical_top_20: false,
                top1: Some(false),
                rbo: 0.0,
                totals_equal: Some(false),
                totals_error: Some(1.0),
            };
        }
        let totals = target.total.zip(source.total);
        let apart = |(a, b): (u64, u64)| a.abs_diff(b) as f64 / a.max(b).max(1) as f64;
        let (target, source) = (&target.ids, &source.ids);
        Self {
            both_empty: target.is_empty() && source.is_empty(),
            overlap_at_10: overlap_at_k(target, source, 10),
            identical_top_20: identical_at_k(target, source, 20),
            top1: same_top(target, source),
            rbo: rank_biased_overlap(target, source, PERSISTENCE),
            totals_equal: totals.map(|(target, source)| target == source),
            totals_error: totals.map(apart),
        }
    }

    /// The better, the higher: what sorts cases from the worst on.
    pub(super) fn rank(&self) -> (f64, f64) {
        (self.overlap_at_10, self.rbo)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(ids: &[u8], total: Option<u64>) -> Answer {
        let ids = ids.iter().map(|id| DocumentId::from(id.to_string())).collect();
        Answer { ids, total, ..Answer::default() }
    }

    #[test]
    fn two_empty_answers_are_alike_and_a_failure_equals_nothing() {
        let empty = answer(&[], Some(0));
        let both = Comparison::of(&empty, &empty);
        assert_eq!((both.both_empty, both.overlap_at_10, both.rbo), (true, 1.0, 1.0));
        assert_eq!((both.identical_top_20, both.top1, both.totals_equal), (true, None, Some(true)));
        let failed = Answer { error: Some("away".to_owned()), ..Answer::default() };
        for (target, source) in [(&failed, &empty), (&empty, &failed), (&failed, &failed)] {
            let failed = Comparison::of(target, source);
            assert_eq!((failed.both_empty, failed.overlap_at_10, failed.rbo), (false, 0.0, 0.0));
            assert_eq!((failed.top1, failed.totals_equal, failed.totals_error), (Some(false), Some(false), Some(1.0)));
        }
    }

    #[test]
    fn totals_are_compared_where_they_are_known() {
        let apart = |target, source| {
            let compared = Comparison::of(&answer(&[1], target), &answer(&[1], source));
            (compared.totals_equal, compared.totals_error)
        };
        assert_eq!(apart(Some(3), Some(4)), (Some(false), Some(0.25)));
        assert_eq!(apart(Some(0), Some(0)), (Some(true), Some(0.0)));
        assert_eq!(apart(Some(3), None), (None, None));
    }

    proptest! {
        #[test]
        fn every_figure_is_a_share(
            a in prop::collection::vec(0u8..30, 0..21),
            b in prop::collection::vec(0u8..30, 0..21),
            m in 0u64..50,
            n in 0u64..50,
        ) {
            let compared = Comparison::of(&answer(&a, Some(m)), &answer(&b, Some(n)));
            for share in [compared.overlap_at_10, compared.rbo, compared.totals_error.unwrap()] {
                prop_assert!((-1e-9..=1.0 + 1e-9).contains(&share));
            }
            prop_assert_eq!(compared.totals_equal.unwrap(), compared.totals_error.unwrap() == 0.0);
            prop_assert!(!compared.identical_top_20 || compared.overlap_at_10 == 1.0);
        }
    }
}
