//! How alike two rankings are, and how good one is: the measures of a migration, as pure functions.
//!
//! | measure | asks | symmetric |
//! | --- | --- | --- |
//! | [`overlap_at_k`] | do both show the same documents, in whatever order? | yes |
//! | [`identical_at_k`] | do both show the same documents in the same order? | yes |
//! | [`same_top`] | is the first hit the same? | yes |
//! | [`rank_biased_overlap`] | how alike are both, the more the further up? | yes |
//! | [`agreement_ndcg_at_k`] | does the shadow keep what the primary ranks high, high? | no |
//! | [`ndcg_at_k`] | does a ranking put what people judged relevant first? | no |
//! | [`reciprocal_rank`] | how far down is the first relevant hit? | no |
//!
//! The first five compare the sides with each other: they say how alike the sides are, not which one is better. Only
//! the last two measure quality, and they need judgments.
//!
//! Every function takes whole lists, best first, and those with a `k` look at the first `k` of each. A document that is
//! listed twice counts once, at its better rank.

mod agreement;
mod ndcg;
mod overlap;
mod percentile;
mod rank;
mod rbo;

pub use agreement::{AGREEMENT_FORM, agreement_ndcg_at_k};
pub use ndcg::{Gain, ndcg_at_k};
pub use overlap::overlap_at_k;
pub use percentile::percentile;
pub use rank::{identical_at_k, reciprocal_rank, same_top};
pub use rbo::rank_biased_overlap;

/// The first `k` of a list.
fn first<T>(list: &[T], k: usize) -> &[T] {
    &list[..k.min(list.len())]
}
