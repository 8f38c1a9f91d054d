//! From text to [`Filter`].
//!
//! ```text
//! or        = and ("OR" and)*
//! and       = not ("AND" not)*
//! not       = "NOT" not | "(" or ")" | condition
//! condition = value operator value | value value "TO" value | value ["NOT"] "IN" "[" [value ("," value)* [","]] "]"
//!           | value ["NOT"] "EXISTS" | value "IS" ["NOT"] ("NULL" | "EMPTY")
//! ```

use super::{Comparison, Condition, Filter, FilterError, Literal, scanner::Scanner};
use crate::search::{FilterInput, FilterTerm};

/// Bytes of all expressions of a filter together; an `IN` list of ids may be long.
const MAX_LENGTH: usize = 1 << 20;
/// Meilisearch's limit, counted as it counts: 4 for a parenthesis, 1 for a `NOT`.
const MAX_DEPTH: usize = 147;
const OPERATORS: [(&str, Comparison); 6] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];
const ATTRIBUTE: &str = "an attribute (quote it if it is a keyword or holds other signs than letters, digits, `_-.`)";
const VALUE: &str = "a value (quote it if it is a keyword or holds other signs than letters, digits, `_-.`)";
const OPERATION: &str =
    "an operation: = != >= > <= < IN, NOT IN, TO, EXISTS, NOT EXISTS, IS [NOT] NULL, IS [NOT] EMPTY";

impl Filter {
    /// Reads a filter. One that says nothing (an empty text or list) holds for every document.
    pub fn parse(input: &FilterInput) -> Result<Self, FilterError> {
        if length(input) > MAX_LENGTH {
            return Err(FilterError::TooLong);
        }
        let all = match input {
            FilterInput::Expression(expression) => Vec::from_iter(Self::read(expression)?),
            FilterInput::AllOf(terms) => {
                let mut all = Vec::new();
                for term in terms {
                    all.extend(match term {
                        FilterTerm::Expression(expression) => Self::read(expression)?,
                        FilterTerm::AnyOf(expressions) => Self::read_any(expressions)?,
                    });
                }
                all
            }
        };
        Ok(one_or(all, Self::And))
    }

    fn read_any(expressions: &[String]) -> Result<Option<Self>, FilterError> {
        let mut any = Vec::new();
        for expression in expressions {
            any.extend(Self::read(expression)?);
        }
        // Meilisearch passes over an empty list, rather than letting it match nothing.
        Ok(if any.is_empty() { None } else { Some(one_or(any, Self::Or)) })
    }

    fn read(expression: &str) -> Result<Option<Self>, FilterError> {
        let mut parser = Parser(Scanner::new(expression));
        if parser.0.is_done() {
            return Ok(None);
        }
        let filter = parser.or(0)?;
        if parser.0.is_done() { Ok(Some(filter)) } else { Err(parser.0.error("`AND`, `OR` or the end")) }
    }
}

struct Parser<'a>(Scanner<'a>);

impl Parser<'_> {
    fn or(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut any = vec![self.and(depth)?];
        while self.0.take_word("OR") {
            any.push(self.and(depth)?);
        }
        Ok(one_or(any, Filter::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut all = vec![self.not(depth)?];
        while self.0.take_word("AND") {
            all.push(self.not(depth)?);
        }
        Ok(one_or(all, Filter::And))
    }

    fn not(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > MAX_DEPTH {
            return Err(FilterError::TooDeep);
        }
        if self.0.take_word("NOT") {
            return Ok(match self.not(depth + 1)? {
                Filter::Not(filter) => *filter,
                filter => Filter::Not(Box::new(filter)),
            });
        }
        if self.0.take("(") {
            let filter = self.or(depth + 4)?;
            return if self.0.take(")") { Ok(filter) } else { Err(self.0.error("`AND`, `OR` or `)`")) };
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<Filter, FilterError> {
        self.refuse_special()?;
        let attribute = self.0.value(ATTRIBUTE)?;
        for (sign, comparison) in OPERATORS {
            if self.0.take(sign) {
                return Ok(Filter::Condition { attribute, condition: Condition::Compare(comparison, self.literal()?) });
            }
        }
        let is = self.0.take_word("IS");
        let not = self.0.take_word("NOT");
        let condition = if is { self.is()? } else { self.worded(not)? };
        let filter = Filter::Condition { attribute, condition };
        Ok(if not { Filter::Not(Box::new(filter)) } else { filter })
    }

    /// What stands after `IS [NOT]`.
    fn is(&mut self) -> Result<Condition, FilterError> {
        if self.0.take_word("NULL") {
            Ok(Condition::IsNull)
        } else if self.0.take_word("EMPTY") {
            Ok(Condition::IsEmpty)
        } else {
            Err(self.0.error("`NULL`, `EMPTY`, `NOT NULL` or `NOT EMPTY`"))
        }
    }

    /// What stands after the attribute, or after its `NOT`.
    fn worded(&mut self, not: bool) -> Result<Condition, FilterError> {
        if self.0.take_word("EXISTS") {
            Ok(Condition::Exists)
        } else if self.0.take_word("IN") {
            self.list()
        } else if self.0.take_word("CONTAINS") {
            Err(FilterError::Unsupported("CONTAINS"))
        } else if self.0.take_word("STARTS") {
            Err(FilterError::Unsupported("STARTS WITH"))
        } else if not {
            Err(self.0.error("`IN` or `EXISTS`"))
        } else {
            let from = Literal(self.0.value(OPERATION)?);
            if self.0.take_word("TO") {
                Ok(Condition::Between(from, self.literal()?))
            } else {
                Err(self.0.error("`TO`"))
            }
        }
    }

    fn list(&mut self) -> Result<Condition, FilterError> {
        if !self.0.take("[") {
            return Err(self.0.error("`[`"));
        }
        let mut members = Vec::new();
        while !self.0.take("]") {
            members.push(self.literal()?);
            if !self.0.take(",") {
                return if self.0.take("]") { Ok(Condition::In(members)) } else { Err(self.0.error("`,` or `]`")) };
            }
        }
        Ok(Condition::In(members))
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        self.0.value(VALUE).map(Literal)
    }

    /// Stops at filters that are not about the value of an attribute.
    fn refuse_special(&mut self) -> Result<(), FilterError> {
        let word = self.0.peek_word();
        if word == "_vectors" || word.starts_with("_vectors.") {
            return Err(FilterError::Unsupported("_vectors"));
        }
        for name in ["_geoRadius", "_geoBoundingBox", "_geoPolygon", "_foreign"] {
            if word == name && self.0.word_is_call() {
                return Err(FilterError::Unsupported(name));
            }
        }
        Ok(())
    }
}

fn one_or(mut filters: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        last => {
            filters.extend(last);
            join(filters)
        }
    }
}

fn length(input: &FilterInput) -> usize {
    match input {
        FilterInput::Expression(expression) => expression.len(),
        FilterInput::AllOf(terms) => terms
            .iter()
            .map(|term| match term {
                FilterTerm::Expression(expression) => expression.len(),
                FilterTerm::AnyOf(expressions) => expressions.iter().map(String::len).sum(),
            })
            .sum(),
    }
}

#[cfg(test)]
mod tests;
