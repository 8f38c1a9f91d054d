//! The writing end of the shadow log.

use std::{sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio::{
    select,
    sync::mpsc,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    ShadowLogOptions,
    backoff::Backoff,
    losses::{Losses, Reason},
    row::Row,
    sql::{self, LossFlush, NumberedRow},
};
use crate::{shadow::ShadowRecord, telemetry};

/// Writes what a [`ShadowLog`](super::ShadowLog) takes. Somebody has to [`run`](Self::run) it.
#[derive(Debug)]
pub struct ShadowLogWriter {
    pool: PgPool,
    options: ShadowLogOptions,
    queue: mpsc::Receiver<ShadowRecord>,
    /// Taken out of the queue, not yet rows.
    records: Vec<ShadowRecord>,
    /// Rows without ids.
    fresh: Vec<Row>,
    /// The batch being written: one chunk, or several while a row that the database refuses is being searched for.
    chunks: Vec<Vec<NumberedRow>>,
    losses: Arc<Losses>,
    /// Losses on their way into the table.
    flush: LossFlush,
    next_flush: Instant,
    next_purge: Instant,
    summary: ShadowLogSummary,
}

/// What a writer did in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShadowLogSummary {
    /// Rows written.
    pub stored: u64,
    /// Records taken from the queue that could not be written: refused by the database, or left at the end.
    pub lost: u64,
    /// Of those, the ones that were left when the time to drain was over.
    pub left: u64,
    /// Rows deleted because of their age.
    pub deleted: u64,
}

/// How long one attempt at a statement may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How often the queue is looked into while a batch fills.
const FETCH_EVERY: Duration = Duration::from_millis(5);
/// How often losses are written, at most.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// How often old rows are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// What the last flush of losses may take when the time to drain is over.
const LAST_FLUSH: Duration = Duration::from_secs(1);

impl ShadowLogWriter {
    pub(super) fn new(
        pool: PgPool,
        options: ShadowLogOptions,
        queue: mpsc::Receiver<ShadowRecord>,
        losses: Arc<Losses>,
    ) -> Self {
        Self {
            pool,
            options,
            queue,
            records: Vec::new(),
            fresh: Vec::new(),
            chunks: Vec::new(),
            losses,
            flush: LossFlush::new(),
            next_flush: Instant::now(),
            next_purge: Instant::now(),
            summary: ShadowLogSummary::default(),
        }
    }

    /// Writes until `stop`, or until the last [`ShadowLog`](super::ShadowLog) is gone; then takes no more records and
    /// writes what is left, within [`ShadowLogOptions::drain`].
    pub async fn run(mut self, stop: CancellationToken) -> ShadowLogSummary {
        select! {
            biased;
            () = stop.cancelled() => {}
            () = self.write_until_closed() => {}
        }
        // Whatever was cut off above is still in `self`, and is taken up again here.
        self.queue.close();
        let drained = timeout(self.options.drain, self.drain()).await.is_ok();
        self.give_up_the_rest();
        if timeout(LAST_FLUSH, self.flush_losses()).await.is_err() || !drained {
            tracing::warn!(left = self.summary.left, "the shadow log stopped before everything was written");
        }
        self.summary
    }

    async fn write_until_closed(&mut self) {
        loop {
            let open = self.next_batch().await;
            telemetry::shadow_log_queued(self.queue.len());
            self.write().await;
            if !open {
                return;
            }
            self.housekeeping().await;
        }
    }

    /// Waits until a batch is full or its time is over; false when no more can come. Cancelling it loses nothing.
    ///
    /// Only for the first record it waits at the queue. While it does, the next `record()` has to wake this task, which
    /// costs its caller microseconds in place of nanoseconds; the rest of the batch is fetched at intervals instead.
    async fn next_batch(&mut self) -> bool {
        let size = self.options.batch.max(1);
        let deadline = Instant::now() + self.options.interval;
        let mut open = true;
        while open && self.records.len() < size {
            let room = size - self.records.len();
            match timeout_at(deadline, self.queue.recv_many(&mut self.records, room)).await {
                Ok(taken) => open = taken > 0,
                Err(_) => break,
            }
            while open && self.queue.is_empty() && !self.queue.is_closed() && Instant::now() < deadline {
                sleep(FETCH_EVERY).await;
            }
        }
        self.make_rows();
        open
    }

    fn make_rows(&mut self) {
        let ShadowLogOptions { redaction, requests, .. } = &self.options;
        self.fresh.extend(self.records.drain(..).map(|record| {
            let row = Row::new(record, redaction, *requests);
            if let Some(absent) = row.request_absent {
                telemetry::shadow_log_request_absent(absent.as_str());
            }
            row
        }));
    }

    /// Writes the batch, however long the database is away.
    async fn write(&mut self) {
        let mut backoff = Backoff::new();
        let mut failures = 0_u64;
        while let Err(error) = attempt(self.write_once()).await {
            telemetry::shadow_log_retried();
            if failures == 0 {
                tracing::warn!(%error, "the shadow log cannot be written; trying again until it can");
            }
            failures += 1;
            sleep(backoff.pause()).await;
        }
        if failures > 0 {
            tracing::info!(failures, "the shadow log is written again");
        }
    }

    async fn write_once(&mut self) -> Result<(), sqlx::Error> {
        if !self.fresh.is_empty() {
            let ids = sql::reserve_ids(&self.pool, self.fresh.len()).await?;
            self.chunks.push(ids.into_iter().zip(self.fresh.drain(..)).collect());
        }
        while let Some(chunk) = self.chunks.last() {
            let done = sql::insert(&self.pool, chunk).await;
            if let Err(error) = &done
                && !sql::blames_a_row(error)
            {
                return done;
            }
            // Only now, so that a chunk whose statement was cancelled is still there to be sent again.
            let chunk = self.chunks.pop().unwrap_or_default();
            match done {
                Ok(()) => self.stored(&chunk),
                Err(error) => self.halve(chunk, &error),
            }
        }
        Ok(())
    }

    fn stored(&mut self, chunk: &[NumberedRow]) {
        self.summary.stored += chunk.len() as u64;
        telemetry::shadow_log_stored(chunk.len() as u64);
    }

    /// Narrows down which row of a refused chunk it is; the others are written.
    fn halve(&mut self, mut chunk: Vec<NumberedRow>, refusal: &sqlx::Error) {
        match chunk.as_slice() {
            [(_, row)] => {
                tracing::warn!(error = %refusal, "the database refused a row of the shadow log");
                self.summary.lost += 1;
                self.losses.count(row.at, &row.endpoint, row.outcome, Reason::Refused);
            }
            _ => {
                let other = chunk.split_off(chunk.len() / 2);
                self.chunks.extend([other, chunk]);
            }
        }
    }

    /// Losses into their table, old rows out. What fails here is done next time.
    async fn housekeeping(&mut self) {
        let now = Instant::now();
        if now >= self.next_flush {
            self.next_flush = now + FLUSH_EVERY;
            self.flush_losses().await;
        }
        if now >= self.next_purge {
            // Twice a batch, so that deleting keeps up with writing at any rate without holding it up for long.
            let most = self.options.batch.max(1).saturating_mul(2);
            let deleted = attempt(sql::delete_old(&self.pool, self.options.retention, most)).await;
            let deleted = deleted.unwrap_or_else(|error| {
                telemetry::shadow_log_retried();
                tracing::warn!(%error, "old rows of the shadow log cannot be deleted");
                0
            });
            self.summary.deleted += deleted;
            telemetry::shadow_log_deleted(deleted);
            if deleted < most as u64 {
                self.next_purge = now + PURGE_EVERY;
            }
        }
    }

    async fn flush_losses(&mut self) {
        if let Err(error) = attempt(self.flush.send(&self.pool, &self.losses)).await {
            telemetry::shadow_log_retried();
            tracing::warn!(%error, "losses of the shadow log cannot be written yet");
        }
    }

    /// Writes all that is in hand and in the queue, which is closed.
    async fn drain(&mut self) {
        loop {
            self.make_rows();
            self.write().await;
            if self.queue.recv_many(&mut self.records, self.options.batch.max(1)).await == 0 {
                return;
            }
        }
    }

    fn give_up_the_rest(&mut self) {
        while let Ok(record) = self.queue.try_recv() {
            self.records.push(record);
        }
        self.make_rows();
        let left = self.chunks.drain(..).flatten().map(|(_, row)| row).chain(self.fresh.drain(..));
        for row in left {
            self.summary.lost += 1;
            self.summary.left += 1;
            self.losses.count(row.at, &row.endpoint, row.outcome, Reason::Shutdown);
        }
    }
}

/// One attempt, with a deadline.
async fn attempt<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(ATTEMPT, statement).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
