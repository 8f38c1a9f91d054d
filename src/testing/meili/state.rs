//! What the server holds: indexes, tasks, recorded answers.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    error::ApiError,
    fault::{Script, TaskFault},
    settings::Settings,
    task::{Status, Task, Work},
};
use crate::{backend::memory::Store, document::DocumentId};

/// Everything the routes and the task worker share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) master_key: Option<String>,
    pub(super) script: Script,
    /// Wakes the task worker.
    pub(super) wake: Notify,
    answered_from_recording: AtomicU64,
    data: RwLock<Data>,
    queue: Mutex<Queue>,
    recordings: RwLock<HashMap<String, HashMap<String, Recording>>>,
}

/// Indexes and tasks.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) indexes: BTreeMap<String, Index>,
    /// By uid; `None` has vanished.
    pub(super) tasks: Vec<Option<Task>>,
    /// How many batches have been begun.
    pub(super) batches: usize,
}

/// One index.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) primary_key: Option<String>,
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// What the task worker has before it, and how it is to go about it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<(usize, Work)>,
    pub(super) faults: VecDeque<TaskFault>,
    pub(super) paused: bool,
    /// Which document cannot be indexed is not said.
    pub(super) tells_nothing: bool,
    pub(super) duration: Duration,
}

/// What a real server answered to a query.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) ids: Vec<DocumentId>,
    pub(super) total: u64,
}

impl Shared {
    pub(super) fn new(master_key: Option<String>, task_duration: Duration) -> Self {
        Self {
            master_key,
            script: Script::default(),
            wake: Notify::new(),
            answered_from_recording: AtomicU64::new(0),
            data: RwLock::default(),
            queue: Mutex::new(Queue { duration: task_duration, ..Queue::default() }),
            recordings: RwLock::default(),
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Data> {
        self.data.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Data> {
        self.data.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts work into the queue; what the request is answered.
    pub(super) fn enqueue(&self, index: &str, work: Work) -> Value {
        let mut data = self.write();
        let task = Task::new(data.tasks.len(), index.to_owned(), &work);
        let summary = task.summary();
        self.queue().waiting.push_back((task.uid, work));
        data.tasks.push(Some(task));
        self.wake.notify_one();
        summary
    }

    pub(super) fn record(&self, index: &str, text: String, recording: Recording) {
        let mut recordings = self.recordings.write().unwrap_or_else(PoisonError::into_inner);
        recordings.entry(index.to_owned()).or_default().insert(text, recording);
    }

    pub(super) fn recording(&self, index: &str, text: &str) -> Option<Recording> {
        let recordings = self.recordings.read().unwrap_or_else(PoisonError::into_inner);
        recordings.get(index)?.get(text).cloned()
    }

    pub(super) fn count_recorded_answer(&self) {
        self.answered_from_recording.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered_from_recording(&self) -> u64 {
        self.answered_from_recording.load(Ordering::Relaxed)
    }
}

impl Data {
    pub(super) fn index(&self, uid: &str) -> Result<&Index, ApiError> {
        self.indexes.get(uid).ok_or_else(|| ApiError::index_not_found(uid))
    }

    /// A task that has not vanished.
    pub(super) fn task(&mut self, uid: usize) -> Option<&mut Task> {
        self.tasks.get_mut(uid)?.as_mut()
    }

    /// Drops the records of tasks that have ended.
    pub(super) fn forget_ended(&mut self) {
        for task in &mut self.tasks {
            if task.as_ref().is_some_and(|task| task.finished_at.is_some()) {
                *task = None;
            }
        }
    }

    /// Whether a task is changing the index now.
    pub(super) fn is_indexing(&self, uid: &str) -> bool {
        self.tasks.iter().flatten().any(|task| task.status == Status::Processing && task.index == uid)
    }
}

impl Index {
    pub(super) fn new(primary_key: Option<String>) -> Self {
        let now = Timestamp::now();
        let settings = Settings::default();
        let store = Store::new(settings.typed(), None);
        Self { primary_key, settings, store, created_at: now, updated_at: now }
    }

    /// What `GET /indexes` shows.
    pub(super) fn show(&self, uid: &str) -> Value {
        json!({
            "uid": uid,
            "createdAt": self.created_at.to_string(),
            "updatedAt": self.updated_at.to_string(),
            "primaryKey": self.primary_key,
        })
    }
}
