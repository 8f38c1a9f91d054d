//! One side's consumer: takes the lease, reads, applies, moves the cursor.

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Intake, OutboxError, OutboxStart, SideReport, backoff,
    batch::Batch,
    gaps::{Gaps, Transaction, Waiting},
    lease::{Lease, Unmoved},
    resolve::resolve,
    row::{self, Letter, Row},
};
use crate::{
    backend::write::Writer,
    error::{BackendError, Side},
    plan::WriteMode,
    telemetry,
};

/// Reads the outbox for one side, or stands by.
pub(super) struct Consumer {
    pub(super) side: Side,
    pub(super) intake: Arc<Intake>,
    pub(super) writer: Writer,
    /// A call that writes was given up, or nobody knows how it ended: it may still be carried out.
    pub(super) in_doubt: bool,
    /// A batch is under way.
    busy: bool,
    /// Failures in a row.
    pub(super) failures: u32,
    /// How many rows are read at once, now.
    pub(super) limit: u32,
    pub(super) report: SideReport,
    stop: CancellationToken,
    woken: Arc<Notify>,
    lease: Option<Lease>,
    gaps: Gaps,
    /// What is waited for before the cursor can be set for the first time.
    starting: Option<Waiting>,
    next_redrive: Instant,
}

/// What comes next.
enum Next {
    AtOnce,
    /// After this time, or when something is notified.
    Later(Duration),
}

/// Why a step was not done. Nothing has moved, and it will be done again.
pub(super) enum Trouble {
    /// Another process has taken over.
    Fenced,
    /// The side failed.
    Side(BackendError),
    /// A task of Meilisearch ended so that it has to be sent again: a kind, and why.
    Task(&'static str, String),
    /// The outbox or the control tables failed.
    Outbox(OutboxError),
    /// The plan no longer wants the side written.
    Unwanted,
}

impl From<OutboxError> for Trouble {
    fn from(error: OutboxError) -> Self {
        Self::Outbox(error)
    }
}

impl From<Unmoved> for Trouble {
    fn from(unmoved: Unmoved) -> Self {
        match unmoved {
            Unmoved::Fenced => Self::Fenced,
            Unmoved::Failed(error) => Self::Outbox(error),
        }
    }
}

impl Consumer {
    pub(super) fn new(side: Side, intake: Arc<Intake>, woken: Arc<Notify>, stop: CancellationToken) -> Self {
        Self {
            side,
            writer: Writer(rand::random()),
            in_doubt: false,
            busy: false,
            failures: 0,
            limit: intake.tables.options.pace.batch,
            report: SideReport::default(),
            stop,
            woken,
            lease: None,
            gaps: Gaps::default(),
            starting: None,
            next_redrive: Instant::now(),
            intake,
        }
    }

    /// Reads until it is to stop; then the batch under way may still be finished.
    pub(super) async fn run(mut self) -> SideReport {
        let (stop, drain) = (self.stop.clone(), self.intake.tables.options.pace.drain);
        let over = async {
            stop.cancelled().await;
            sleep(drain).await;
        };
        select! {
            biased;
            () = self.serve() => {}
            () = over => self.report.abandoned = self.busy,
        }
        if self.report.abandoned {
            tracing::warn!(side = %self.side, "a batch of the outbox was abandoned; it will be done again");
        }
        self.let_go().await;
        self.report
    }

    async fn serve(&mut self) {
        while !self.stop.is_cancelled() {
            if !self.is_wanted() {
                self.let_go().await;
                self.rest(self.intake.tables.options.pace.poll.min(Duration::from_millis(250))).await;
                continue;
            }
            let step = self.step().await;
            self.busy = false;
            match step {
                Ok(next) => {
                    self.recovered();
                    if let Next::Later(wait) = next {
                        self.rest(wait).await;
                    }
                }
                Err(trouble) => self.troubled(trouble).await,
            }
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        match self.intake.plan.load().flags.write_mode {
            WriteMode::Dual => true,
            WriteMode::MeiliOnly => self.side == Side::Meili,
            WriteMode::PgOnly => self.side == Side::Pg,
        }
    }

    async fn step(&mut self) -> Result<Next, Trouble> {
        let pace = self.intake.tables.options.pace;
        if self.lease.is_none() {
            match Lease::take(&self.intake.tables, self.side, &self.intake.owner).await? {
                Ok(lease) => self.took_over(lease).await?,
                Err(left) => {
                    telemetry::outbox_active(self.side, false);
                    return Ok(Next::Later(left.min(pace.poll).max(Duration::from_millis(10))));
                }
            }
        }
        self.hold().await?;
        let Some(cursor) = self.cursor() else { return self.begin().await };
        if Instant::now() >= self.next_redrive {
            self.next_redrive = Instant::now() + pace.poll;
            self.redrive(cursor).await?;
        }
        let rows = self.next_rows(cursor).await?;
        let Some(last) = rows.last().map(|row| row.seq) else {
            return Ok(Next::Later(if self.gaps.is_waiting() { pace.recheck } else { pace.poll }));
        };
        let (intake, taken) = (self.intake.clone(), rows.len() as u64);
        let dead = self.bring(rows).await?;
        self.lease()?.advance(&intake.tables, last, &dead).await?;
        self.buried(&dead);
        self.report.rows += taken;
        self.report.cursor = Some(last);
        self.limit = self.limit.saturating_mul(2).min(pace.batch);
        Ok(Next::AtOnce)
    }

    async fn took_over(&mut self, lease: Lease) -> Result<(), Trouble> {
        self.report.cursor = lease.cursor;
        (self.gaps, self.starting) = (Gaps::default(), None);
        if let Err(error) = self.intake.tables.sequence().await {
            lease.release(&self.intake.tables).await?;
            return Err(error.into());
        }
        self.lease = Some(lease);
        self.writer = Writer(rand::random());
        telemetry::outbox_active(self.side, true);
        tracing::info!(side = %self.side, cursor = ?self.report.cursor, "reading the outbox");
        Ok(())
    }

    /// Sets the cursor for the first time.
    async fn begin(&mut self) -> Result<Next, Trouble> {
        let tables = &self.intake.clone().tables;
        let start = match self.side {
            Side::Meili => tables.options.meili_start,
            Side::Pg => tables.options.pg_start,
        };
        let seq = match start {
            OutboxStart::Oldest => tables.sequence().await?.first.saturating_sub(1),
            OutboxStart::After(seq) => seq,
            OutboxStart::Watermark => {
                let waiting = match &mut self.starting {
                    Some(waiting) => {
                        let holders = tables.holders(tables.sequence().await?).await?;
                        waiting.look(&transactions(holders));
                        waiting
                    }
                    none => {
                        let highest = tables.highest().await?;
                        let holders = tables.holders(tables.sequence().await?).await?;
                        none.insert(Waiting::new(highest, transactions(holders)))
                    }
                };
                let Some(seq) = waiting.over() else { return Ok(Next::Later(tables.options.pace.recheck)) };
                seq
            }
        };
        self.lease()?.start(tables, seq).await?;
        self.report.cursor = Some(seq);
        tracing::info!(side = %self.side, seq, "began to read the outbox");
        Ok(Next::AtOnce)
    }

    /// The next rows that may be taken.
    async fn next_rows(&mut self, cursor: i64) -> Result<Vec<Row>, Trouble> {
        let tables = &self.intake.clone().tables;
        if self.gaps.is_waiting() {
            // Before the rows are read: who is gone from here has its rows there.
            let holders = tables.holders(tables.sequence().await?).await?;
            self.gaps.look(&transactions(holders));
        }
        let mut rows = tables.rows(cursor, self.limit).await?;
        let mut passable = self.passable(cursor, &rows);
        if let Some(last) = rows.last().filter(|_| passable == 0 && !self.gaps.is_waiting()) {
            // After the rows were read: what is missing before them is with one of these, or never comes.
            let holders = tables.holders(tables.sequence().await?).await?;
            self.gaps.seen(last.seq, transactions(holders));
            if !self.gaps.is_waiting() {
                rows = tables.rows(cursor, self.limit).await?;
                passable = self.passable(cursor, &rows);
            }
        }
        rows.truncate(passable);
        Ok(rows)
    }

    fn passable(&self, cursor: i64, rows: &[Row]) -> usize {
        self.gaps.passable(cursor, rows.iter().map(|row| row.seq))
    }

    /// Brings rows to stand. Returns those that cannot.
    pub(super) async fn bring(&mut self, rows: Vec<Row>) -> Result<Vec<Letter>, Trouble> {
        self.busy = true;
        let tables = &self.intake.clone().tables;
        let (mut changes, mut dead) = row::sort(rows, &tables.options);
        dead.extend(resolve(tables, &mut changes).await?);
        dead.extend(self.apply(&Batch::new(self.side, changes)).await?);
        // In the order in which they will be listed.
        dead.sort_by_key(|letter| letter.seq);
        Ok(dead)
    }

    /// Counts rows that have become dead letters.
    pub(super) fn buried(&mut self, dead: &[Letter]) {
        for letter in dead {
            telemetry::outbox_dead(letter.reason.as_str());
            tracing::warn!(side = %self.side, seq = letter.seq, reason = letter.reason.as_str(), "a row of the outbox is dead");
        }
        self.report.dead += dead.len() as u64;
    }

    /// Keeps the lease, and says by when a call has to be over.
    pub(super) async fn hold(&mut self) -> Result<Instant, Trouble> {
        let intake = self.intake.clone();
        let lease = self.lease()?;
        if lease.is_due() {
            lease.renew(&intake.tables).await?;
        }
        Ok(lease.deadline())
    }

    pub(super) fn lease(&mut self) -> Result<&mut Lease, Trouble> {
        self.lease.as_mut().ok_or(Trouble::Fenced)
    }

    fn cursor(&self) -> Option<i64> {
        self.lease.as_ref()?.cursor
    }

    /// So that the lease does not run out while nothing works.
    pub(super) fn longest_pause(&self) -> Duration {
        (self.intake.tables.options.pace.lease / 4).min(Duration::from_secs(10))
    }

    async fn rest(&self, wait: Duration) {
        select! {
            () = self.stop.cancelled() => {}
            () = self.woken.notified() => {}
            () = sleep(wait) => {}
        }
    }

    fn recovered(&mut self) {
        if self.failures > 0 {
            tracing::info!(side = %self.side, failures = self.failures, "the outbox is applied again");
            self.failures = 0;
            self.intake.tables.note(self.side, None);
        }
    }

    async fn troubled(&mut self, trouble: Trouble) {
        let (kind, why) = match trouble {
            Trouble::Fenced => {
                tracing::warn!(side = %self.side, "another process has taken over the outbox; standing by");
                self.lease = None;
                telemetry::outbox_active(self.side, false);
                return;
            }
            Trouble::Unwanted => return,
            Trouble::Side(error) => (error.kind().as_str(), error.to_string()),
            Trouble::Task(kind, why) => (kind, why),
            Trouble::Outbox(error) => ("outbox", error.to_string()),
        };
        telemetry::dual_write_failed(self.side, kind);
        telemetry::dual_write_retried(self.side, 1);
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_power_of_two() {
            tracing::warn!(side = %self.side, failures = self.failures, %why, "the outbox cannot be applied; trying again");
        }
        self.intake.tables.note(self.side, Some(why));
        let pause = backoff::pause(self.failures, self.longest_pause());
        select! {
            () = self.stop.cancelled() => {}
            () = sleep(pause) => {}
        }
    }

    /// Gives the lease up; at once for others only if nothing of this owner can still be carried out.
    async fn let_go(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        telemetry::outbox_active(self.side, false);
        if self.in_doubt && self.side == Side::Meili {
            return;
        }
        if let Err(error) = lease.release(&self.intake.tables).await {
            tracing::warn!(side = %self.side, %error, "the lease of the outbox was not given up; it will run out");
        }
    }
}

fn transactions(holders: Vec<(Transaction, super::Holder)>) -> Vec<Transaction> {
    holders.into_iter().map(|(transaction, _)| transaction).collect()
}
