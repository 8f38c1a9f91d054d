//! The dashboard and the alert rules: what they ask for is there.

mod outputs;
mod promql;
mod reader;
mod service;
