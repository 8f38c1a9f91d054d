//! Sort criteria and the order of values.

use std::{cmp::Ordering, fmt, str::FromStr};

use crate::filter::Facet;

/// One criterion of a sort: `year:desc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortCriterion {
    /// The attribute, by its dotted name.
    pub attribute: String,
    /// Which end comes first.
    pub direction: Direction,
}

/// Which end comes first. Numbers stand before strings and missing values last in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `asc`: of several values the least counts.
    Ascending,
    /// `desc`: of several values the greatest counts.
    Descending,
}

/// Why a sort criterion is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortError {
    /// It does not end in `:asc` or `:desc`, or names a reserved attribute.
    Syntax,
    /// Meilisearch knows it, this crate does not; the name.
    Unsupported(&'static str),
}

impl SortCriterion {
    /// Reads a list of criteria; the first decides first.
    pub fn parse_all(criteria: &[String]) -> Result<Vec<Self>, SortError> {
        criteria.iter().map(|criterion| criterion.parse()).collect()
    }

    /// Which of two documents comes first, by their values of the attribute. `None` is a document without it.
    pub fn compare(&self, a: Option<&Facet>, b: Option<&Facet>) -> Ordering {
        self.compare_values(self.direction.decisive(a), self.direction.decisive(b))
    }

    /// The same by the values that count.
    pub(crate) fn compare_values(&self, a: Decisive<'_>, b: Decisive<'_>) -> Ordering {
        match (a, b) {
            (Decisive::Number(a), Decisive::Number(b)) => self.direction.turn(a.total_cmp(&b)),
            (Decisive::Text(a), Decisive::Text(b)) => self.direction.turn(a.cmp(b)),
            (a, b) => a.class().cmp(&b.class()),
        }
    }
}

/// The one value of an attribute that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Decisive<'a> {
    Number(f64),
    Text(&'a str),
    Missing,
}

impl Decisive<'_> {
    fn class(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Missing => 2,
        }
    }
}

impl Direction {
    fn decisive(self, facet: Option<&Facet>) -> Decisive<'_> {
        let Some(facet) = facet else { return Decisive::Missing };
        let (number, text) = match self {
            Self::Ascending => (facet.numbers.first(), facet.texts.first()),
            Self::Descending => (facet.numbers.last(), facet.texts.last()),
        };
        match (number, text) {
            (Some(number), _) => Decisive::Number(*number),
            (None, Some(text)) => Decisive::Text(text),
            (None, None) => Decisive::Missing,
        }
    }

    fn turn(self, ordering: Ordering) -> Ordering {
        match self {
            Self::Ascending => ordering,
            Self::Descending => ordering.reverse(),
        }
    }
}

impl FromStr for SortCriterion {
    type Err = SortError;

    fn from_str(text: &str) -> Result<Self, SortError> {
        let (attribute, direction) = text.rsplit_once(':').ok_or(SortError::Syntax)?;
        let direction = match direction {
            "asc" => Direction::Ascending,
            "desc" => Direction::Descending,
            _ => return Err(SortError::Syntax),
        };
        match attribute {
            point if point.starts_with("_geoPoint(") => Err(SortError::Unsupported("_geoPoint")),
            reserved if reserved.starts_with("_geo") => Err(SortError::Syntax),
            attribute => Ok(Self { attribute: attribute.to_owned(), direction }),
        }
    }
}

impl fmt::Display for SortCriterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        write!(f, "{}:{direction}", self.attribute)
    }
}

impl fmt::Display for SortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("a sort criterion is `attribute:asc` or `attribute:desc`"),
            Self::Unsupported(what) => write!(f, "sorting by `{what}` is not offered here"),
        }
    }
}

impl std::error::Error for SortError {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::filter::facets;

    #[test]
    fn criteria_are_read_from_the_last_colon() {
        let read: SortCriterion = "a:b:desc".parse().unwrap();
        assert_eq!((read.attribute.as_str(), read.direction), ("a:b", Direction::Descending));
        assert_eq!(read.to_string(), "a:b:desc");
        for wrong in ["a", "a:up", "_geoDistance:asc"] {
            assert_eq!(wrong.parse::<SortCriterion>(), Err(SortError::Syntax));
        }
        assert_eq!("_geoPoint(1,2):asc".parse::<SortCriterion>(), Err(SortError::Unsupported("_geoPoint")));
    }

    #[test]
    fn numbers_then_strings_then_nothing_in_both_directions() {
        let values = [json!(null), json!("b"), json!(10), json!(9), json!("A"), json!([8, 11, "z"]), json!("é")];
        let sorted = |criterion: &str| {
            let criterion: SortCriterion = criterion.parse().unwrap();
            let mut all: Vec<_> = values
                .iter()
                .map(|value| (value.clone(), facets(json!({"x": value}).as_object().unwrap(), |_| true)))
                .collect();
            all.sort_by(|(_, a), (_, b)| criterion.compare(a.get("x"), b.get("x")));
            all.into_iter().map(|(value, _)| value).collect::<Vec<_>>()
        };
        // "é" is compared as "e" with a mark.
        assert_eq!(
            sorted("x:asc"),
            [json!([8, 11, "z"]), json!(9), json!(10), json!("A"), json!("b"), json!("é"), json!(null)]
        );
        assert_eq!(
            sorted("x:desc"),
            [json!([8, 11, "z"]), json!(10), json!(9), json!("é"), json!("b"), json!("A"), json!(null)]
        );
    }
}
