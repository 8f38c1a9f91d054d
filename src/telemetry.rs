//! Every metric of the crate: its name, its meaning, its labels. Nothing else calls the `metrics` macros.
//!
//! Labels come from closed sets; none ever holds a query, a user or a document id. Recording looks the recorder up each
//! time, so an exporter may be installed before or after the layers are built; nothing is recorded on the path of a
//! request that is neither sampled nor answered by PostgreSQL.
#![allow(clippy::disallowed_macros)]
