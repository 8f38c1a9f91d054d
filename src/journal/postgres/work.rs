//! Out of the journal: claims and their ends.

use std::{collections::BTreeMap, time::Duration};

use sqlx::AssertSqlSafe;
use tokio::{sync::Mutex, time::Instant};

use super::{
    super::{Claim, Duty, End, JournalError, JournalErrorKind, Settled},
    PostgresJournal,
    connect::{WORK_DEADLINE, within},
    error::Failure,
    row::{Found, reason},
    sql,
};

const CLAIMING: &str = "claiming entries";
const SETTLING: &str = "settling entries";

/// One claim of a duty at a time: the next one has to know what this one takes.
#[derive(Default)]
pub(super) struct Turns([Mutex<()>; 3]);

/// The columns of ends.
#[derive(Default)]
struct Ends {
    seqs: Vec<i64>,
    how: Vec<&'static str>,
    follow: Vec<i16>,
    redo: Vec<bool>,
    after: Vec<f64>,
    why: Vec<Option<String>>,
    counts: Vec<bool>,
}

impl Turns {
    fn of(&self, duty: Duty) -> &Mutex<()> {
        match duty {
            Duty::Meili => &self.0[0],
            Duty::Pg => &self.0[1],
            Duty::Reconcile => &self.0[2],
        }
    }
}

impl PostgresJournal {
    pub(super) async fn claim_some(&self, duty: Duty, limit: usize) -> Result<Claim, JournalError> {
        let renewed = self.renew().await.map_err(Failure::told)?;
        let _turn = self.turns.of(duty).lock().await;
        let pool = &self.shared.pools.work;
        // Before the search: what ends in the meantime may still be found as it was.
        let busy = self.claims.busy(duty);
        let search = sqlx::query_as(AssertSqlSafe(sql::of_duty(duty).claim.clone()))
            .bind(self.shared.process)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(busy.lanes)
            .bind(self.claims.closed(duty))
            .fetch_all(pool);
        let found: Vec<Found> = within(WORK_DEADLINE, CLAIMING, search).await.map_err(Failure::told)?;
        let mut next = None;
        if found.len() < limit {
            let search = sqlx::query_scalar(AssertSqlSafe(sql::of_duty(duty).next.clone())).bind(self.shared.process);
            let search = search.fetch_one(pool);
            let micros: Option<i64> = within(WORK_DEADLINE, CLAIMING, search).await.map_err(Failure::told)?;
            next = micros.map(|micros| Duration::from_micros(micros.max(0).unsigned_abs()));
        }
        if Instant::now().duration_since(renewed) > self.shared.options.lease * 3 / 4 {
            // Too late to begin anything. The next call renews first.
            return Ok(Claim { entries: Vec::new(), next: Some(Duration::ZERO) });
        }
        let found_in_all = found.len();
        // No await from here on: what is claimed must be given out.
        let taken = self.claims.take(duty, found);
        if taken.len() < found_in_all {
            next = Some(Duration::ZERO);
        }
        let entries: Result<Vec<_>, JournalError> = taken.into_iter().map(Found::into_entry).collect();
        Ok(Claim { entries: entries?, next })
    }

    pub(super) async fn settle_all(&self, duty: Duty, ends: &[Settled]) -> Result<(), JournalError> {
        let (mut columns, mut fence) = (Ends::default(), BTreeMap::new());
        for Settled { seq, end } in ends {
            // What is not claimed has been settled already.
            let Some(claimed) = self.claims.of(duty, seq.0) else { continue };
            fence.insert((claimed.shard, claimed.epoch), ());
            columns.push(seq.0, end);
        }
        if columns.seqs.is_empty() {
            return Ok(());
        }
        let (shards, epochs): (Vec<i16>, Vec<i64>) = fence.into_keys().unzip();
        let (claims, seqs) = (shards.len(), columns.seqs.clone());
        let statement = sqlx::query_scalar(AssertSqlSafe(sql::of_duty(duty).settle.clone()))
            .bind(self.shared.process)
            .bind(shards)
            .bind(epochs)
            .bind(columns.seqs)
            .bind(columns.how)
            .bind(columns.follow)
            .bind(columns.redo)
            .bind(columns.after)
            .bind(columns.why)
            .bind(columns.counts)
            .bind(self.claims.busy(duty).seqs)
            .fetch_one(&self.shared.pools.work);
        let held: i64 = within(WORK_DEADLINE, SETTLING, statement).await.map_err(Failure::told)?;
        self.claims.end(duty, seqs);
        if usize::try_from(held).unwrap_or_default() < claims {
            return Err(JournalError::new(JournalErrorKind::Fenced, SETTLING));
        }
        Ok(())
    }
}

impl Ends {
    fn push(&mut self, seq: i64, end: &End) {
        let (mut follow, mut redo, mut after, mut why, mut counts) = (0, false, Duration::ZERO, None, false);
        let how = match end {
            End::Done { supersedes: true } => "supersedes",
            End::Done { supersedes: false } => "done",
            End::Then { duties, redo: again } => {
                (follow, redo) = (duties.bits(), *again);
                "then"
            }
            End::Retry { after: wait, why: what, counts: count } => {
                (after, why, counts) = (*wait, what.as_deref().map(reason), *count);
                "retry"
            }
            End::Dead { why: what, then } => {
                (follow, why) = (then.bits(), Some(reason(what)));
                "dead"
            }
        };
        self.seqs.push(seq);
        self.how.push(how);
        self.follow.push(follow.into());
        self.redo.push(redo);
        self.after.push(after.as_secs_f64());
        self.why.push(why);
        self.counts.push(counts);
    }
}
