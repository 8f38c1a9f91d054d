//! The PostgreSQL side: an index as Meilisearch users know it, in tables of this crate (`migrations/`).
//!
//! A query is answered from one snapshot. All its words are asked for first, with a prefix on the last; while hits are
//! missing, words are dropped from the end, rung by rung. Inside a rung the order is: the sum over the words of the
//! place of the best attribute that holds the word, the sort criteria of the request, the source's internal number, the
//! id. Attributes from the fourth on count alike, since a `tsvector` has four weights.
//!
//! Filters become SQL in which every attribute and value is a bound parameter.
//!
//! [`PostgresIndex`] is one index, searched and loaded; [`PostgresWriter`] is what the write path writes all indexes with.

mod derive;
mod error;
mod filter;
mod index;
mod list;
mod load;
mod options;
mod search;
#[cfg(feature = "meili")]
mod search_indexes;
mod sql;
mod writer;

pub(crate) use derive::storable;
pub use index::{LoadCounts, PostgresIndex, VersionedDocument};
#[cfg(feature = "meili")]
pub(crate) use load::{LoadColumns, LoadFailure, LoadRow, LoadSettings};
pub use options::{PoolSize, PostgresOptions};
pub use writer::PostgresWriter;
