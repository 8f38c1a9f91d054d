//! What tests and rehearsals stand on.

pub mod postgres;
mod records;

pub use records::Records;
