//! The integration tests, one module a piece.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli;
mod flag_rules;
mod flag_watch;
mod shadow_log;
mod test_postgres;
