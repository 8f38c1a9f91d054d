//! What tests and rehearsals stand on.

pub mod meili;
