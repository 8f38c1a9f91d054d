//! Deletions by filter are written out: each document they were about is then compared by itself.

use super::DualWriteWorker;
use crate::{
    backend::write::{Swept, WrittenBy},
    document::{DocumentId, Version},
    error::{BackendError, Side},
    journal::{Deed, End, Entry, Intent, Outcome},
    telemetry,
    write::Action,
};

/// Ids that are written out at a time.
const SWEPT: usize = 1000;

impl DualWriteWorker {
    /// Appends an intent for each document that a sweep was about.
    pub(super) async fn expand(&self, sweep: &Entry) -> End {
        let Deed::Sweep(filter) = &sweep.intent.deed else { return End::Done { supersedes: false } };
        let version = sweep.intent.version;
        let known = sweep.outcome != Outcome::Unknown;
        if known && sweep.intent.authority == Side::Meili {
            // Here too, before the documents are compared: a copy to Meilisearch that is under way finds the tombstone, and
            // takes back what it has brought back.
            let by = WrittenBy { writer: self.shared.repairer, authority: Side::Meili };
            let swept = self.shared.target.sweep(&sweep.intent.index, by, version, filter.as_ref());
            if let Err(error) = self.call(Side::Pg, "deleting documents by a filter", swept).await {
                return self.not_swept(sweep, &error);
            }
        }
        // One whose end nobody knows has been carried out here, or not; Meilisearch, which compares no versions, may have come to
        // it late, and to what was newer.
        let newest = if sweep.intent.authority == Side::Meili { Version(i64::MAX) } else { version };
        let swept = match known {
            true => vec![Swept::Tombstones(version)],
            false => vec![Swept::Matching(filter.as_ref(), newest), Swept::Tombstones(version)],
        };
        for swept in swept {
            if let Err(end) = self.write_out(sweep, swept).await {
                return end;
            }
        }
        End::Done { supersedes: false }
    }

    async fn write_out(&self, sweep: &Entry, swept: Swept<'_>) -> Result<(), End> {
        // One that Meilisearch has lost is made again, document by document.
        let deed = if sweep.redo { Deed::Change(Action::Delete) } else { Deed::Resync };
        let mut after: Option<DocumentId> = None;
        loop {
            let listing = self.shared.target.swept(&sweep.intent.index, swept, after.as_ref(), SWEPT);
            let ids = match self.call(Side::Pg, "listing what was deleted", listing).await {
                Ok(ids) => ids,
                Err(error) => return Err(self.not_swept(sweep, &error)),
            };
            self.pg.succeeded();
            let Some(last) = ids.last().cloned() else { return Ok(()) };
            let intent = |id| Intent { id, deed: deed.clone(), ..sweep.intent.clone() };
            let intents: Vec<Intent> = ids.into_iter().map(intent).collect();
            // One that may never have been carried out must not speak for what stands in Meilisearch.
            let outcome = if sweep.outcome == Outcome::Unknown { Outcome::Unknown } else { Outcome::Accepted(None) };
            if let Err(error) = self.shared.journal.append(&intents, outcome).await {
                telemetry::journal_failed(error.kind().as_str());
                let after = self.shared.policy.first_pause;
                return Err(End::Retry { after, why: Some(error.to_string()), counts: false });
            }
            after = Some(last);
        }
    }

    fn not_swept(&self, sweep: &Entry, error: &BackendError) -> End {
        self.pg.failed(error);
        telemetry::dual_write_retried(Side::Pg, 1);
        self.again(&self.pg, sweep, error, false)
    }
}
