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
    document::{DocumentId, Version},
    error::{BackendError, Side},
    journal::{Entry, Intent, JournalErrorKind, Outcome},
    plan::WriteMode,
    telemetry,
};

/// When each document was sent by calls of which nobody knows the end.
#[derive(Debug, Default)]
pub(super) struct Doubts(Mutex<BTreeMap<(Arc<str>, DocumentId), Sent>>);

/// When each of its writes was sent for the last time.
type Sent = BTreeMap<Version, Instant>;

impl Doubts {
    /// Whether no doubt of this write is left from before, so that nothing in the journal stands for it.
    fn note(&self, intent: &Intent, limbo: Duration, now: Instant) -> bool {
        let key = (intent.index.clone(), intent.id.clone());
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = doubts.entry(key).or_default().insert(intent.version, now);
        before.is_none_or(|before| now.duration_since(before) >= limbo)
    }

    /// How much longer something may be under way. Forgets what cannot be any more.
    fn left(&self, intent: &Intent, limbo: Duration, now: Instant) -> Option<Duration> {
        let key = (intent.index.clone(), intent.id.clone());
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_document = doubts.get_mut(&key)?;
        of_document.retain(|_, sent| now.duration_since(*sent) < limbo);
        let last = of_document.values().max().copied();
        if last.is_none() {
            doubts.remove(&key);
        }
        Some((last? + limbo).duration_since(now))
    }
}

impl DualWriteWorker {
    /// Sees to it that documents of one index are compared that were, or may have been, sent by calls of which nobody knows the
    /// end.
    pub(super) async fn doubt(&self, sent: impl IntoIterator<Item = Intent>) {
        let (now, limbo) = (Instant::now(), self.shared.journal.limbo());
        let sent: Vec<Intent> = sent.into_iter().collect();
        let new: Vec<Intent> = sent.iter().filter(|intent| self.doubts.note(intent, limbo, now)).cloned().collect();
        while !new.is_empty()
            && let Err(error) = self.shared.journal.append(&new, Outcome::Unknown).await
        {
            telemetry::journal_failed(error.kind().as_str());
            if error.kind() == JournalErrorKind::Fenced {
                // Whoever goes on compares what it finds.
                return;
            }
            sleep(self.shared.policy.first_pause).await;
        }
        self.guard(&sent).await;
    }

    /// Marks documents of one index as decided by PostgreSQL: what comes late must not be copied from Meilisearch by another
    /// replica, which does not know of the call. Best effort: a PostgreSQL that is away is not waited for.
    pub(super) async fn guard(&self, sent: &[Intent]) {
        // Under the brake what stands there is out of date, and must not come to speak for anything.
        let braked = self.shared.plan.load().flags.write_mode == WriteMode::MeiliOnly;
        if braked || !self.pg.admits() {
            return;
        }
        if let Err(error) = self.mark(sent).await {
            self.pg.failed(&error);
        }
    }

    async fn mark(&self, sent: &[Intent]) -> Result<(), BackendError> {
        let Some(Intent { index, .. }) = sent.first() else { return Ok(()) };
        let ids: Vec<DocumentId> = sent.iter().map(|intent| intent.id.clone()).collect();
        let stands = self.call(Side::Pg, "reading what stands", self.shared.target.read(index, &ids)).await?;
        self.pg.succeeded();
        let marks = ids.into_iter().zip(stands).filter_map(|(id, standing)| {
            Some(Replacement { id, expected: Some(standing?.version), stamp: None, with: None })
        });
        self.replace(index, Side::Pg, &marks.collect::<Vec<_>>()).await.map(drop)
    }

    /// How long it has to wait until an entry can be reconciled.
    pub(super) fn in_doubt(&self, entry: &Entry) -> Option<Duration> {
        self.doubts.left(&entry.intent, self.shared.journal.limbo(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::Deed, write::Action};

    const LIMBO: Duration = Duration::from_secs(10);

    fn sent(version: i64) -> Intent {
        let deed = Deed::Change(Action::Delete);
        let (index, id, version) = ("i".into(), "1".into(), Version(version));
        Intent { index, id, version, explicit: false, deed, authority: Side::Pg }
    }

    #[tokio::test(start_paused = true)]
    async fn each_write_is_in_doubt_until_its_last_call_cannot_arrive_any_more() {
        let (doubts, start) = (Doubts::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(doubts.left(&sent(1), LIMBO, start), None);
        assert!(doubts.note(&sent(1), LIMBO, start));
        assert!(!doubts.note(&sent(1), LIMBO, after(4)), "the journal has it");
        assert!(doubts.note(&sent(2), LIMBO, after(6)), "another write of the same document is another doubt");
        assert_eq!(doubts.left(&sent(1), LIMBO, after(13)), Some(Duration::from_secs(3)));
        assert!(!doubts.note(&sent(2), LIMBO, after(15)));
        assert_eq!(doubts.left(&sent(2), LIMBO, after(25)), None);
        for seconds in [26, 36] {
            assert!(doubts.note(&sent(1), LIMBO, after(seconds)), "the entry may have been compared since");
        }
    }
}
