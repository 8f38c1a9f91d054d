//! Reading on: a cursor of the database for each shard, so that a query without a fitting index is sorted now and then, and not
//! once for every page.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{AssertSqlSafe, PgTransaction};
use tokio::time::Instant;

use super::row::Columns;

/// How long a cursor is open, unless opening it took a good part of that: its transaction holds back vacuum, and whoever wants to change the
/// tables.
const LIFE: Duration = Duration::from_secs(5);
/// How many times as long as it took to open a cursor it may be open.
const WORTH: u32 = 10;

/// The cursors that are open, by shard.
#[derive(Default)]
pub(super) struct Listings(Mutex<HashMap<String, Listing>>);

/// A cursor that stands after a row.
pub(super) struct Listing {
    transaction: PgTransaction<'static>,
    /// The place of the last row that was given out.
    at: Option<String>,
    /// The row after it, which was read to see whether it can be told from it.
    ahead: Option<Columns>,
    opened: Instant,
    life: Duration,
}

impl Listings {
    /// The cursor of a shard, if it stands there.
    pub(super) fn take(&self, shard: &str, after: Option<&str>) -> Option<Listing> {
        let listing = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(shard)?;
        (listing.at.as_deref() == after).then_some(listing)
    }

    /// Keeps a cursor for the next page, unless it has been open for long.
    pub(super) fn keep(&self, shard: &str, listing: Listing) {
        if listing.opened.elapsed() < listing.life {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(shard.to_owned(), listing);
        }
    }
}

impl Listing {
    /// A cursor before the first row, in a transaction that has declared it.
    pub(super) fn new(transaction: PgTransaction<'static>, opened: Instant) -> Self {
        Self { transaction, at: None, ahead: None, opened, life: LIFE }
    }

    /// The next rows, and one more if there is one: that is given again.
    pub(super) async fn fetch(&mut self, limit: usize) -> Result<Vec<Columns>, sqlx::Error> {
        let first = self.at.is_none() && self.ahead.is_none();
        let mut rows = Vec::from_iter(self.ahead.take());
        // A number of our own; FETCH takes no parameters.
        let fetch = format!("FETCH FORWARD {} FROM pages", limit + 1 - rows.len());
        rows.extend(sqlx::query_as(AssertSqlSafe(fetch)).persistent(false).fetch_all(&mut *self.transaction).await?);
        if first {
            self.life = LIFE.max(self.opened.elapsed() * WORTH);
        }
        self.ahead = rows.get(limit).cloned();
        Ok(rows)
    }

    /// Where it stands now.
    pub(super) fn stands_after(&mut self, place: Option<String>) {
        self.at = place;
    }
}
