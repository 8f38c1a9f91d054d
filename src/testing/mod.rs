//! What tests and rehearsals stand on.

pub mod postgres;

pub use postgres::{TestDatabase, TestPostgres, TestPostgresError};
