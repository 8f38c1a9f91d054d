//! The integration tests: one binary, one module a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod backfill;
mod backfill_sources;
mod cli;
mod cli_drift;
mod cli_eval;
mod cli_journal;
mod double;
mod drift;
mod flag_rules;
mod flag_watch;
mod house;
mod http;
mod http_writes;
mod journal;
mod journal_postgres;
mod meili;
mod meili_doubts;
mod meili_extras;
mod meili_writes;
mod outbox;
mod page;
mod parity;
mod postgres;
mod processes;
mod proxy;
mod ranking;
mod reads;
mod shadow_log;
mod simulation;
mod store;
mod support;
mod test_postgres;
mod writes;
