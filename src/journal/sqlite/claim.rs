//! Which entries are given out.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{
    super::{Duties, Duty},
    error::Sql,
    row::{RawEntry, SWEEP, UNKNOWN},
    sql,
    writer::Writer,
};

/// Waiting sweeps that one claim looks at: each costs a statement.
const SWEEPS_LOOKED_AT: usize = 16;

#[derive(Default)]
pub(super) struct RawClaim {
    pub(super) entries: Vec<RawEntry>,
    pub(super) next: Option<Duration>,
}

/// What became of an entry that was looked at.
enum Verdict {
    Taken,
    Left,
    /// It is a sweep, and the claim ends before or after it.
    End,
}

impl Writer {
    pub(super) async fn claim(&mut self, duty: Duty, limit: usize) -> Sql<RawClaim> {
        if !self.standing.has(duty) {
            return Ok(RawClaim::default());
        }
        let now = Instant::now();
        let mut claim = RawClaim::default();
        let found = self.find(duty, limit, now, &mut claim).await;
        // What has been taken out of the sets goes into one of them, however it went.
        let (opened, before) = (self.opened, self.before);
        let queue = self.book.queue(duty);
        for entry in &mut claim.entries {
            entry.given_out(queue.attempts(entry.seq), opened, before, now);
            queue.claim(entry.seq, entry.lane);
        }
        if let Err(error) = found {
            claim.entries.iter().for_each(|entry| queue.give_back(entry.seq));
            return Err(error);
        }
        claim.next = claim.next.or_else(|| queue.next_due(now));
        Ok(claim)
    }

    async fn find(&mut self, duty: Duty, limit: usize, now: Instant, claim: &mut RawClaim) -> Sql<()> {
        loop {
            let from = claim.entries.len();
            self.look(duty, limit, now, claim).await?;
            let again = duty == Duty::Reconcile && self.together(from, limit, now, claim).await?;
            // There may be others behind those that wait.
            if !again || claim.entries.len() >= limit || claim.next.is_some() {
                return Ok(());
            }
        }
    }

    async fn look(&mut self, duty: Duty, limit: usize, now: Instant, claim: &mut RawClaim) -> Sql<()> {
        self.book.queue(duty).wake(now);
        if duty == Duty::Pg && self.book.sweeps_stale {
            let sweeps = sql::first_sweeps(&mut self.conn).await?;
            self.book.set_first_sweeps(sweeps);
        }
        let waiting: Vec<_> =
            self.book.queue(duty).sweeps.iter().take(SWEEPS_LOOKED_AT).map(|(seq, by)| (*seq, *by)).collect();
        for (seq, by) in waiting {
            if !sql::still_blocks(&mut self.conn, duty, by).await? {
                let queue = self.book.queue(duty);
                queue.sweeps.remove(&seq);
                queue.ready.insert(seq);
            }
        }
        // First what is known, all of which is older; then what is not.
        loop {
            let room = limit.saturating_sub(claim.entries.len());
            let chunk = self.book.queue(duty).next_ready(room);
            if chunk.is_empty() {
                break;
            }
            let mut rows: VecDeque<RawEntry> = sql::read(&mut self.conn, &chunk).await?.into();
            for seq in chunk {
                let row = rows.pop_front_if(|row| row.seq == seq).filter(|row| owed(row, duty));
                let queue = self.book.queue(duty);
                queue.ready.remove(&seq);
                let Some(row) = row else {
                    queue.forget(seq);
                    continue;
                };
                if let Verdict::End = self.judge(duty, row, claim).await? {
                    return Ok(());
                }
            }
        }
        while claim.entries.len() < limit && !self.book.queue(duty).is_full() {
            let after = self.book.queue(duty).scanned();
            let rows = sql::scan(&mut self.conn, duty, after, limit - claim.entries.len()).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let due = self.due(row.seq, row.outcome, row.duties, row.due);
                let queue = self.book.queue(duty);
                if !queue.reach(row.seq) {
                    continue;
                }
                if due.is_some_and(|due| due > now) {
                    due.into_iter().for_each(|due| queue.wait(row.seq, due));
                    continue;
                }
                if let Verdict::End = self.judge(duty, row, claim).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes an entry that is due, or puts it where it has to wait.
    async fn judge(&mut self, duty: Duty, row: RawEntry, claim: &mut RawClaim) -> Sql<Verdict> {
        if row.flags & SWEEP != 0 {
            // Should this fail, it is looked at again.
            self.book.queue(duty).ready.insert(row.seq);
            let blocker = sql::blocker(&mut self.conn, duty, row.seq, row.idx).await?;
            self.book.queue(duty).ready.remove(&row.seq);
            if let Some(by) = blocker {
                self.book.queue(duty).sweeps.insert(row.seq, by);
                return Ok(Verdict::Left);
            }
            if claim.entries.is_empty() {
                claim.entries.push(row);
            } else {
                // Alone: the next call begins with it.
                self.book.queue(duty).ready.insert(row.seq);
                claim.next = Some(Duration::ZERO);
            }
            return Ok(Verdict::End);
        }
        let swept = self.book.first_sweeps.get(&row.idx);
        if duty == Duty::Pg && swept.is_some_and(|sweep| *sweep < row.seq) {
            self.book.queue(duty).park_behind(row.seq, row.idx);
            return Ok(Verdict::Left);
        }
        if self.book.queue(duty).park_if_busy(row.seq, row.lane) {
            return Ok(Verdict::Left);
        }
        claim.entries.push(row);
        Ok(Verdict::Taken)
    }

    /// When an unknown outcome has waited long enough, or what another process was sending, if it has to wait.
    pub(super) fn due(&self, seq: i64, outcome: i64, duties: Duties, due: i64) -> Option<Instant> {
        let since_opening = if seq > self.before { super::row::millis(due) } else { self.limbo };
        let left_behind = seq <= self.before && duties == Duties::RECONCILE;
        (outcome == UNKNOWN || left_behind).then(|| self.opened + since_opening)
    }
}

fn owed(row: &RawEntry, duty: Duty) -> bool {
    match duty {
        Duty::Reconcile => row.duties == Duties::RECONCILE,
        _ => row.duties.has(duty),
    }
}
