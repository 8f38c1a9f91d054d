//! What a condition asks of the values of an attribute.

use std::ops::{Bound, RangeBounds};

use super::{Comparison, Condition, Facet, Literal, normalize};

/// What a condition asks of the values of an attribute, with literals already read as text and as number.
///
/// A literal that reads as a number is compared with numbers as such, and with strings as text: `n >= 1` also keeps the
/// string `zeta`.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The attribute is there.
    Exists,
    /// It is null.
    Null,
    /// It is empty.
    Empty,
    /// One of its values is one of these, or none is if `negated`.
    OneOf {
        /// Normalized texts, ascending.
        texts: Vec<String>,
        /// Numbers, ascending; no negative zero.
        numbers: Vec<f64>,
        /// Whether the answer is turned round.
        negated: bool,
    },
    /// One of its values lies in between.
    Within {
        /// Where a text must lie, by code point.
        text: (Bound<String>, Bound<String>),
        /// Where a number must lie; `None` if the literals are no numbers.
        number: Option<(Bound<f64>, Bound<f64>)>,
    },
}

impl Condition {
    /// Reads the literals.
    pub fn test(&self) -> Test {
        use Bound::{Excluded, Included};
        match self {
            Self::Exists => Test::Exists,
            Self::IsNull => Test::Null,
            Self::IsEmpty => Test::Empty,
            Self::In(literals) => one_of(literals, false),
            Self::Between(from, to) => Test::Within {
                text: (Included(from.text()), Included(to.text())),
                number: from.number().zip(to.number()).map(|(from, to)| (Included(from), Included(to))),
            },
            Self::Compare(Comparison::Equal, literal) => one_of(std::slice::from_ref(literal), false),
            Self::Compare(Comparison::NotEqual, literal) => one_of(std::slice::from_ref(literal), true),
            Self::Compare(Comparison::Less, literal) => below(literal, Excluded, Excluded),
            Self::Compare(Comparison::LessOrEqual, literal) => below(literal, Included, Included),
            Self::Compare(Comparison::Greater, literal) => above(literal, Excluded, Excluded),
            Self::Compare(Comparison::GreaterOrEqual, literal) => above(literal, Included, Included),
        }
    }
}

impl Test {
    /// Whether an attribute passes; `None` is one that is not there.
    pub fn passes(&self, facet: Option<&Facet>) -> bool {
        let Some(facet) = facet else {
            return self.is_negated();
        };
        match self {
            Self::Exists => true,
            Self::Null => facet.null,
            Self::Empty => facet.empty,
            Self::OneOf { .. } | Self::Within { .. } => {
                let found = facet.texts.iter().any(|text| self.is_met_by_text(text))
                    || facet.numbers.iter().any(|number| self.is_met_by_number(*number));
                found != self.is_negated()
            }
        }
    }

    /// Whether a [normalized](normalize) text is among those named; a test that [is negated](Self::is_negated) rules them out.
    pub fn is_met_by_text(&self, value: &str) -> bool {
        match self {
            Self::OneOf { texts, .. } => texts.binary_search_by(|text| text.as_str().cmp(value)).is_ok(),
            Self::Within { text: (low, high), .. } => {
                let range = (low.as_ref().map(String::as_str), high.as_ref().map(String::as_str));
                RangeBounds::<str>::contains(&range, value)
            }
            Self::Exists | Self::Null | Self::Empty => false,
        }
    }

    /// The same of a number.
    pub fn is_met_by_number(&self, value: f64) -> bool {
        match self {
            Self::OneOf { numbers, .. } => numbers.binary_search_by(|number| number.total_cmp(&value)).is_ok(),
            Self::Within { number, .. } => number.is_some_and(|range| range.contains(&value)),
            Self::Exists | Self::Null | Self::Empty => false,
        }
    }

    /// Whether it holds if no value meets it.
    pub fn is_negated(&self) -> bool {
        matches!(self, Self::OneOf { negated: true, .. })
    }
}

impl Literal {
    fn text(&self) -> String {
        normalize(&self.0)
    }

    fn number(&self) -> Option<f64> {
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

/// The values under a literal; the end is made by the same constructor for texts and for numbers.
fn below(end: &Literal, text: fn(String) -> Bound<String>, number: fn(f64) -> Bound<f64>) -> Test {
    Test::Within {
        text: (Bound::Unbounded, text(end.text())),
        number: end.number().map(|end| (Bound::Unbounded, number(end))),
    }
}

/// The values over a literal.
fn above(end: &Literal, text: fn(String) -> Bound<String>, number: fn(f64) -> Bound<f64>) -> Test {
    Test::Within {
        text: (text(end.text()), Bound::Unbounded),
        number: end.number().map(|end| (number(end), Bound::Unbounded)),
    }
}

fn one_of(literals: &[Literal], negated: bool) -> Test {
    let mut texts: Vec<String> = literals.iter().map(Literal::text).collect();
    texts.sort_unstable();
    // As in the values of documents, adding zero turns the negative zero into the positive one.
    let mut numbers: Vec<f64> = literals.iter().filter_map(Literal::number).map(|number| number + 0.0).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    Test::OneOf { texts, numbers, negated }
}
