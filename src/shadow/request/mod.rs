//! What is kept of a query so that it can be asked again: JSON with a version, for the column `request` of the shadow log.
//!
//! It is a format of its own ([`v1`]), so that neither the words of the crate nor the stored rows are bound to each other. Who asked is no part of
//! it. A reader takes no field that it does not know: to leave one out would be to ask another question.

mod v1;

use std::fmt;

use crate::search::{FilterInput, FilterTerm, SearchQuery};

/// A query as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRequest {
    json: Box<str>,
    /// Its filter holds the id of who asks.
    names_reader: bool,
}

/// Why a request is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestAbsent {
    /// It has more than [`StoredRequest::LIMIT`] bytes.
    TooLarge,
    /// It holds what JSON in PostgreSQL cannot: a NUL.
    Unstorable,
    /// Queries are stored as hashes.
    Redacted,
    /// Readers are stored as hashes, and its filter names the one who asks.
    NamesReader,
    /// The log was told to keep none.
    Off,
}

/// Why a stored request cannot be asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It was written by a later program.
    #[error("the request is of version {0}, and this program knows versions up to 1: replay it with a newer one")]
    Newer(u64),
    /// It is not in the form it should be in.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
}

impl StoredRequest {
    /// Bytes of a request that is kept, at most.
    pub const LIMIT: usize = 8 << 10;

    /// The request of a query.
    pub fn of(query: &SearchQuery) -> Result<Self, RequestAbsent> {
        let json = serde_json::to_string(&v1::Request::from(query)).map_err(|_| RequestAbsent::Unstorable)?;
        if json.len() > Self::LIMIT {
            return Err(RequestAbsent::TooLarge);
        }
        // As JSON it is escaped; a backslash before a `u` may itself be escaped, and such a request is no loss.
        if json.contains("\\u0000") {
            return Err(RequestAbsent::Unstorable);
        }
        let names_reader = query.user.as_deref().is_some_and(|user| filter_names(query.filter.as_ref(), user));
        Ok(Self { json: json.into(), names_reader })
    }

    /// Reads what was stored.
    pub fn read(json: &str) -> Result<SearchQuery, RequestError> {
        #[derive(serde::Deserialize)]
        struct Version {
            v: u64,
        }
        let malformed = |error: serde_json::Error| RequestError::Malformed(error.to_string());
        let Version { v } = serde_json::from_str(json).map_err(malformed)?;
        match v {
            v1::VERSION => Ok(serde_json::from_str::<v1::Request>(json).map_err(malformed)?.into()),
            0 => Err(RequestError::Malformed("there is no version 0".to_owned())),
            newer => Err(RequestError::Newer(newer)),
        }
    }

    /// The JSON.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// Whether its filter holds the id of the one who asks, as a filter by owner or tenant does.
    pub fn names_reader(&self) -> bool {
        self.names_reader
    }
}

impl RequestAbsent {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::TooLarge, Self::Unstorable, Self::Redacted, Self::NamesReader, Self::Off];

    /// The value of the label and the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Unstorable => "unstorable",
            Self::Redacted => "redacted",
            Self::NamesReader => "names_reader",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for RequestAbsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether an id stands in a filter as a whole: what is before and behind it is no letter and no digit.
fn filter_names(filter: Option<&FilterInput>, user: &str) -> bool {
    let names = |expression: &String| {
        let alone = |at: usize| {
            let ends = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
            ends(expression[..at].chars().next_back()) && ends(expression[at + user.len()..].chars().next())
        };
        expression.match_indices(user).any(|(at, _)| alone(at))
    };
    match filter {
        _ if user.is_empty() => false,
        None => false,
        Some(FilterInput::Expression(expression)) => names(expression),
        Some(FilterInput::AllOf(terms)) => terms.iter().any(|term| match term {
            FilterTerm::Expression(expression) => names(expression),
            FilterTerm::AnyOf(expressions) => expressions.iter().any(names),
        }),
    }
}

#[cfg(test)]
mod tests;
