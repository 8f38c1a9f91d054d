//! The values of an attribute in one document, packed, as postings hold them: a filter reads those of all documents at once.
//!
//! A byte says whether it is null, whether it is empty, and whether there is more than is worth packing; then how many numbers, and each;
//! then the texts, each with its length. Whole numbers are of variable length.

use crate::{
    filter::{Facet, Test},
    ranking::{read, write},
    sort::{Decisive, Direction},
};

/// Bytes of the values of a document, at most. Filters are mostly about short values; others are asked of the row.
const MOST: usize = 256;
/// Whole numbers up to here lose nothing on their way from and to a float.
const LARGEST_WHOLE: f64 = 9e15;

const NULL: u8 = 1;
const EMPTY: u8 = 2;
const LARGE: u8 = 4;

/// Packs values.
pub(super) fn pack(facet: &Facet) -> Vec<u8> {
    let flags = if facet.null { NULL } else { 0 } | if facet.empty { EMPTY } else { 0 };
    let mut bytes = vec![flags];
    write(facet.numbers.len() as u64, &mut bytes);
    for number in &facet.numbers {
        if number.fract() == 0.0 && number.abs() < LARGEST_WHOLE {
            // The lowest bit tells the two apart, the next one is the sign.
            let whole = (number.abs() as u64) << 2 | u64::from(*number < 0.0) << 1;
            write(whole, &mut bytes);
        } else {
            write(1, &mut bytes);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    for text in &facet.texts {
        write(text.len() as u64, &mut bytes);
        bytes.extend_from_slice(text.as_bytes());
    }
    if bytes.len() > MOST { vec![flags | LARGE] } else { bytes }
}

/// Whether packed values pass a test. `None`: the row has to be asked.
pub(super) fn passes(test: &Test, bytes: &[u8]) -> Option<bool> {
    let flags = bytes.first()?;
    match test {
        Test::Exists => Some(true),
        Test::Null => Some(flags & NULL != 0),
        Test::Empty => Some(flags & EMPTY != 0),
        Test::OneOf { .. } | Test::Within { .. } => {
            let mut found = false;
            each(bytes, |value| {
                found |= match value {
                    Decisive::Number(number) => test.is_met_by_number(number),
                    Decisive::Text(text) => test.is_met_by_text(text),
                    Decisive::Missing => false,
                }
            })?;
            Some(found != test.is_negated())
        }
    }
}

/// The one of packed values that a sort goes by. `None`: the row has to be asked.
pub(super) fn decisive(bytes: &[u8], direction: Direction) -> Option<Decisive<'_>> {
    let last = direction == Direction::Descending;
    let mut decisive = Decisive::Missing;
    each(bytes, |value| {
        decisive = match (decisive, value) {
            (Decisive::Missing, first) => first,
            (Decisive::Number(_), Decisive::Number(_)) | (Decisive::Text(_), Decisive::Text(_)) if last => value,
            (first, _) => first,
        }
    })?;
    Some(decisive)
}

/// Visits the numbers, then the texts, both ascending. `None`: they are not there, or these are no packed values.
pub(super) fn each<'a>(bytes: &'a [u8], mut visit: impl FnMut(Decisive<'a>)) -> Option<()> {
    let (flags, mut rest) = bytes.split_first()?;
    if flags & LARGE != 0 {
        return None;
    }
    for _ in 0..read(&mut rest)? {
        visit(Decisive::Number(number(&mut rest)?));
    }
    while !rest.is_empty() {
        let length = usize::try_from(read(&mut rest)?).ok()?;
        let (text, others) = rest.split_at_checked(length)?;
        visit(Decisive::Text(std::str::from_utf8(text).ok()?));
        rest = others;
    }
    Some(())
}

fn number(bytes: &mut &[u8]) -> Option<f64> {
    let head = read(bytes)?;
    if head & 1 == 0 {
        let whole = (head >> 2) as f64;
        return Some(if head & 2 == 0 { whole } else { -whole });
    }
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        filter::{Comparison, Condition, Literal},
        sort::SortCriterion,
    };

    fn any_number() -> impl Strategy<Value = f64> {
        prop_oneof![(-3..4_i32).prop_map(f64::from), Just(0.5), Just(9.1e15), Just(-1e300), Just(1_700_000_000.0)]
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![4 => "[ab1é]{1,3}", 1 => "a{200}"]
    }

    fn any_facet() -> impl Strategy<Value = Facet> {
        let numbers = prop::collection::vec(any_number(), 0..4);
        let texts = prop::collection::btree_set(any_text(), 0..4);
        (numbers, texts, any::<bool>(), any::<bool>()).prop_map(|(mut numbers, texts, null, empty)| {
            numbers.sort_by(f64::total_cmp);
            numbers.dedup();
            Facet { numbers, texts: texts.into_iter().collect(), null, empty }
        })
    }

    fn any_condition() -> impl Strategy<Value = Condition> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let literal = || prop_oneof![any_text(), any_number().prop_map(|number| number.to_string())].prop_map(Literal);
        let comparison = prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]);
        prop_oneof![
            3 => (comparison, literal()).prop_map(|(comparison, literal)| Condition::Compare(comparison, literal)),
            1 => (literal(), literal()).prop_map(|(from, to)| Condition::Between(from, to)),
            1 => prop::collection::vec(literal(), 0..4).prop_map(Condition::In),
            1 => prop::sample::select(vec![Condition::Exists, Condition::IsNull, Condition::IsEmpty]),
        ]
    }

    proptest! {
        #[test]
        fn packed_values_pass_as_the_values_do(facet in any_facet(), condition in any_condition()) {
            let (test, packed) = (condition.test(), pack(&facet));
            prop_assert!(packed.len() <= MOST);
            match passes(&test, &packed) {
                Some(passed) => prop_assert_eq!(passed, test.passes(Some(&facet))),
                None => prop_assert!(facet.texts.iter().map(String::len).sum::<usize>() > MOST / 2, "{:?}", facet),
            }
        }

        #[test]
        fn packed_values_are_sorted_as_the_values_are(a in any_facet(), b in any_facet(), descends in any::<bool>()) {
            let direction = if descends { Direction::Descending } else { Direction::Ascending };
            let criterion = SortCriterion { attribute: "a".to_owned(), direction };
            let (packed_a, packed_b) = (pack(&a), pack(&b));
            if let (Some(x), Some(y)) = (decisive(&packed_a, direction), decisive(&packed_b, direction)) {
                prop_assert_eq!(criterion.compare_values(x, y), criterion.compare(Some(&a), Some(&b)));
            }
        }

        #[test]
        fn any_bytes_can_be_asked(bytes in prop::collection::vec(any::<u8>(), 0..40), condition in any_condition()) {
            passes(&condition.test(), &bytes);
            decisive(&bytes, Direction::Descending);
        }
    }
}
