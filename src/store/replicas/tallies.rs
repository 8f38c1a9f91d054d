//! What became of the reads that PostgreSQL was to answer, over a window.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, query, query_as};

use super::Replicas;
use crate::store::StoreError;

/// The reads that PostgreSQL was to answer in a window, in all processes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReadTally {
    /// All of them.
    pub wanted: u64,
    /// Those that it answered.
    pub answered: u64,
    /// Those that it did not: the sum of the following. Meilisearch answered them, while it was kept current.
    pub fallbacks: u64,
    /// It was asked and failed.
    pub failed: u64,
    /// The breaker kept them from it.
    pub held_back: u64,
    /// It could not be asked this; says nothing of the server.
    pub unfit: u64,
}

/// Tallies are kept for two weeks, in days, as the shadow log is.
const KEPT: i32 = 14;

pub(crate) const SUM: &str = "
    SELECT coalesce(sum(answered), 0)::BIGINT AS answered, coalesce(sum(failed), 0)::BIGINT AS failed,
        coalesce(sum(held_back), 0)::BIGINT AS held_back, coalesce(sum(unfit), 0)::BIGINT AS unfit
    FROM read_tallies
    WHERE minute >= date_trunc('minute', TIMESTAMPTZ 'epoch' + make_interval(secs => $1::FLOAT8 / 1000000))";

const FORGET: &str = "DELETE FROM read_tallies WHERE minute < clock_timestamp() - make_interval(days => $1)";

#[derive(FromRow)]
struct Row {
    answered: i64,
    failed: i64,
    held_back: i64,
    unfit: i64,
}

impl Replicas {
    /// What became of the reads of all processes since then, from the beginning of that minute on; those of the last two
    /// seconds may be missing. Reaches back two weeks.
    pub async fn read_tally(&self, since: Timestamp) -> Result<ReadTally, StoreError> {
        let sum = query_as(SUM).bind(since.as_microsecond()).fetch_one(self.store.pool());
        let Row { answered, failed, held_back, unfit } =
            sum.await.map_err(StoreError::of("reading what became of the reads for PostgreSQL"))?;
        let [answered, failed, held_back, unfit] =
            [answered, failed, held_back, unfit].map(|sum| u64::try_from(sum).unwrap_or_default());
        let fallbacks = failed + held_back + unfit;
        Ok(ReadTally { wanted: answered + fallbacks, answered, fallbacks, failed, held_back, unfit })
    }

    pub(super) async fn forget_old_tallies(&self) -> Result<(), StoreError> {
        let forgotten = query(FORGET).bind(KEPT).execute(self.store.pool()).await;
        forgotten.map_err(StoreError::of("forgetting what became of reads long ago"))?;
        Ok(())
    }
}
