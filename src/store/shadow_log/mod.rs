//! The shadow log: every sampled read as a row of `shadow_read_logs`.
//!
//! [`ShadowLog`] is the end that middleware holds: it takes records into a bounded queue and never waits.
//! [`ShadowLogWriter`] is the other end: the program runs it, and it writes in batches, redacts, retries while the
//! database is away and deletes rows that are too old. While the database is away the writer holds one batch, the queue
//! fills, and what comes then is lost.
//!
//! A lost record is counted, in `shadow_log_lost_total` at once and in the table `shadow_log_losses` as soon as the
//! database takes it, so that a [`Report`](crate::store::Report) can say how complete it is. Every record is stored
//! once or counted as lost, never both: a batch whose fate is unknown, because the connection broke while it was
//! being committed, is sent again under the same row ids and ignored where it is already there. (The one exception: a
//! batch that the deadline at the end cuts off counts as lost, although the server may still finish it.)
//!
//! ```no_run
//! # async fn example(store: crossfade::store::Store) {
//! use crossfade::store::{ShadowLog, ShadowLogOptions};
//!
//! let (log, writer) = ShadowLog::new(&store, ShadowLogOptions::default());
//! let stop = tokio_util::sync::CancellationToken::new();
//! // `log` goes to the shadow layer; the program runs the writer beside its server.
//! let summary = writer.run(stop).await;
//! println!("{} stored, {} lost", summary.stored, summary.lost);
//! # drop(log);
//! # }
//! ```

mod backoff;
mod losses;
mod options;
mod redact;
mod row;
mod sql;
mod writer;

use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TrySendError};

use self::losses::{Losses, Reason};
pub use self::{
    options::ShadowLogOptions,
    redact::{Redaction, RedactionKeyError},
    writer::{ShadowLogSummary, ShadowLogWriter},
};
use super::Store;
use crate::shadow::{ShadowRecord, ShadowSink};

/// Where the shadow layer's records go. Cloning is cheap; all clones feed one writer.
#[derive(Clone, Debug)]
pub struct ShadowLog {
    queue: mpsc::Sender<ShadowRecord>,
    losses: Arc<Losses>,
}

impl ShadowLog {
    /// A log in the tables of `store`, and its writer. Nothing is written until the writer runs.
    pub fn new(store: &Store, options: ShadowLogOptions) -> (Self, ShadowLogWriter) {
        let (queue, records) = mpsc::channel(options.queue.max(1));
        let losses = Arc::new(Losses::default());
        let writer = ShadowLogWriter::new(store.pool().clone(), options, records, Arc::clone(&losses));
        (Self { queue, losses }, writer)
    }
}

impl ShadowSink for ShadowLog {
    fn record(&self, record: ShadowRecord) {
        let (record, reason) = match self.queue.try_send(record) {
            Ok(()) => return,
            Err(TrySendError::Full(record)) => (record, Reason::QueueFull),
            Err(TrySendError::Closed(record)) => (record, Reason::Shutdown),
        };
        self.losses.count(row::micros_since_1970(record.at), &record.endpoint, record.outcome, reason);
    }
}
