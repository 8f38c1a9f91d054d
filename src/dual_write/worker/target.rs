//! PostgreSQL is brought up to date.

use std::sync::Arc;

use tokio::{
    sync::{Mutex, Notify},
    time::sleep,
};

use super::{
    DualWriteWorker,
    batch::{Newest, by_index, newest},
};
use crate::{
    backend::write::{Applied, TargetWrite, WrittenBy},
    error::{BackendError, BackendErrorKind, Side},
    journal::{Deed, Duties, Duty, End, Entry},
    telemetry,
    write::Action,
};

/// What the two hands share.
#[derive(Debug, Default)]
struct Desk {
    /// One batch is written at a time.
    pen: Mutex<()>,
    /// There is more to do than the first hand can take.
    more: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hand {
    First,
    Second,
}

impl DualWriteWorker {
    /// Two hands: while one writes, the other tells the journal what has been written and takes what comes next.
    pub(super) async fn target(&self) {
        let desk = Desk::default();
        tokio::join!(self.target_hand(&desk, Hand::First), self.target_hand(&desk, Hand::Second));
    }

    async fn target_hand(&self, desk: &Desk, hand: Hand) {
        let most = self.shared.policy.batch.max(1);
        let (mut limit, mut more) = (most, false);
        loop {
            if hand == Hand::Second && !more {
                // What has waited for its entries, or failed with them, is for the first.
                self.shared.work[Duty::Pg as usize].notify_one();
                desk.more.notified().await;
            }
            if !self.pg.admits() {
                more = false;
                sleep(self.shared.policy.first_pause).await;
                continue;
            }
            let claim = self.claim(Duty::Pg, limit).await;
            more = claim.entries.len() >= limit;
            if claim.entries.is_empty() {
                self.pg.released();
                if hand == Hand::First {
                    self.rest(Duty::Pg, claim.next).await;
                }
                continue;
            }
            if more {
                desk.more.notify_one();
            }
            let mut slow = false;
            for (index, entries) in by_index(claim.entries) {
                let (sweeps, changes): (Vec<_>, Vec<_>) =
                    entries.into_iter().partition(|entry| matches!(entry.intent.deed, Deed::Sweep(_)));
                for sweep in sweeps {
                    let end = self.expand(&sweep).await;
                    self.settle(Duty::Pg, vec![(sweep, end)]).await;
                }
                slow |= self.write_target(&index, newest(changes), &desk.pen).await;
            }
            if !more && hand == Hand::First {
                self.linger().await;
            }
            // A side that does not get through with much in time is given less.
            limit = if slow { (limit / 2).max(1) } else { (limit * 2).min(most) };
        }
    }

    /// Writes documents, in halves where some are refused, so that none holds up its neighbours. Whether it took too long.
    async fn write_target(&self, index: &Arc<str>, batch: Vec<Newest>, pen: &Mutex<()>) -> bool {
        let (mut batch, mut ends, mut slow) = (batch, Vec::new(), false);
        let writes = batch.iter_mut().map(|newest| target_write(&mut newest.entry)).collect::<Vec<_>>();
        let mut parts = vec![(batch, writes)];
        let by = WrittenBy { writer: self.shared.writer, authority: Side::Meili };
        while let Some((mut part, mut writes)) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            // One after the other, in the order of the claims: new documents are numbered in the order they are written.
            let writing = pen.lock().await;
            let written = self.call(Side::Pg, "writing documents", self.shared.target.write(index, by, &writes)).await;
            drop(writing);
            match written {
                Ok(applied) => {
                    self.pg.succeeded();
                    self.applied(part, &applied, &mut ends);
                }
                Err(error) if part.len() > 1 && blames_a_document(error.kind()) => {
                    telemetry::dual_write_failed(Side::Pg, error.kind().as_str());
                    let half = part.len() / 2;
                    let other = (part.split_off(half), writes.split_off(half));
                    parts.extend([other, (part, writes)]);
                }
                Err(error) => {
                    slow |= error.kind() == BackendErrorKind::Timeout;
                    let after = self.refused(&error, part, &mut ends);
                    // What is left of a batch meets the same failure: not worth asking.
                    if after {
                        for (part, _) in parts.drain(..) {
                            self.refused(&error, part, &mut ends);
                        }
                    }
                }
            }
            if ends.len() >= self.shared.policy.batch {
                self.settle(Duty::Pg, std::mem::take(&mut ends)).await;
            }
        }
        self.settle(Duty::Pg, ends).await;
        slow
    }

    fn applied(&self, batch: Vec<Newest>, applied: &[Applied], ends: &mut Vec<(Entry, End)>) {
        let mut written = 0;
        for (newest, applied) in batch.into_iter().zip(applied) {
            let doubtful = match applied {
                Applied::Written { contended } => {
                    written += 1;
                    *contended || newest.disordered
                }
                Applied::Stale { current } => {
                    telemetry::dual_write_stale(1);
                    self.shared.policy.clock.observe(*current);
                    true
                }
            };
            let end = if doubtful {
                End::Then { duties: Duties::RECONCILE, redo: false }
            } else {
                End::Done { supersedes: true }
            };
            ends.extend(newest.end(end));
        }
        telemetry::dual_write_delivered(Side::Pg, written);
    }

    /// Ends a batch that failed. Whether the side is to blame, and not the documents.
    fn refused(&self, error: &BackendError, batch: Vec<Newest>, ends: &mut Vec<(Entry, End)>) -> bool {
        let documents = batch.len() as u64;
        if error.kind() == BackendErrorKind::Rejected {
            telemetry::dual_write_failed(Side::Pg, error.kind().as_str());
            for newest in batch {
                ends.extend(newest.end(End::Dead { why: error.to_string(), then: Duties::NONE }));
            }
            return false;
        }
        let alone = self.pg.is_well() && batch.len() == 1 && blames_a_document(error.kind());
        if alone {
            telemetry::dual_write_failed(Side::Pg, error.kind().as_str());
        } else {
            self.pg.failed(error);
        }
        telemetry::dual_write_retried(Side::Pg, documents);
        ends.extend(batch.into_iter().flat_map(|newest| {
            let end = self.again(&self.pg, &newest.entry, error, alone);
            newest.end(end)
        }));
        !alone
    }

    /// When something that failed is tried again, or that it is not.
    pub(super) fn again(&self, health: &super::Health, entry: &Entry, error: &BackendError, counts: bool) -> End {
        let why = error.to_string();
        if counts && entry.attempts + 1 >= self.shared.policy.attempts {
            return End::Dead { why, then: Duties::NONE };
        }
        let after = if counts { health.pause_after(entry.attempts) } else { health.pause() };
        End::Retry { after, why: Some(why), counts }
    }
}

/// Takes the document out of its entry, which is only ended from here on.
fn target_write(entry: &mut Entry) -> TargetWrite {
    let document = match &mut entry.intent.deed {
        Deed::Change(Action::Put(document)) => Some(Arc::new(std::mem::take(document))),
        _ => None,
    };
    TargetWrite { id: entry.intent.id.clone(), version: entry.intent.version, document, age: entry.age }
}

/// Whether a failure may be that of a single document.
pub(super) fn blames_a_document(kind: BackendErrorKind) -> bool {
    matches!(kind, BackendErrorKind::Rejected | BackendErrorKind::Internal | BackendErrorKind::Panic)
}
