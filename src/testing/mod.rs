//! What tests and rehearsals stand on.

mod records;

pub use records::Records;
