//! The journals: one suite for all of them, and what each promises besides.

pub(crate) mod conformance;
mod memory;
mod sqlite;
