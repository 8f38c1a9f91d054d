//! The Meilisearch side, over `meilisearch-sdk`.
//!
//! [`MeiliIndex`] answers searches and gives what a target is built from: the settings and the documents in internal
//! order. [`MeiliSettlement`] says whether writes are still under way, so that a comparison made meanwhile can be told
//! apart. [`MeiliWriter`] is what the write path writes all indexes with. Shadow reads share the connections: their number is not bounded, so they cannot starve a user's read. The API
//! key is sent and nothing else: no message and no `Debug` shows it.

mod client;
mod error;
mod extras;
mod http;
mod index;
mod keys;
#[cfg(feature = "eval")]
mod manage;
mod reader;
mod search;
mod settlement;
mod writer;

pub use index::{DocumentsPage, MeiliIndex, MeiliOptions};
pub use settlement::MeiliSettlement;
pub use writer::MeiliWriter;
