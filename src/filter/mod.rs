//! Meilisearch's filter language: parsed once, evaluated in memory, or translated by a backend.

mod ast;

pub use ast::{Comparison, Condition, Filter, Literal};
