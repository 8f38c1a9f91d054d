//! Who reads for a side, and how far. Everything that moves says under which epoch, so that an owner who was replaced
//! moves nothing.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    OutboxError,
    row::Letter,
    sql,
    tables::{Tables, attempt},
};
use crate::{backend::postgres::storable, error::Side};

/// The right to read for a side, on PostgreSQL's clock.
#[derive(Debug)]
pub(super) struct Lease {
    side: Side,
    epoch: i64,
    length: Duration,
    /// Until when it holds for certain: reckoned from before it was asked for.
    until: Instant,
    /// Everything up to here stands or is a dead letter; `None`: not begun.
    pub(super) cursor: Option<i64>,
}

/// Why something was not moved.
#[derive(Debug)]
pub(super) enum Unmoved {
    /// Another process has taken over.
    Fenced,
    /// The database failed.
    Failed(OutboxError),
}

impl From<OutboxError> for Unmoved {
    fn from(error: OutboxError) -> Self {
        Self::Failed(error)
    }
}

impl Lease {
    /// Takes it if nobody holds it; otherwise says how long it is held yet.
    pub(super) async fn take(tables: &Tables, side: Side, owner: &str) -> Result<Result<Self, Duration>, OutboxError> {
        let (asked, length) = (Instant::now(), tables.options.pace.lease);
        let query = sqlx::query_as(sql::TAKE).bind(&tables.name).bind(side.as_str()).bind(owner);
        let taken = attempt(query.bind(length.as_secs_f64()).fetch_optional(tables.control())).await;
        let taken: Option<(i64, Option<i64>)> =
            taken.map_err(tables.control_error("taking the lease of the outbox"))?;
        if let Some((epoch, cursor)) = taken {
            return Ok(Ok(Self { side, epoch, length, until: asked + length, cursor }));
        }
        let query = sqlx::query_scalar(sql::LEASE_LEFT).bind(&tables.name).bind(side.as_str());
        let left = attempt(query.fetch_one(tables.control())).await;
        let left: f64 = left.map_err(tables.control_error("reading the lease of the outbox"))?;
        Ok(Err(Duration::try_from_secs_f64(left).unwrap_or_default()))
    }

    /// By when a call to the side has to be over: the last quarter is for what is still on its way then.
    pub(super) fn deadline(&self) -> Instant {
        self.until - self.length / 4
    }

    /// Whether less than half of it is left.
    pub(super) fn is_due(&self) -> bool {
        Instant::now() + self.length / 2 > self.until
    }

    pub(super) async fn renew(&mut self, tables: &Tables) -> Result<(), Unmoved> {
        let asked = Instant::now();
        let query = sqlx::query(sql::RENEW).bind(&tables.name).bind(self.side.as_str()).bind(self.epoch);
        let renewed = attempt(query.bind(self.length.as_secs_f64()).execute(tables.control())).await;
        let renewed = renewed.map_err(tables.control_error("renewing the lease of the outbox"))?;
        self.moved(renewed.rows_affected() == 1, asked)
    }

    /// Sets the cursor for the first time.
    pub(super) async fn start(&mut self, tables: &Tables, seq: i64) -> Result<(), Unmoved> {
        let asked = self.until - self.length;
        let query = sqlx::query(sql::START).bind(&tables.name).bind(self.side.as_str()).bind(self.epoch).bind(seq);
        let started = attempt(query.execute(tables.control())).await;
        let started = started.map_err(tables.control_error("setting the cursor of the outbox"))?;
        self.moved(started.rows_affected() == 1, asked)?;
        self.cursor = Some(seq);
        Ok(())
    }

    /// Moves the cursor to `seq`, past rows that stand and these dead letters.
    pub(super) async fn advance(&mut self, tables: &Tables, seq: i64, dead: &[Letter]) -> Result<(), Unmoved> {
        let asked = Instant::now();
        let query = sqlx::query_scalar(sql::ADVANCE)
            .bind(&tables.name)
            .bind(self.side.as_str())
            .bind(self.epoch)
            .bind(seq)
            .bind(self.length.as_secs_f64())
            .bind(column(dead, |letter| letter.seq))
            .bind(column(dead, |letter| letter.op.as_deref()))
            .bind(column(dead, |letter| serde_json::json!(letter.keys).to_string()))
            .bind(column(dead, |letter| letter.id.as_ref().map(|id| storable(id.as_str()))))
            .bind(column(dead, |letter| letter.reason.as_str()))
            .bind(column(dead, |letter| storable(&letter.why)))
            .fetch_one(tables.control());
        let moved: i64 = attempt(query).await.map_err(tables.control_error("moving the cursor of the outbox"))?;
        self.moved(moved == 1, asked)?;
        self.cursor = Some(seq);
        Ok(())
    }

    /// Ends a redrive: these letters are done, those are dead as before.
    pub(super) async fn end_redrive(&mut self, tables: &Tables, done: &[i64], dead: &[Letter]) -> Result<(), Unmoved> {
        let asked = Instant::now();
        let query = sqlx::query_scalar(sql::END_REDRIVE)
            .bind(&tables.name)
            .bind(self.side.as_str())
            .bind(self.epoch)
            .bind(done)
            .bind(self.length.as_secs_f64())
            .bind(column(dead, |letter| letter.seq))
            .bind(column(dead, |letter| letter.reason.as_str()))
            .bind(column(dead, |letter| storable(&letter.why)))
            .fetch_one(tables.control());
        let mine: i64 = attempt(query).await.map_err(tables.control_error("ending a redrive of the outbox"))?;
        self.moved(mine == 1, asked)
    }

    /// Lets a standby take over at once.
    pub(super) async fn release(self, tables: &Tables) -> Result<(), OutboxError> {
        let query = sqlx::query(sql::RELEASE).bind(&tables.name).bind(self.side.as_str()).bind(self.epoch);
        attempt(query.execute(tables.control()))
            .await
            .map_err(tables.control_error("giving up the lease of the outbox"))?;
        Ok(())
    }

    fn moved(&mut self, moved: bool, asked: Instant) -> Result<(), Unmoved> {
        if !moved {
            return Err(Unmoved::Fenced);
        }
        self.until = self.until.max(asked + self.length);
        Ok(())
    }
}

fn column<'a, T>(letters: &'a [Letter], value: impl Fn(&'a Letter) -> T) -> Vec<T> {
    letters.iter().map(value).collect()
}
