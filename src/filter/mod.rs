//! Meilisearch's filter language: parsed once, evaluated in memory, or translated by a backend.
//!
//! [`Filter::parse`] reads an expression or a nested list, [`Filter::matches`] is what it means. What a condition asks of
//! the values of an attribute is worked out in one place ([`Condition::test`]), and how a document is flattened into
//! those values in another ([`facets()`]); evaluation in memory and in PostgreSQL both stand on the two.
//!
//! Not offered, and refused with [`FilterError::Unsupported`]: `CONTAINS`, `STARTS WITH`, and the geographical, vector and
//! foreign filters.

mod ast;
mod display;
mod error;
mod evaluate;
mod facets;
mod parser;
mod scanner;
mod test;

pub use ast::{Comparison, Condition, Filter, Literal};
pub use error::FilterError;
pub use facets::{Facet, Facets, facets, normalize, spelling};
pub use test::Test;
