//! Sides in memory, which fail as told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use crossfade::{
    backend::write::{
        Applied, Blame, Replacement, SourceWriter, Standing, Swept, TargetWrite, TargetWriter, TaskState, WrittenBy,
    },
    document::{Document, DocumentId, Version},
    error::{BackendError, BackendErrorKind, Side},
    search::FilterInput,
    write::{Action, TaskId},
};
use futures_util::future::BoxFuture;
use tokio::{sync::watch, time::Instant};

/// What stands, as text, by id.
pub(super) type Contents = BTreeMap<String, String>;

#[derive(Default)]
pub(super) struct MemoryMeili {
    state: Mutex<MeiliState>,
    /// While true, a call to `send` hangs; it then does nothing.
    pub(super) hangs: Gate,
}

#[derive(Default)]
pub(super) struct MeiliState {
    pub(super) documents: BTreeMap<String, Document>,
    /// Every batch that was taken.
    pub(super) sent: Vec<Vec<DocumentId>>,
    tasks: Vec<(TaskState, Vec<(DocumentId, Action)>)>,
    /// Whether tasks stay enqueued.
    pub(super) stalled: bool,
    /// How the next tasks end, before they succeed.
    pub(super) ends: Vec<TaskState>,
    pub(super) down: Option<BackendErrorKind>,
    /// Ids with which a batch is refused, or its task fails.
    pub(super) refused: BTreeSet<String>,
    pub(super) poisonous: BTreeSet<String>,
}

#[derive(Default)]
pub(super) struct MemoryPg {
    state: Mutex<PgState>,
    pub(super) hangs: Gate,
}

#[derive(Default)]
pub(super) struct PgState {
    pub(super) rows: BTreeMap<String, (Version, Option<Document>)>,
    pub(super) written: Vec<Vec<(String, Version)>>,
    pub(super) down: Option<BackendErrorKind>,
    pub(super) refused: BTreeSet<String>,
    /// Ids with which a batch fails, for no reason that is given.
    pub(super) cursed: BTreeSet<String>,
}

/// Holds calls up, and knows when one was given up.
pub(super) struct Gate {
    closed: watch::Sender<bool>,
    pub(super) waiting: Mutex<usize>,
    pub(super) given_up: Mutex<Option<Instant>>,
}

struct Passing<'a>(&'a Gate, bool);

impl Default for Gate {
    fn default() -> Self {
        Self { closed: watch::Sender::new(false), waiting: Mutex::new(0), given_up: Mutex::new(None) }
    }
}

impl Gate {
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    pub(super) fn open(&self) {
        self.closed.send_replace(false);
    }

    pub(super) fn is_waited_at(&self) -> bool {
        *self.waiting.lock().unwrap() > 0
    }

    async fn pass(&self) {
        *self.waiting.lock().unwrap() += 1;
        let mut passing = Passing(self, false);
        self.closed.subscribe().wait_for(|closed| !closed).await.unwrap();
        passing.1 = true;
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        *self.0.waiting.lock().unwrap() -= 1;
        if !self.1 {
            *self.0.given_up.lock().unwrap() = Some(Instant::now());
        }
    }
}

fn text(document: &Document) -> String {
    serde_json::to_string(document).unwrap()
}

impl MemoryMeili {
    pub(super) fn state(&self) -> MutexGuard<'_, MeiliState> {
        self.state.lock().unwrap()
    }

    pub(super) fn contents(&self) -> Contents {
        self.state().documents.iter().map(|(id, document)| (id.clone(), text(document))).collect()
    }

    /// Lets the tasks go on.
    pub(super) fn resume(&self) {
        let mut state = self.state();
        state.stalled = false;
        for at in 0..state.tasks.len() {
            if state.tasks[at].0 == TaskState::Unfinished {
                state.carry_out(at);
            }
        }
    }
}

impl MeiliState {
    fn carry_out(&mut self, at: usize) {
        let changes = std::mem::take(&mut self.tasks[at].1);
        let end = match changes.iter().find(|(id, _)| self.poisonous.contains(id.as_str())) {
            Some((id, _)) => TaskState::Failed { blame: Blame::Documents, why: format!("invalid_document: {id}\0") },
            None if self.ends.is_empty() => TaskState::Succeeded,
            None => self.ends.remove(0),
        };
        if end == TaskState::Succeeded {
            for (id, action) in changes {
                match action {
                    Action::Put(document) => self.documents.insert(id.to_string(), document),
                    Action::Delete => self.documents.remove(id.as_str()),
                    Action::Merge(_) => panic!("the intake merges nothing"),
                };
            }
        }
        self.tasks[at].0 = end;
    }
}

impl SourceWriter for MemoryMeili {
    fn send<'a>(
        &'a self,
        index: &'a str,
        batch: &'a [(DocumentId, Action)],
    ) -> BoxFuture<'a, Result<TaskId, BackendError>> {
        assert_eq!(index, "posts");
        let deletes = batch.iter().filter(|(_, action)| *action == Action::Delete).count();
        assert!(!batch.is_empty() && (deletes == 0 || deletes == batch.len()), "of two kinds: {batch:?}");
        assert_eq!(batch.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), batch.len(), "an id stands twice");
        Box::pin(async move {
            self.hangs.pass().await;
            let mut state = self.state();
            if let Some(kind) = state.down {
                return Err(BackendError::new(Side::Meili, kind, "doing as told"));
            }
            if batch.iter().any(|(id, _)| state.refused.contains(id.as_str())) {
                return Err(BackendError::new(Side::Meili, BackendErrorKind::Rejected, "refusing as told"));
            }
            state.sent.push(batch.iter().map(|(id, _)| id.clone()).collect());
            state.tasks.push((TaskState::Unfinished, batch.to_vec()));
            let at = state.tasks.len() - 1;
            if !state.stalled {
                state.carry_out(at);
            }
            Ok(TaskId(at as u64))
        })
    }

    fn tasks<'a>(&'a self, tasks: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskState>, BackendError>> {
        Box::pin(async move {
            let state = self.state();
            if let Some(kind) = state.down {
                return Err(BackendError::new(Side::Meili, kind, "doing as told"));
            }
            Ok(tasks.iter().map(|task| state.tasks[task.0 as usize].0.clone()).collect())
        })
    }

    fn read<'a>(
        &'a self,
        _: &'a str,
        _: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Document>>, BackendError>> {
        panic!("the intake does not read")
    }
}

impl MemoryPg {
    pub(super) fn state(&self) -> MutexGuard<'_, PgState> {
        self.state.lock().unwrap()
    }

    pub(super) fn contents(&self) -> Contents {
        let state = self.state();
        let standing = state.rows.iter().filter_map(|(id, (_, document))| Some((id.clone(), text(document.as_ref()?))));
        standing.collect()
    }
}

impl TargetWriter for MemoryPg {
    fn write<'a>(
        &'a self,
        index: &'a str,
        _: WrittenBy,
        batch: &'a [TargetWrite],
    ) -> BoxFuture<'a, Result<Vec<Applied>, BackendError>> {
        assert_eq!(index, "posts");
        assert_eq!(batch.iter().map(|one| &one.id).collect::<BTreeSet<_>>().len(), batch.len(), "an id stands twice");
        Box::pin(async move {
            self.hangs.pass().await;
            let mut state = self.state();
            let failed = |kind| Err(BackendError::new(Side::Pg, kind, "doing as told"));
            if let Some(kind) = state.down {
                return failed(kind);
            }
            if batch.iter().any(|one| state.refused.contains(one.id.as_str())) {
                return failed(BackendErrorKind::Rejected);
            }
            if batch.iter().any(|one| state.cursed.contains(one.id.as_str())) {
                return failed(BackendErrorKind::Internal);
            }
            state.written.push(batch.iter().map(|one| (one.id.to_string(), one.version)).collect());
            let mut write = |one: &TargetWrite| match state.rows.get(one.id.as_str()) {
                Some((current, _)) if *current > one.version => Applied::Stale { current: *current },
                _ => {
                    let document = one.document.as_deref().cloned();
                    state.rows.insert(one.id.to_string(), (one.version, document));
                    Applied::Written { contended: false }
                }
            };
            Ok(batch.iter().map(&mut write).collect())
        })
    }

    fn merge<'a>(
        &'a self,
        _: &'a str,
        _: WrittenBy,
        _: &'a [(DocumentId, Version, Document)],
    ) -> BoxFuture<'a, Result<Vec<Result<Document, Version>>, BackendError>> {
        panic!("the intake does not merge")
    }

    fn read<'a>(
        &'a self,
        _: &'a str,
        _: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Standing>>, BackendError>> {
        panic!("the intake does not read")
    }

    fn replace<'a>(
        &'a self,
        _: &'a str,
        _: WrittenBy,
        _: &'a [Replacement],
    ) -> BoxFuture<'a, Result<Vec<bool>, BackendError>> {
        panic!("the intake does not replace")
    }

    fn sweep<'a>(
        &'a self,
        _: &'a str,
        _: WrittenBy,
        _: Version,
        _: Option<&'a FilterInput>,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        panic!("the intake does not sweep")
    }

    fn swept<'a>(
        &'a self,
        _: &'a str,
        _: Swept<'a>,
        _: Option<&'a DocumentId>,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<DocumentId>, BackendError>> {
        panic!("the intake does not sweep")
    }
}
