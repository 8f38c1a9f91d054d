//! The outbox intake: feeds both sides from an outbox table of the service, instead of from its requests.
//!
//! The outbox is the durable record, so there is no journal. Each side has a consumer and a cursor of its own, in the control
//! tables; one that fails does not hold up the other. The cursor moves when a batch stands (a task of Meilisearch has succeeded, a
//! transaction of PostgreSQL was committed), never before: whatever is killed at any moment is done again, and
//! comes to the same. A row that cannot be applied becomes a [dead letter](OutboxDeadLetter), and the cursor goes on.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use crossfade::{backend::write::{SourceWriter, TargetWriter}, error::Side, plan::PlanHandle};
//! use crossfade::outbox::{OutboxIntake, OutboxOptions};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example(url: &str, plan: PlanHandle, meili: Arc<dyn SourceWriter>, pg: Arc<dyn TargetWriter>)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let intake = OutboxIntake::new(OutboxOptions::new(url)?.index("posts", "id"), plan, meili, pg)?;
//! let monitor = intake.monitor();
//! let stop = CancellationToken::new();
//! let running = tokio::spawn(intake.run(stop.clone()));
//! println!("{:?}", monitor.backlog(Side::Pg).await?);
//! stop.cancel();
//! println!("{:?}", running.await??);
//! # Ok(()) }
//! ```
//!
//! # What the plan says
//!
//! In `meili_only` only Meilisearch is fed, in `dual` both, in `pg_only` only PostgreSQL. The plan is looked at between
//! batches; a side that is wanted again goes on at its cursor. PostgreSQL, which has never been fed before, begins
//! after the [high watermark](OutboxMonitor::high_watermark) of the moment `dual` begins. A backfill brings what was before: it may
//! begin when [`OutboxBacklog::started`] is there. Rows must stay in the outbox until both cursors have passed them.
//!
//! # Rows
//!
//! A row names a document by its key columns, and says by its op that it was added, replaced or deleted. The document stands in
//! the row, or is [looked up](OutboxLookup) when the row is applied; a document that is not found then is deleted. Of several
//! rows of a document in one batch only the last counts. The version of a document in PostgreSQL is the number of its row.
//! An index that is fed from an outbox is not to be written by other ways as well.
//!
//! # Numbers that come late
//!
//! A row may be committed after rows with higher numbers. The cursor does not pass a missing number before every
//! transaction that may hold it has ended; what was rolled back is then passed. So one that stays open holds the cursor back, if it has
//! drawn a number: [`OutboxBacklog::held_by`] names it. What this asks of the outbox, and [`OutboxMonitor::check`] finds out:
//! the numbers come from a sequence without `CACHE`, with steps of 1; and what it cannot find out: the transaction that draws
//! a number inserts the row. (Numbers that were drawn in an earlier transaction may be skipped.)
//!
//! # Several processes
//!
//! Every replica may run an intake; for each side one of them reads, by a lease on PostgreSQL's clock, and the others
//! stand by. The owner has an epoch, and moves the cursor only under it. A call to a side ends before the lease does, with a
//! quarter of it to spare, and the next owner waits for its end: Meilisearch cannot tell an old owner from a new one.
//! PostgreSQL can, by the version.
//!
//! # Notifications
//!
//! A poll finds rows within a second. [`OutboxIntake::trigger_sql`] is a trigger that makes it milliseconds.

mod apply;
mod backoff;
mod batch;
mod consumer;
mod error;
mod gaps;
mod lease;
mod listen;
mod monitor;
mod names;
mod options;
mod redrive;
mod resolve;
mod row;
mod sql;
mod tables;

use std::{future, sync::Arc};

use tokio::{
    join, select,
    sync::Notify,
    time::{Duration, sleep},
};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "meili")]
pub(crate) use backoff::pause;
use consumer::Consumer;
pub use error::OutboxError;
pub use monitor::{OutboxBacklog, OutboxDeadLetter, OutboxLetters, OutboxMonitor};
// The backfill makes ids and documents as the intake does: both write the same index.
#[cfg(feature = "meili")]
pub(crate) use names::{escaped_id, is_valid_id, quoted};
pub use options::{
    MakeId, OutboxColumns, OutboxContent, OutboxIds, OutboxLookup, OutboxOptions, OutboxPace, OutboxStart,
};
#[cfg(feature = "meili")]
pub(crate) use row::with_id;
pub use tables::Holder;
use tables::Tables;

use crate::{
    backend::write::{SourceWriter, TargetWriter},
    error::Side,
    opaque::opaque_debug,
    plan::PlanHandle,
    telemetry,
};

/// See the [module](self). Somebody has to [`run`](Self::run) it.
pub struct OutboxIntake {
    intake: Arc<Intake>,
}

/// What the two consumers share.
struct Intake {
    tables: Arc<Tables>,
    plan: PlanHandle,
    source: Arc<dyn SourceWriter>,
    target: Arc<dyn TargetWriter>,
    /// A name for people.
    owner: String,
}

/// What an intake did in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxReport {
    /// For Meilisearch.
    pub meili: SideReport,
    /// For PostgreSQL.
    pub pg: SideReport,
}

/// What it did for one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideReport {
    /// Rows that the cursor passed.
    pub rows: u64,
    /// Documents brought to stand; of several rows of a document in one batch only the last is one.
    pub documents: u64,
    /// Of those, the ones of which PostgreSQL had a newer version.
    pub stale: u64,
    /// Rows that became dead letters.
    pub dead: u64,
    /// Dead letters that are dead no longer.
    pub redriven: u64,
    /// Where the cursor stood last, while this process read.
    pub cursor: Option<i64>,
    /// Whether a batch was under way at the end; whoever reads next does it again.
    pub abandoned: bool,
}

impl OutboxIntake {
    /// An intake that feeds these sides. Nothing connects before it runs, or is looked at. Fails on names that cannot be
    /// right and on settings that do not go together.
    pub fn new(
        options: OutboxOptions,
        plan: PlanHandle,
        source: Arc<dyn SourceWriter>,
        target: Arc<dyn TargetWriter>,
    ) -> Result<Self, OutboxError> {
        let tables = Arc::new(Tables::new(options)?);
        let owner = format!("{:016x}", rand::random::<u64>());
        Ok(Self { intake: Arc::new(Intake { tables, plan, source, target, owner }) })
    }

    /// Looks at it, while it runs and afterwards.
    pub fn monitor(&self) -> OutboxMonitor {
        OutboxMonitor { tables: Arc::clone(&self.intake.tables) }
    }

    /// The statements that make a trigger on the outbox, which notifies the channel; `None` without a channel. The intake works
    /// without it.
    pub fn trigger_sql(&self) -> Option<&str> {
        self.intake.tables.sql.trigger.as_deref()
    }

    /// Feeds the sides until `stop`; then the batches under way have [`OutboxPace::drain`] to be finished. Dropping the
    /// future loses nothing either, but the next owner then has to wait for the lease to run out.
    ///
    /// Fails at once if the outbox is not fit to be read, see [`OutboxMonitor::check`]. A database that cannot be reached is
    /// waited for; what comes to be unfit later is logged, shown by [`OutboxBacklog::failing`], and waited for too.
    pub async fn run(self, stop: CancellationToken) -> Result<OutboxReport, OutboxError> {
        // Boxed: it is large, and callers move it about.
        Box::pin(self.feed(stop)).await
    }

    async fn feed(self, stop: CancellationToken) -> Result<OutboxReport, OutboxError> {
        let Some(checked) = stop.run_until_cancelled(self.fit()).await else { return Ok(OutboxReport::default()) };
        checked?;
        let wake = [Arc::new(Notify::new()), Arc::new(Notify::new())];
        let [meili, pg] = [(Side::Meili, &wake[0]), (Side::Pg, &wake[1])]
            .map(|(side, wake)| Consumer::new(side, self.intake.clone(), wake.clone(), stop.clone()).run());
        let listening = async {
            match &self.intake.tables.options.channel {
                Some(channel) => listen::listen(&self.intake.tables, channel, &wake).await,
                None => future::pending().await,
            }
        };
        let consumers = async { join!(meili, pg) };
        select! {
            (meili, pg) = consumers => Ok(OutboxReport { meili, pg }),
            ((), ()) = async { join!(listening, self.measure()) } => Ok(OutboxReport::default()),
        }
    }

    /// Whether the outbox can be read; waits while that cannot be told.
    async fn fit(&self) -> Result<(), OutboxError> {
        let mut failures = 0;
        loop {
            match self.monitor().check().await {
                Err(error) if !error.is_lasting() => {
                    failures += 1;
                    tracing::warn!(%error, "the outbox cannot be reached; trying again");
                    let why = error.to_string();
                    self.intake.tables.note(Side::Meili, Some(why.clone()));
                    self.intake.tables.note(Side::Pg, Some(why));
                    sleep(backoff::pause(failures, Duration::from_secs(5))).await;
                }
                checked => {
                    self.intake.tables.note(Side::Meili, None);
                    self.intake.tables.note(Side::Pg, None);
                    return checked;
                }
            }
        }
    }

    /// Keeps the gauges of the backlog current, for ever.
    async fn measure(&self) {
        let monitor = self.monitor();
        loop {
            for side in [Side::Meili, Side::Pg] {
                match monitor.backlog(side).await {
                    Ok(backlog) if backlog.cursor.is_some() => {
                        let oldest = backlog.oldest.unwrap_or_default();
                        telemetry::outbox_backlog(side, backlog.rows, oldest.as_secs_f64());
                        if !backlog.held_by.is_empty() && oldest > Duration::from_secs(60) {
                            let by = Holder::list(&backlog.held_by);
                            tracing::warn!(%side, rows = backlog.rows, %by, "open transactions hold back the outbox");
                        }
                    }
                    Ok(_) => {}
                    Err(error) => tracing::debug!(%side, %error, "the backlog of the outbox cannot be counted"),
                }
            }
            sleep(self.intake.tables.options.pace.report).await;
        }
    }
}

opaque_debug!(OutboxIntake);
