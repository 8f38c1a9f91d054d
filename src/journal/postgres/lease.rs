//! The lease: signs of life, shards, and what the dead have left.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

use super::{
    PostgresJournal,
    connect::{WORK_DEADLINE, within},
    error::Failure,
    sql,
};

/// Of one process. Whoever renews it holds the lock, so that one does at a time.
pub(super) struct Lease(Mutex<State>);

#[derive(Default)]
struct State {
    /// When the last renewal was sent; the server counts from when it came.
    renewed: Option<Instant>,
    tidied: Option<Instant>,
    share: Option<usize>,
}

const RENEWING: &str = "renewing the lease";
const TIDYING: &str = "looking for entries that nobody asks about any more";

impl Lease {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }
}

impl PostgresJournal {
    /// Makes sure that at least three quarters of the lease are left, and says when it was renewed last.
    pub(super) async fn renew(&self) -> Result<Instant, Failure> {
        let lease = self.shared.options.lease;
        let mut state = self.lease.0.lock().await;
        let now = Instant::now();
        let recently = |renewed: &Instant| now.duration_since(*renewed) < lease / 8;
        // Somebody waits for what can be given back, and its entries wait with them.
        if let Some(renewed) = state.renewed.filter(|renewed| recently(renewed) && !self.claims.may_leave()) {
            return Ok(renewed);
        }
        let share = within(WORK_DEADLINE, RENEWING, self.renew_now(state.share)).await?;
        state.share = Some(share);
        state.renewed = Some(now);
        self.shared.touch(now);
        if state.tidied.is_none_or(|tidied| now.duration_since(tidied) >= lease / 4) {
            self.tidy().await?;
            state.tidied = Some(now);
        }
        Ok(now)
    }

    /// Renews, gives back what is beyond the fair share, takes what is free; says the fair share.
    async fn renew_now(&self, share: Option<usize>) -> Result<usize, sqlx::Error> {
        let (process, lease) = (self.shared.process, self.shared.options.lease.as_secs_f64());
        let pool = &self.shared.pools.work;
        sqlx::query(sql::RENEW).bind(process).bind(lease).execute(pool).await?;
        let excess = share.map(|share| self.claims.give_back(share)).unwrap_or_default();
        if !excess.is_empty() {
            sqlx::query(sql::RELEASE).bind(process).bind(excess).execute(pool).await?;
        }
        let limbo = self.shared.options.journal.limbo.as_secs_f64();
        sqlx::query(sql::TAKE).bind(process).bind(limbo).execute(pool).await?;
        let held = sqlx::query_as(sql::HELD).bind(process).fetch_one(pool).await?;
        let (share, shards, epochs): (i64, Vec<i16>, Vec<i64>) = held;
        self.claims.hold(shards.into_iter().zip(epochs));
        Ok(usize::try_from(share).unwrap_or(usize::MAX))
    }

    /// Gives up entries whose process is gone, and those of this one that nobody waits for; clears away its rows.
    async fn tidy(&self) -> Result<(), Failure> {
        let shared = &self.shared;
        let (limbo, pool) = (shared.options.journal.limbo.as_secs_f64(), &shared.pools.work);
        let tidy = async {
            let lost = sqlx::query(sql::GIVE_UP_OF_THE_DEAD).bind(limbo).execute(pool).await?.rows_affected();
            let asked = sqlx::query_scalar(sql::LONG_ASKED)
                .bind(shared.process)
                .bind(shared.longest_append().as_secs_f64())
                .fetch_all(pool)
                .await?;
            let forgotten = shared.asking.forgotten(asked);
            let mut left = 0;
            if !forgotten.is_empty() {
                let give_up = sqlx::query(sql::GIVE_UP).bind(forgotten).bind(shared.process).bind(limbo);
                left = give_up.execute(pool).await?.rows_affected();
            }
            if lost + left > 0 {
                tracing::warn!(lost, left, "writes whose outcome nobody will tell are compared after the limbo");
            }
            sqlx::query(sql::FOLD_VERSIONS).execute(pool).await?;
            sqlx::query(sql::FORGET_PROCESSES).execute(pool).await?;
            Ok(())
        };
        within(WORK_DEADLINE, TIDYING, tidy).await
    }
}

impl super::Shared {
    /// After this an append that its caller knows of has been answered.
    fn longest_append(&self) -> Duration {
        super::connect::REQUEST_DEADLINE * 2
    }
}
