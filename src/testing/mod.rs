//! What tests and rehearsals stand on.

pub mod postgres;
mod records;

pub use postgres::{TestDatabase, TestPostgres, TestPostgresError};
pub use records::Records;
