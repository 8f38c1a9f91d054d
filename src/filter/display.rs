//! From [`Filter`] to text that parses to the same filter again.

use std::fmt;

use super::{
    Comparison, Condition, Filter, Literal,
    scanner::{is_keyword, is_word},
};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(filters) => join(f, filters, " AND ", |inner| matches!(inner, Self::And(_) | Self::Or(_))),
            Self::Or(filters) => join(f, filters, " OR ", |inner| matches!(inner, Self::Or(_))),
            Self::Not(filter) => {
                f.write_str("NOT ")?;
                nested(f, filter, matches!(**filter, Self::And(_) | Self::Or(_)))
            }
            Self::Condition { attribute, condition } => write!(f, "{} {condition}", Word(attribute)),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(comparison, literal) => write!(f, "{comparison} {literal}"),
            Self::Between(from, to) => write!(f, "{from} TO {to}"),
            Self::In(members) => {
                f.write_str("IN [")?;
                for (n, member) in members.iter().enumerate() {
                    write!(f, "{}{member}", if n == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Exists => f.write_str("EXISTS"),
            Self::IsNull => f.write_str("IS NULL"),
            Self::IsEmpty => f.write_str("IS EMPTY"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Word(&self.0).fmt(f)
    }
}

/// An attribute or a value, quoted if it has to be.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `_` begins the names of special filters.
        let bare = !self.0.is_empty() && self.0.chars().all(is_word) && !is_keyword(self.0) && !self.0.starts_with('_');
        if bare {
            return f.write_str(self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            let escape = if matches!(c, '"' | '\\') { "\\" } else { "" };
            write!(f, "{escape}{c}")?;
        }
        f.write_str("\"")
    }
}

fn join(f: &mut fmt::Formatter<'_>, filters: &[Filter], word: &str, wrap: fn(&Filter) -> bool) -> fmt::Result {
    for (n, filter) in filters.iter().enumerate() {
        if n > 0 {
            f.write_str(word)?;
        }
        nested(f, filter, wrap(filter))?;
    }
    Ok(())
}

fn nested(f: &mut fmt::Formatter<'_>, filter: &Filter, wrap: bool) -> fmt::Result {
    if wrap { write!(f, "({filter})") } else { write!(f, "{filter}") }
}
