//! Rank-biased overlap: how alike two rankings are, the more the further up.

use std::{collections::HashSet, hash::Hash};

/// The extrapolated rank-biased overlap RBO_EXT of Webber, Moffat, Zobel, "A Similarity Measure for Indefinite
/// Rankings", ACM TOIS 28(4), 2010 (equation 32, which also takes lists of different lengths), from 0 to 1.
///
/// It is the overlap that somebody sees who looks one rank further with the probability `p`, and finds below the end of
/// the lists what the lists have promised so far. `p` is between 0 and 1; with 0.9 the first ten ranks weigh 86 %.
/// So a list of which the other is the beginning counts as equal to it: whether a side has found too few is what
/// [`overlap_at_k`](super::overlap_at_k) and the totals say. Two empty lists are 1; one alone is 0.
///
/// ```
/// # use crossfade::relevance::rank_biased_overlap;
/// assert!((rank_biased_overlap(&["a", "b"], &["b", "a"], 0.9) - 0.9).abs() < 1e-12);
/// ```
pub fn rank_biased_overlap<T: Eq + Hash>(a: &[T], b: &[T], p: f64) -> f64 {
    let (a, b) = (distinct(a), distinct(b));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    match (short.len(), long.len()) {
        (_, 0) => return 1.0,
        (0, _) => return 0.0,
        _ => {}
    }
    let ends = short.len() as f64;
    let (mut of_short, mut of_long) = (HashSet::new(), HashSet::new());
    let (mut common, mut common_at_end, mut sum, mut weight) = (0.0, 0.0, 0.0, 1.0);
    for (at, document) in long.iter().enumerate() {
        let depth = (at + 1) as f64;
        weight *= p;
        of_long.insert(*document);
        if of_short.contains(document) {
            common += 1.0;
        }
        if let Some(document) = short.get(at) {
            of_short.insert(*document);
            if of_long.contains(document) {
                common += 1.0;
            }
            common_at_end = common;
        }
        sum += common / depth * weight;
        if depth > ends {
            sum += common_at_end * (depth - ends) / (ends * depth) * weight;
        }
    }
    let beyond = (common - common_at_end) / long.len() as f64 + common_at_end / ends;
    (1.0 - p) / p * sum + beyond * weight
}

/// Each document once, at its better rank.
fn distinct<T: Eq + Hash>(list: &[T]) -> Vec<&T> {
    let mut seen = HashSet::with_capacity(list.len());
    list.iter().filter(|document| seen.insert(*document)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    }

    /// The lists of the paper at p = 0.9, by hand: the agreements are 0, 0, 2/3, 1/2, 2/5, 1/3, 2/7, so the sum is
    /// 0.486 + 0.32805 + 0.236196 + 0.177147 + 0.1366563 = 1.3640493; a ninth of it and 0.1366563 for what follows.
    #[test]
    fn lists_of_the_paper_by_hand() {
        close(rank_biased_overlap(b"abcdefg", b"zcavwxy", 0.9), 1.364_049_3 / 9.0 + 0.136_656_3);
    }

    /// ⟨a⟩ and ⟨b a⟩ at p = 0.9: agreements 0 and 1/2; 0.405 / 9 + 0.81 / 2 = 0.45. ⟨a b⟩ and ⟨a c b d⟩ at p = 0.5:
    /// agreements 1, 1/2, 2/3, 1/2 weigh 1/2, 1/8, 1/12, 1/32, and the missing ranks add 1·1/(2·3)/8 + 1·2/(2·4)/16;
    /// beyond is (1/4 + 1/2) / 16.
    #[test]
    fn uneven_lists_by_hand() {
        close(rank_biased_overlap(b"a", b"ba", 0.9), 0.45);
        let sum = 0.5 + 0.125 + 1.0 / 12.0 + 0.03125 + 1.0 / 48.0 + 1.0 / 64.0;
        close(rank_biased_overlap(b"ab", b"acbd", 0.5), sum + 0.75 / 16.0);
    }

    #[test]
    fn edges() {
        assert_eq!(rank_biased_overlap::<u8>(b"", b"", 0.9), 1.0);
        assert_eq!(rank_biased_overlap(b"", b"a", 0.9), 0.0);
        close(rank_biased_overlap(b"ab", b"abcd", 0.9), 1.0);
        close(rank_biased_overlap(b"aab", b"ab", 0.9), 1.0);
        close(rank_biased_overlap(b"ab", b"cd", 0.9), 0.0);
    }

    proptest! {
        #[test]
        fn is_a_symmetric_share_and_one_for_itself(
            a in prop::collection::vec(0u8..30, 0..25),
            b in prop::collection::vec(0u8..30, 0..25),
            p in 0.05f64..0.99,
        ) {
            let rbo = rank_biased_overlap(&a, &b, p);
            prop_assert!((-1e-9..=1.0 + 1e-9).contains(&rbo), "{rbo}");
            prop_assert!((rbo - rank_biased_overlap(&b, &a, p)).abs() < 1e-9);
            prop_assert!((rank_biased_overlap(&a, &a, p) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn a_swap_further_up_costs_more(at in 0usize..8) {
            let a: Vec<u8> = (0..10).collect();
            let swapped = |at: usize| {
                let mut list = a.clone();
                list.swap(at, at + 1);
                list
            };
            let rbo = |list: &[u8]| rank_biased_overlap(&a, list, 0.9);
            prop_assert!(rbo(&swapped(at)) < rbo(&swapped(at + 1)));
        }
    }
}
