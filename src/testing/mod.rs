//! What tests and rehearsals stand on.

pub mod meili;
pub mod packages;
pub mod postgres;
mod records;

pub use meili::{Meili, MeiliDouble};
pub use postgres::{TestDatabase, TestPostgres, TestPostgresError};
pub use records::Records;
