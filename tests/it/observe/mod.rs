//! The dashboard and the alert rules: what they ask for is there.

mod exposed;
mod outputs;
mod promql;
mod reader;
