//! Postings: for each word the documents that hold it, in blocks.
//!
//! Who writes a document notes the change, and that is all it costs. Searches read what was noted beside the blocks. A
//! [fold](fold) moves it into them, some hundred documents at a time; one at a time does so for an index, and nobody waits for it.
//!
//! A load of many documents may leave all that out, and have the postings [built](build()) after it.

mod block;
#[cfg(feature = "meili")]
mod build;
mod changes;
mod fold;
mod sql;

pub(super) use block::each as each_entry;
#[cfg(feature = "meili")]
pub(super) use build::{Built, build, sql::DEFER};
pub(super) use fold::{Folded, changed_indexes, fold, more_than};
