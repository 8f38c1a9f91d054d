//! Calls to Meilisearch that failed, and may arrive yet: what they sent could come over something newer.
//!
//! Each leaves an entry of unknown outcome behind, so that the document is compared once nothing can be under way any more,
//! whatever becomes of this process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::DualWriteWorker;
use crate::{
    backend::write::Replacement,
    document::DocumentId,
    error::Side,
    journal::{Entry, Intent, JournalErrorKind, Outcome},
    telemetry,
};

/// When each document was last sent by a call of which nobody knows the end.
#[derive(Debug, Default)]
pub(super) struct Doubts(Mutex<BTreeMap<(Arc<str>, DocumentId), Instant>>);

impl Doubts {
    /// Whether it is the first one of the document.
    fn note(&self, intent: &Intent, now: Instant) -> bool {
        let key = (intent.index.clone(), intent.id.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, now).is_none()
    }

    /// How much longer something may be under way. Forgets what cannot be any more.
    fn left(&self, intent: &Intent, limbo: Duration, now: Instant) -> Option<Duration> {
        let key = (intent.index.clone(), intent.id.clone());
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = (*doubts.get(&key)? + limbo).checked_duration_since(now).filter(|left| !left.is_zero());
        if left.is_none() {
            doubts.remove(&key);
        }
        left
    }
}

impl DualWriteWorker {
    /// Sees to it that documents of one index are compared that were, or may have been, sent by calls of which nobody knows the
    /// end.
    pub(super) async fn doubt(&self, sent: impl IntoIterator<Item = Intent>) {
        let now = Instant::now();
        let intents: Vec<Intent> = sent.into_iter().filter(|intent| self.doubts.note(intent, now)).collect();
        if intents.is_empty() {
            return;
        }
        while let Err(error) = self.shared.journal.append(&intents, Outcome::Unknown).await {
            telemetry::journal_failed(error.kind().as_str());
            if error.kind() == JournalErrorKind::Fenced {
                // Whoever goes on compares what it finds.
                return;
            }
            sleep(self.shared.policy.first_pause).await;
        }
        self.guard(&intents).await;
    }

    /// Marks documents as decided by PostgreSQL: what comes late must not be copied from Meilisearch by another replica, which does not
    /// know of the call. Best effort: a PostgreSQL that is away is not waited for.
    async fn guard(&self, intents: &[Intent]) {
        let Some(first) = intents.first().filter(|_| self.pg.is_well()) else { return };
        let (index, ids) = (&first.index, intents.iter().map(|intent| intent.id.clone()).collect::<Vec<_>>());
        let reading = self.shared.target.read(index, &ids);
        let Ok(stands) = self.call(Side::Pg, "reading what stands", reading).await else { return };
        let marks = ids.into_iter().zip(stands).filter_map(|(id, standing)| {
            Some(Replacement { id, expected: Some(standing?.version), authority: None, with: None })
        });
        let _ = self.replace(index, Side::Pg, &marks.collect::<Vec<_>>()).await;
    }

    /// How long it has to wait until an entry can be reconciled.
    pub(super) fn in_doubt(&self, entry: &Entry) -> Option<Duration> {
        self.doubts.left(&entry.intent, self.shared.journal.limbo(), Instant::now())
    }
}
