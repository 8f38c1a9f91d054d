//! The integration tests, one module a piece.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod double;
mod meili;
mod postgres;
mod test_postgres;
