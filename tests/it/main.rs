//! The integration tests: one binary, one module a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod cli;
mod double;
mod flag_rules;
mod flag_watch;
mod house;
mod http;
mod meili;
mod postgres;
mod proxy;
mod reads;
mod shadow_log;
mod store;
mod support;
mod test_postgres;
