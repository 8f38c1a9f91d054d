//! When to wait: live writes have priority.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{FromRow, query, query_as};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{JobStatus, Throttle, lease::Lease, sql};
use crate::store::{Store, StoreError};

/// How often the servers are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What the servers say, with the limits of the job.
#[derive(Clone, Debug, Default, FromRow)]
struct Pressure {
    status: String,
    #[sqlx(flatten)]
    limits: Throttle,
    write_millis: Option<f64>,
    journal_pending: Option<i64>,
    active_sessions: Option<i32>,
    replication_lag_bytes: Option<i64>,
}

/// Holds the workers of one process back.
#[derive(Debug)]
pub(super) struct Brake {
    store: Store,
    stop: CancellationToken,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Option<Instant>,
    pressure: Pressure,
    /// Before this no chunk may begin: the rate.
    free: Instant,
    throttled: bool,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    On,
    /// The job does not run.
    Not(JobStatus),
    /// Another worker has the shard.
    Fenced,
    /// This process is to stop.
    Stopped,
}

impl Brake {
    pub(super) fn new(store: &Store, stop: &CancellationToken) -> Self {
        let seen = Seen { at: None, pressure: Pressure::default(), free: Instant::now(), throttled: false };
        Self { store: store.clone(), stop: stop.clone(), seen: Mutex::new(seen) }
    }

    /// Waits until a chunk of so many rows may be written. Holds the lease meanwhile.
    pub(super) async fn hold(&self, lease: &mut Lease, rows: usize) -> Result<Go, StoreError> {
        loop {
            let pressure = self.look(&lease.job).await?;
            match JobStatus::parse(&pressure.status) {
                Some(JobStatus::Running) => {}
                status => return Ok(Go::Not(status.unwrap_or(JobStatus::Failed))),
            }
            let Some(why) = pressure.over() else {
                self.tell(&lease.job, None).await?;
                return self.pace(lease, rows, pressure.limits.max_rows_per_second).await;
            };
            self.tell(&lease.job, Some(&why)).await?;
            if lease.renew(&self.store).await?.is_none() {
                return Ok(Go::Fenced);
            }
            if self.stop.run_until_cancelled(sleep(LOOK.min(lease.breath()))).await.is_none() {
                return Ok(Go::Stopped);
            }
        }
    }

    /// How long to pause after a chunk that took so long.
    pub(super) fn pause_after(&self, took: Duration) -> Duration {
        let nice = self.seen.lock().unwrap_or_else(PoisonError::into_inner).pressure.limits.nice_ratio;
        Duration::try_from_secs_f64(took.as_secs_f64() * nice).unwrap_or_default().min(Duration::from_secs(60))
    }

    /// Waits for the turn of a chunk, by the rate.
    async fn pace(&self, lease: &mut Lease, rows: usize, rate: Option<f64>) -> Result<Go, StoreError> {
        let turn = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = seen.free.max(Instant::now());
            let time = rate.and_then(|rate| Duration::try_from_secs_f64(rows as f64 / rate).ok()).unwrap_or_default();
            seen.free = turn + time;
            turn
        };
        while turn > Instant::now() {
            if turn > Instant::now() + LOOK {
                self.tell(&lease.job, Some("max_rows_per_second")).await?;
            }
            let wait = sleep_until(turn.min(Instant::now() + LOOK.min(lease.breath())));
            if self.stop.run_until_cancelled(wait).await.is_none() {
                return Ok(Go::Stopped);
            }
            match lease.renew(&self.store).await? {
                Some(JobStatus::Running) => {}
                Some(status) => return Ok(Go::Not(status)),
                None => return Ok(Go::Fenced),
            }
        }
        Ok(Go::On)
    }

    async fn look(&self, job: &str) -> Result<Pressure, StoreError> {
        {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.at.is_some_and(|at| at.elapsed() < LOOK) && seen.pressure.over().is_none() {
                return Ok(seen.pressure.clone());
            }
        }
        let pressure: Pressure = query_as(sql::PRESSURE)
            .bind(job)
            .fetch_one(self.store.pool())
            .await
            .map_err(StoreError::of("looking at the load of the servers"))?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.at, seen.pressure) = (Some(Instant::now()), pressure.clone());
        Ok(pressure)
    }

    /// Says in the job why it waits, or that it does not.
    async fn tell(&self, job: &str, why: Option<&str>) -> Result<(), StoreError> {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if why.is_none() && !seen.throttled {
                return Ok(());
            }
            seen.throttled = why.is_some();
        }
        let told = query(sql::SET_THROTTLED).bind(job).bind(why).execute(self.store.pool()).await;
        told.map_err(StoreError::of("noting that the backfill waits"))?;
        Ok(())
    }
}

impl Pressure {
    /// The first limit that is passed, in words for the status.
    fn over(&self) -> Option<String> {
        let more = |what: &str, seen: Option<f64>, limit: Option<f64>| {
            let (seen, limit) = (seen?, limit?);
            (seen > limit).then(|| format!("{what}: {seen:.0}, more than {limit:.0}"))
        };
        let whole = |number: Option<i64>| number.map(|number| number as f64);
        let Throttle { max_write_millis, max_journal_pending, max_active_sessions, max_replication_lag_bytes, .. } =
            self.limits;
        more("live writes take milliseconds", self.write_millis, max_write_millis)
            .or_else(|| more("writes wait in the journals", whole(self.journal_pending), whole(max_journal_pending)))
            .or_else(|| {
                more("sessions are active", self.active_sessions.map(f64::from), max_active_sessions.map(f64::from))
            })
            .or_else(|| {
                more("a standby lags by bytes", whole(self.replication_lag_bytes), whole(max_replication_lag_bytes))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_passed_only_where_there_is_one_and_something_to_hold_against_it() {
        let none = Throttle { max_journal_pending: None, ..Throttle::default() };
        let free = Pressure {
            limits: none,
            write_millis: Some(1e9),
            journal_pending: Some(1 << 40),
            active_sessions: Some(1_000),
            replication_lag_bytes: Some(1 << 40),
            ..Pressure::default()
        };
        assert_eq!(free.over(), None);
        let writes = Pressure { limits: Throttle { max_write_millis: Some(20.0), ..none }, ..free.clone() };
        assert_eq!(writes.over().as_deref(), Some("live writes take milliseconds: 1000000000, more than 20"));
        assert_eq!(Pressure { write_millis: None, ..writes.clone() }.over(), None, "there were no writes");
        assert_eq!(Pressure { write_millis: Some(20.0), ..writes }.over(), None);
        for (limited, word) in [
            (Pressure { limits: Throttle { max_journal_pending: Some(10), ..none }, ..free.clone() }, "journals"),
            (Pressure { limits: Throttle { max_active_sessions: Some(8), ..none }, ..free.clone() }, "sessions"),
            (Pressure { limits: Throttle { max_replication_lag_bytes: Some(8), ..none }, ..free.clone() }, "standby"),
        ] {
            assert!(limited.over().is_some_and(|why| why.contains(word)), "{word}");
        }
    }
}
