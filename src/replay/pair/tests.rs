use super::*;

fn shown(text: &str) -> Shown {
    match text {
        "!" => Shown::failed("no answer"),
        _ => Shown::answered(text.chars().map(|letter| DocumentId::new(letter.to_string())).collect()),
    }
}

fn pair(meili: &str, pg: &str) -> Pair {
    Pair::new(shown(meili), shown(pg), Side::Meili)
}

#[test]
fn each_verdict() {
    use Verdict::{Better, Fixed, NotComparable, Same, Worse};
    for (then, now, verdict) in [
        (("abc", "abx"), ("abc", "abc"), Fixed),
        // The order alone differs, and less than that: only beyond the first ten.
        (("abc", "acb"), ("abc", "abc"), Fixed),
        (("abcdefghijkl", "abcdefghijlk"), ("abcdefghijkl", "abcdefghijkl"), Fixed),
        (("abcdefghijklm", "abcdefghijmlk"), ("abcdefghijklm", "abcdefghijkml"), Better),
        // Both answers changed, and are the same now.
        (("abc", "x"), ("q", "q"), Fixed),
        (("abc", "x"), ("", ""), Fixed),
        (("abc", "axy"), ("abc", "abx"), Better),
        (("abc", "acb"), ("abc", "abx"), Worse),
        (("abc", "cba"), ("abc", "acb"), Better),
        (("abc", "abc"), ("abc", "acb"), Worse),
        (("abc", "abx"), ("abc", "abx"), Same),
        (("abc", "abx"), ("abc", "aby"), Same),
        (("", ""), ("", ""), Same),
        (("abc", "abc"), ("xyz", "xyz"), Same),
        (("abc", ""), ("abc", ""), Same),
        // A compared side that failed is as bad as can be.
        (("abc", "!"), ("abc", "abc"), Fixed),
        (("abc", "!"), ("abc", "xyz"), Better),
        (("!", "abc"), ("abc", "abc"), NotComparable),
        (("!", "!"), ("abc", "abc"), NotComparable),
        (("abc", "abx"), ("abc", "!"), NotComparable),
        (("abc", "abx"), ("!", "abc"), NotComparable),
    ] {
        assert_eq!(Verdict::of(&pair(then.0, then.1), &pair(now.0, now.1), Side::Meili), verdict, "{then:?} {now:?}");
    }
    // The roles decide which side had to answer.
    assert_eq!(Verdict::of(&pair("!", "abc"), &pair("abc", "abc"), Side::Pg), Fixed);
}

#[test]
fn agreement_is_that_of_the_side_that_was_to_answer() {
    let of = |primary| Pair::new(shown("abc"), shown("a"), primary).agreement_ndcg_at_10.unwrap();
    // What comes after the end of a short reference costs nothing.
    assert_eq!(of(Side::Pg), 1.0);
    assert!(of(Side::Meili) < 1.0);
}

#[test]
fn differences_are_gone_or_remain_or_are_new() {
    let ids = |text: &str| text.chars().map(|letter| DocumentId::new(letter.to_string())).collect::<Vec<_>>();
    let of = Differences::of(&pair("abcd", "abxy"), &pair("abcd", "bacx"));
    // Then c, d, x, y; now d and x, and of a and b, which changed places, one.
    assert_eq!((of.gone, of.new.len()), (ids("cy"), 1));
    assert_eq!(of.remaining, ids("dx"));
}

#[test]
fn words_are_those_of_serde() {
    for verdict in Verdict::ALL {
        assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
    }
}
