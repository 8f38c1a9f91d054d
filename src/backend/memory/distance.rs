//! How far a word is from a query term, in Meilisearch's typos.

/// The least number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, if that is
/// at most `max`.
pub(super) fn distance(a: &[char], b: &[char], max: u8) -> Option<u8> {
    if a.len().abs_diff(b.len()) > usize::from(max) {
        return None;
    }
    let mut last = None;
    walk(a, b, max, |cost| last = Some(cost));
    last.filter(|cost| *cost <= max)
}

/// The same to the nearest prefix of `b`.
pub(super) fn prefix_distance(a: &[char], b: &[char], max: u8) -> Option<u8> {
    let longest = b.len().min(a.len() + usize::from(max));
    let mut best = None;
    walk(a, &b[..longest], max, |cost| best = Some(best.map_or(cost, |so_far: u8| so_far.min(cost))));
    best.filter(|cost| *cost <= max)
}

/// The level at which `candidate` stands for a term: 0 is the term itself or a word it is a prefix of, 1 and 2 are
/// typos. `allowance` is the most typos the term may have.
///
/// The first letter must be right; with an allowance of two, a wrong one counts as both typos.
pub(super) fn level(term: &[char], candidate: &[char], prefix: bool, allowance: u8) -> Option<u8> {
    if term == candidate || prefix && candidate.starts_with(term) {
        return Some(0);
    }
    let measure = if prefix { prefix_distance } else { distance };
    match (allowance, term.first() == candidate.first()) {
        (0, _) | (1, false) => None,
        (_, true) => measure(term, candidate, allowance),
        (_, false) => measure(term, candidate, 1).map(|_| 2),
    }
}

/// How many typos a term of `length` characters may have.
pub(super) fn allowance(length: usize) -> u8 {
    match length {
        0..=4 => 0,
        5..=8 => 1,
        _ => 2,
    }
}

/// Fills the table row by row, a row per character of `b`, and shows the distance of the whole `a` to each prefix of
/// `b`, the empty one first. Stops without showing the rest when nothing within `max` can follow; the last one shown is
/// then over `max`.
fn walk(a: &[char], b: &[char], max: u8, mut show: impl FnMut(u8)) {
    let width = a.len() + 1;
    let saturated = |cost: usize| u8::try_from(cost).unwrap_or(u8::MAX);
    let mut before: Vec<u8> = vec![u8::MAX; width];
    let mut above: Vec<u8> = (0..width).map(saturated).collect();
    let mut row: Vec<u8> = vec![0; width];
    show(above[a.len()]);
    for (j, &cb) in b.iter().enumerate() {
        row[0] = saturated(j + 1);
        for (i, &ca) in a.iter().enumerate() {
            let substituted = above[i].saturating_add(u8::from(ca != cb));
            let mut cost = substituted.min(above[i + 1].saturating_add(1)).min(row[i].saturating_add(1));
            if i > 0 && j > 0 && ca == b[j - 1] && a[i - 1] == cb {
                cost = cost.min(before[i - 1].saturating_add(1));
            }
            row[i + 1] = cost;
        }
        show(row[a.len()]);
        // A swap looks two rows back, so both must be hopeless.
        if row.iter().chain(&above).all(|cost| *cost > max) {
            return;
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut row);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, by recursion.
    fn naive(a: &[char], b: &[char]) -> usize {
        let (Some((la, ra)), Some((lb, rb))) = (a.split_last(), b.split_last()) else {
            return a.len().max(b.len());
        };
        let mut best = (naive(ra, b) + 1).min(naive(a, rb) + 1).min(naive(ra, rb) + usize::from(la != lb));
        if let (Some((sa, ra)), Some((sb, rb))) = (ra.split_last(), rb.split_last())
            && la == sb
            && lb == sa
        {
            best = best.min(naive(ra, rb) + 1);
        }
        best
    }

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    proptest! {
        #[test]
        fn distance_is_the_naive_one_up_to_the_bound(a in "[abc]{0,6}", b in "[abc]{0,6}", max in 0u8..4) {
            let (a, b) = (chars(&a), chars(&b));
            let expected = naive(&a, &b);
            prop_assert_eq!(distance(&a, &b, max).map(usize::from), Some(expected).filter(|d| *d <= usize::from(max)));
        }

        #[test]
        fn prefix_distance_is_the_least_over_all_prefixes(a in "[abc]{0,5}", b in "[abc]{0,7}", max in 0u8..4) {
            let (a, b) = (chars(&a), chars(&b));
            let expected = (0..=b.len()).map(|end| naive(&a, &b[..end])).min();
            prop_assert_eq!(
                prefix_distance(&a, &b, max).map(usize::from),
                expected.filter(|d| *d <= usize::from(max))
            );
        }

        #[test]
        fn a_level_never_exceeds_the_allowance(a in "[ab]{1,10}", b in "[ab]{1,10}", prefix: bool, allowance in 0u8..3) {
            let found = level(&chars(&a), &chars(&b), prefix, allowance);
            prop_assert!(found.is_none_or(|level| level <= allowance));
        }
    }

    #[test]
    fn swapped_neighbours_are_one_typo() {
        assert_eq!(distance(&chars("twoer"), &chars("tower"), 2), Some(1));
    }

    #[test]
    fn the_first_letter_must_be_right_or_costs_both_typos() {
        let at = |term: &str, word: &str| level(&chars(term), &chars(word), false, allowance(term.len()));
        assert_eq!(at("ower", "tower"), None);
        assert_eq!(at("cower", "tower"), None);
        assert_eq!(at("otwer", "tower"), None);
        assert_eq!(at("niddleware", "middleware"), Some(2));
        assert_eq!(at("niddlewere", "middleware"), None);
        assert_eq!(at("middlewere", "middleware"), Some(1));
        assert_eq!(at("muddlewere", "middleware"), Some(2));
    }

    #[test]
    fn a_prefix_may_have_typos() {
        assert_eq!(level(&chars("tower"), &chars("tolerance"), true, 1), Some(1));
        assert_eq!(level(&chars("tower"), &chars("tolerance"), false, 1), None);
        assert_eq!(level(&chars("serv"), &chars("services"), true, 0), Some(0));
    }
}
