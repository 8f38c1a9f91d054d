//! Meilisearch: documents, and a queue of tasks that are carried out one after the other.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use crossfade::{
    backend::write::{Blame, SourceWriter, TaskState},
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind, Side},
    write::{Action, TaskId},
};
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::{
    brief,
    world::{Broken, Line, Station, World, locked},
};

/// The server.
pub(super) struct Meili {
    world: Arc<World>,
    state: Mutex<State>,
}

struct State {
    documents: BTreeMap<DocumentId, Document>,
    tasks: BTreeMap<u64, Task>,
    /// When the last task ends.
    busy: Instant,
    /// Tasks before this one have been carried out.
    done: u64,
    /// What was put under a number, or deleted, by calls that arrived late.
    late: BTreeMap<(DocumentId, Option<u64>), Instant>,
}

struct Task {
    ends: Instant,
    fate: Fate,
    deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Succeed,
    Fail,
    /// Because of a document of another task, in the same batch.
    FailWithOthers,
    Cancel,
    /// It is forgotten as soon as it has ended, carried out or not.
    Vanish {
        done: bool,
    },
}

/// What a task does.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Change(Vec<(DocumentId, Action)>),
    Clear,
}

/// A process's connection to it.
#[derive(Clone)]
pub(super) struct MeiliClient {
    pub(super) server: Arc<Meili>,
    pub(super) line: Line,
}

impl Meili {
    pub(super) fn new(world: &Arc<World>) -> Arc<Self> {
        let (documents, tasks) = (BTreeMap::new(), BTreeMap::new());
        let state = State { documents, tasks, busy: Instant::now(), done: 0, late: BTreeMap::new() };
        Arc::new(Self { world: world.clone(), state: Mutex::new(state) })
    }

    /// What stands once all tasks have ended.
    pub(super) fn documents(&self) -> BTreeMap<DocumentId, Document> {
        let mut state = locked(&self.state);
        let end = state.busy;
        state.advance(end);
        state.documents.clone()
    }

    /// When what was put under a number, or deleted, arrived late for the last time.
    pub(super) fn late(&self) -> BTreeMap<(DocumentId, Option<u64>), Instant> {
        locked(&self.state).late.clone()
    }

    fn enqueue(&self, deed: Deed) -> TaskId {
        let fate = match self.world.below(30) {
            _ if !self.world.profile.task_loss || self.world.healed() => Fate::Succeed,
            0 => Fate::Fail,
            1 => Fate::Cancel,
            2 => Fate::Vanish { done: true },
            3 => Fate::Vanish { done: false },
            4 => Fate::FailWithOthers,
            _ => Fate::Succeed,
        };
        let longest = if self.world.chance(0.05) { 1_000 } else { 30 };
        let takes = self.world.up_to(Duration::from_millis(longest));
        let mut state = locked(&self.state);
        let now = Instant::now();
        state.advance(now);
        if self.world.is_late.load(Ordering::Relaxed)
            && let Deed::Change(changes) = &deed
        {
            let late = changes.iter().map(|(id, action)| ((id.clone(), brief::number(action)), now));
            state.late.extend(late);
        }
        state.busy = state.busy.max(now) + takes;
        let (uid, ends) = (state.done + state.pending() as u64, state.busy);
        self.world.tell(|| format!("meili: task {uid} {fate:?} {deed}"));
        state.tasks.insert(uid, Task { ends, fate, deed });
        TaskId(uid)
    }

    fn states(&self, tasks: &[TaskId]) -> Vec<TaskState> {
        let mut state = locked(&self.state);
        state.advance(Instant::now());
        let of = |task: &TaskId| match state.tasks.get(&task.0) {
            _ if task.0 >= state.done => TaskState::Unfinished,
            // It is told late now and then.
            Some(_) if self.world.chance(0.05) => TaskState::Unfinished,
            Some(task) => match task.fate {
                Fate::Succeed => TaskState::Succeeded,
                Fate::Fail => TaskState::Failed { blame: Blame::Server, why: "internal".to_owned() },
                Fate::FailWithOthers => {
                    TaskState::Failed { blame: Blame::Batch(None), why: "invalid_document_geo_field".to_owned() }
                }
                Fate::Cancel => TaskState::Canceled,
                Fate::Vanish { .. } => TaskState::Vanished,
            },
            None => TaskState::Vanished,
        };
        tasks.iter().map(of).collect()
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear => f.write_str("clear"),
            Self::Change(changes) => {
                changes.iter().try_for_each(|(id, action)| write!(f, "{id} {}, ", brief::action(action)))
            }
        }
    }
}

impl State {
    fn pending(&self) -> usize {
        self.tasks.range(self.done..).count()
    }

    /// Carries out what has ended by now.
    fn advance(&mut self, now: Instant) {
        while let Some(task) = self.tasks.get(&self.done).filter(|task| task.ends <= now) {
            self.done += 1;
            if !matches!(task.fate, Fate::Succeed | Fate::Vanish { done: true }) {
                continue;
            }
            match task.deed.clone() {
                Deed::Clear => self.documents.clear(),
                Deed::Change(changes) => {
                    for (id, action) in changes {
                        match action {
                            Action::Put(document) => drop(self.documents.insert(id, document)),
                            Action::Merge(fields) => self.documents.entry(id).or_default().extend(fields),
                            Action::Delete => drop(self.documents.remove(&id)),
                        }
                    }
                }
            }
        }
    }
}

impl MeiliClient {
    /// Hands something over, as the service itself does, and the worker.
    pub(super) async fn write(&self, deed: Deed) -> Result<TaskId, Broken> {
        let server = self.server.clone();
        self.line.call(Station::Meili, "write", move || server.enqueue(deed)).await
    }
}

fn failed(_: Broken) -> BackendError {
    BackendError::new(Side::Meili, BackendErrorKind::Unavailable, "simulating")
}

impl SourceWriter for MeiliClient {
    fn send<'a>(
        &'a self,
        _index: &'a str,
        batch: &'a [(DocumentId, Action)],
    ) -> BoxFuture<'a, Result<TaskId, BackendError>> {
        Box::pin(async move { self.write(Deed::Change(batch.to_vec())).await.map_err(failed) })
    }

    fn tasks<'a>(&'a self, tasks: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskState>, BackendError>> {
        let (server, tasks) = (self.server.clone(), tasks.to_vec());
        let asked = self.line.call(Station::Meili, "tasks", move || server.states(&tasks));
        Box::pin(async move { asked.await.map_err(failed) })
    }

    fn read<'a>(
        &'a self,
        _index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Document>>, BackendError>> {
        Box::pin(async move {
            let server = self.server.clone();
            let last = self.line.call(Station::Meili, "barrier", move || locked(&server.state).busy);
            sleep_until(last.await.map_err(failed)?).await;
            let (server, ids) = (self.server.clone(), ids.to_vec());
            let read = move || {
                let mut state = locked(&server.state);
                state.advance(Instant::now());
                ids.iter().map(|id| state.documents.get(id).cloned()).collect()
            };
            self.line.call(Station::Meili, "read", read).await.map_err(failed)
        })
    }
}
