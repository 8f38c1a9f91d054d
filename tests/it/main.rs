//! The integration tests: one binary, one module a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod house;
mod http;
mod reads;
mod support;
mod test_postgres;
