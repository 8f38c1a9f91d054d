//! Why a pair cannot be replayed, and what to do.

use crate::store::{NoRequest, ShadowRow, StoreError};

/// A pair cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no such row.
    #[error(
        "row {0} is not in the shadow log: rows are deleted when they are older than its retention, 14 days unless set \
         otherwise; `crossfade replay --worst 10 --since 24h` takes the worst that are there"
    )]
    NoSuchRow(i64),
    /// The row cannot be asked again.
    #[error("row {id} cannot be replayed: {source}")]
    NoRequest {
        /// Which one.
        id: i64,
        /// Why.
        source: NoRequest,
    },
    /// Nothing says which index is to be asked.
    #[error("row {0} names no index: say which one its endpoint searches, by --index")]
    NoIndex(i64),
    /// The shadow log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReplayError {
    /// A row without its request.
    pub fn of(row: &ShadowRow, why: &NoRequest) -> Self {
        Self::NoRequest { id: row.id, source: why.clone() }
    }
}
