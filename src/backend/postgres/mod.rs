//! The PostgreSQL side: an index as Meilisearch users know it, in tables of this crate (`migrations/`).
//!
//! A query is answered from one snapshot, and as Meilisearch would answer it: PostgreSQL keeps, for each word, the documents that
//! hold it, with the places; [`crate::ranking`] puts them in order, rule by rule. Ties are decided by the source's internal number.
//!
//! What is written is searched at once. It is noted beside the postings, and folded into them by [`PostgresIndex::fold`], by a backfill,
//! or by the worker of a [`Migration`](crate::migration::Migration).
//!
//! Filters and sorts go by values that the postings hold as well, or become SQL in which every attribute and value is a bound parameter.
//!
//! [`PostgresIndex`] is one index, searched and loaded; [`PostgresWriter`] is what the write path writes all indexes with.

mod derive;
mod error;
mod filter;
mod index;
mod list;
mod load;
mod options;
mod postings;
mod search;
#[cfg(feature = "meili")]
mod search_indexes;
mod sql;
mod upkeep;
mod values;
mod words;
mod writer;

pub(crate) use derive::storable;
pub use index::{LoadCounts, PostgresIndex, VersionedDocument};
#[cfg(feature = "meili")]
pub(crate) use load::{LoadColumns, LoadFailure, LoadRow, LoadSettings};
pub use options::{PoolSize, PostgresOptions};
pub use writer::PostgresWriter;
