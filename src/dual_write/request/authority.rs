//! PostgreSQL as the side that decides.

use std::sync::Arc;

use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{super::shared::Shared, Request, together};
use crate::{
    backend::write::{Applied, TargetWrite, WrittenBy},
    document::{Document, DocumentId, Version},
    error::{BackendError, BackendErrorKind, Side},
    journal::{Carried, Deed, Intent, JournalError, Outcome},
    plan::WriteMode,
    search::FilterInput,
    telemetry,
    write::{Action, Changes, IndexWrite},
};

/// How often a version that was made here is made anew above one that stood already: the clock of another process was ahead.
const MOST_ROUNDS: usize = 8;

/// What PostgreSQL made of intents.
pub(super) struct Written {
    /// In the order of the intents.
    pub(super) ends: Vec<EndOf>,
    /// Why some were not written.
    pub(super) failure: Option<BackendError>,
}

/// How one intent ended.
#[derive(Clone)]
pub(super) struct EndOf {
    pub(super) outcome: Outcome,
    /// What a partial update has made of the document.
    pub(super) document: Option<Document>,
}

/// Intents on their way to PostgreSQL.
struct Writing<'a> {
    shared: &'a Arc<Shared>,
    intents: &'a [Intent],
    ends: Vec<EndOf>,
}

/// What the other side has decided that has to be carried over before a write.
enum Before {
    /// All that Meilisearch has decided of the index. What PostgreSQL has decided takes its place in Meilisearch when it is
    /// carried over: it knows the versions.
    Index,
    /// What a side has decided of these documents.
    Documents(Side, Vec<DocumentId>),
}

/// Writes intents of one index to PostgreSQL.
pub(super) async fn write(shared: &Arc<Shared>, intents: &[Intent]) -> Written {
    // What is not asked for is not written.
    let ends = vec![EndOf { outcome: Outcome::Refused, document: None }; intents.len()];
    let mut writing = Writing { shared, intents, ends };
    let failure = writing.all().await.err();
    Written { ends: writing.ends, failure }
}

impl Writing<'_> {
    async fn all(&mut self) -> Result<(), BackendError> {
        let (mut whole, mut partial) = (Vec::new(), Vec::new());
        for (place, intent) in self.intents.iter().enumerate() {
            match &intent.deed {
                Deed::Sweep(filter) => self.sweep(place, filter.as_ref()).await?,
                Deed::Change(Action::Merge(_)) => partial.push((place, intent.version)),
                Deed::Change(_) | Deed::Resync => whole.push((place, intent.version)),
            }
        }
        for _ in 0..MOST_ROUNDS {
            if whole.is_empty() && partial.is_empty() {
                return Ok(());
            }
            whole = self.put(&whole).await?;
            partial = self.merge(&partial).await?;
        }
        Err(BackendError::new(
            Side::Pg,
            BackendErrorKind::Unavailable,
            "writing documents that others write all the time",
        ))
    }

    /// Writes whole documents; gives back those that need a higher version.
    async fn put(&mut self, places: &[(usize, Version)]) -> Result<Vec<(usize, Version)>, BackendError> {
        let Some(first) = places.first() else { return Ok(Vec::new()) };
        let index = &self.intents[first.0].index;
        let batch: Vec<TargetWrite> = places
            .iter()
            .map(|(place, version)| {
                let intent = &self.intents[*place];
                let document = match &intent.deed {
                    Deed::Change(Action::Put(document)) => Some(Arc::new(document.clone())),
                    _ => None,
                };
                // It begins now: nothing has been sent to the other side.
                TargetWrite { id: intent.id.clone(), version: *version, document, age: Some(std::time::Duration::ZERO) }
            })
            .collect();
        let applied = self.ask(places, together::write(self.shared, index, batch)).await?;
        let mut again = Vec::new();
        for ((place, _), applied) in places.iter().zip(applied) {
            match applied {
                Applied::Written { .. } => self.ends[*place].outcome = Outcome::Accepted(None),
                Applied::Stale { current } => again.extend(self.above(*place, current)),
            }
        }
        Ok(again)
    }

    /// Merges fields into documents; gives back those that need a higher version.
    async fn merge(&mut self, places: &[(usize, Version)]) -> Result<Vec<(usize, Version)>, BackendError> {
        let Some(first) = places.first() else { return Ok(Vec::new()) };
        let index = &self.intents[first.0].index;
        let fields = |intent: &Intent| match &intent.deed {
            Deed::Change(Action::Merge(fields)) => fields.clone(),
            _ => Document::new(),
        };
        let batch: Vec<(DocumentId, Version, Document)> = places
            .iter()
            .map(|(place, version)| (self.intents[*place].id.clone(), *version, fields(&self.intents[*place])))
            .collect();
        let merged = self.ask(places, self.shared.target.merge(index, self.by(), &batch)).await?;
        let mut again = Vec::new();
        for ((place, _), merged) in places.iter().zip(merged) {
            match merged {
                Ok(document) => {
                    self.ends[*place] = EndOf { outcome: Outcome::Accepted(None), document: Some(document) };
                }
                Err(current) => again.extend(self.above(*place, current)),
            }
        }
        Ok(again)
    }

    async fn sweep(&mut self, place: usize, filter: Option<&FilterInput>) -> Result<(), BackendError> {
        let intent = &self.intents[place];
        let sweep = self.shared.target.sweep(&intent.index, self.by(), intent.version, filter);
        self.ask(&[(place, intent.version)], sweep).await?;
        self.ends[place].outcome = Outcome::Accepted(None);
        Ok(())
    }

    /// A version above the one that stood, unless the service's own is simply older: then the newer one is right, and stands.
    fn above(&self, place: usize, current: Version) -> Option<(usize, Version)> {
        self.shared.policy.clock.observe(current);
        (!self.intents[place].explicit).then(|| (place, self.shared.policy.clock.next()))
    }

    /// Asks within the deadline. What may have been written although the answer is an error is unknown.
    async fn ask<T>(
        &mut self,
        places: &[(usize, Version)],
        asked: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let too_late = || BackendError::new(Side::Pg, BackendErrorKind::Timeout, "writing documents");
        let answer = timeout(self.shared.policy.deadline, asked).await.unwrap_or_else(|_| Err(too_late()));
        if let Err(error) = &answer
            && error.may_be_done()
        {
            for (place, _) in places {
                self.ends[*place].outcome = Outcome::Unknown;
            }
        }
        answer
    }

    fn by(&self) -> WrittenBy {
        WrittenBy { writer: self.shared.writer, authority: Side::Pg }
    }
}

impl<C> Request<C> {
    /// Waits until the side that decides has what came before: a partial update must not be merged into an older document, nor
    /// a deletion by filter miss one. Matters only when the roles have just been swapped, and until what the other side decided
    /// has been carried over.
    pub(super) async fn nothing_waits_for(&self, authority: Side, write: &IndexWrite) -> bool {
        let Some(before) = Before::of(authority, write) else { return true };
        // Under the brake nothing is found out: only what is on its way to Meilisearch is waited for.
        let braked = self.plan.flags.write_mode == WriteMode::MeiliOnly;
        let enough = if braked { Carried::Unknown } else { Carried::All };
        let deadline = Instant::now() + self.shared.policy.deadline;
        loop {
            match timeout_at(deadline, before.carried(&self.shared, &write.index)).await {
                Ok(Ok(carried)) if carried <= enough => return true,
                Ok(Ok(_)) => {}
                // Where writes are made even without a journal, so is this one.
                Ok(Err(_)) if self.does_without_journal() => return true,
                Ok(Err(error)) => telemetry::journal_failed(error.kind().as_str()),
                Err(_elapsed) => return false,
            }
            if timeout_at(deadline, sleep(self.shared.policy.poll)).await.is_err() {
                return false;
            }
        }
    }
}

impl Before {
    /// `None` if it waits for nothing.
    fn of(authority: Side, write: &IndexWrite) -> Option<Self> {
        let other = if authority == Side::Pg { Side::Meili } else { Side::Pg };
        match &write.changes {
            Changes::Sweep(_) => (authority == Side::Pg).then_some(Self::Index),
            Changes::Documents(changes) => {
                let merged = changes.iter().filter(|change| matches!(change.action, Action::Merge(_)));
                let mut ids: Vec<DocumentId> = merged.map(|change| change.id.clone()).collect();
                if ids.is_empty() {
                    return None;
                }
                // Deletions by filter may be about the same documents.
                ids.push(DocumentId::from(""));
                Some(Self::Documents(other, ids))
            }
        }
    }

    /// How far the furthest of it is.
    async fn carried(&self, shared: &Shared, index: &str) -> Result<Carried, JournalError> {
        match self {
            Self::Index => shared.journal.index_carried(Side::Meili, index).await,
            Self::Documents(decided, ids) => {
                let carried = shared.journal.carried(*decided, index, ids).await?;
                Ok(carried.into_iter().max().unwrap_or_default())
            }
        }
    }
}
