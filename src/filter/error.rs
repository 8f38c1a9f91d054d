//! Why a filter is refused.

use std::fmt;

/// Why a filter is refused. Messages name places and operators, never what the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// It is not in the language.
    Syntax {
        /// Characters of the expression that stand before the mistake.
        position: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// Parentheses and `NOT`s are nested too deep.
    TooDeep,
    /// The expressions are longer than a mebibyte.
    TooLong,
    /// Meilisearch knows it, this crate does not; the operator.
    Unsupported(&'static str),
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { position, expected } => {
                write!(f, "the filter is wrong after {position} characters: expected {expected}")
            }
            Self::TooDeep => f.write_str("the filter is nested too deep; write it with fewer parentheses"),
            Self::TooLong => f.write_str("the filter is longer than a mebibyte"),
            Self::Unsupported(what) => write!(f, "filters with `{what}` are not offered here"),
        }
    }
}

impl std::error::Error for FilterError {}
