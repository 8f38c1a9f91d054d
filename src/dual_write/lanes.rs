//! One write of a document at a time, in this process and on one side: so that the side sees them in the order of their
//! versions.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use crate::{document::DocumentId, error::Side};

type Key = (Side, Arc<str>, DocumentId);
/// One lock for each key that is in use.
type Locks<K, L> = Arc<Mutex<BTreeMap<K, Arc<L>>>>;

/// The locks in use. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    documents: Locks<Key, tokio::sync::Mutex<()>>,
    /// Held for reading by writes of documents, for writing by sweeps.
    indexes: Locks<(Side, Arc<str>), tokio::sync::RwLock<()>>,
}

/// Lanes that are held.
#[derive(Debug)]
pub(super) struct Held {
    lanes: Lanes,
    documents: Vec<(Key, Option<OwnedMutexGuard<()>>)>,
    _index: Index,
}

#[derive(Debug)]
enum Index {
    Shared { _guard: OwnedRwLockReadGuard<()> },
    Swept { _guard: OwnedRwLockWriteGuard<()> },
}

impl Lanes {
    /// Waits until these documents are free. Ids are taken in one order everywhere, so that nobody waits in a circle.
    pub(super) async fn lock(&self, side: Side, index: &Arc<str>, ids: impl IntoIterator<Item = DocumentId>) -> Held {
        let guard = self.index(side, index).read_owned().await;
        let mut held = Held { lanes: self.clone(), documents: Vec::new(), _index: Index::Shared { _guard: guard } };
        for key in keys(side, index, ids) {
            let lock = self.lane(&key);
            // Entered before it is waited for: a caller that goes away meanwhile leaves no lane behind.
            held.documents.push((key, None));
            let guard = lock.lock_owned().await;
            if let Some((_, place)) = held.documents.last_mut() {
                *place = Some(guard);
            }
        }
        held
    }

    /// Waits until nothing of the index is being written.
    pub(super) async fn lock_all(&self, side: Side, index: &Arc<str>) -> Held {
        let guard = self.index(side, index).write_owned().await;
        Held { lanes: self.clone(), documents: Vec::new(), _index: Index::Swept { _guard: guard } }
    }

    /// The documents that are free, held, and the ids of those that are not. `None` while the index is being swept.
    pub(super) fn try_lock(&self, side: Side, index: &Arc<str>, ids: &[DocumentId]) -> Option<(Held, Vec<DocumentId>)> {
        let guard = self.index(side, index).try_read_owned().ok()?;
        let mut held = Held { lanes: self.clone(), documents: Vec::new(), _index: Index::Shared { _guard: guard } };
        let mut busy = Vec::new();
        for key in keys(side, index, ids.iter().cloned()) {
            match self.lane(&key).try_lock_owned() {
                Ok(guard) => held.documents.push((key, Some(guard))),
                Err(_) => busy.push(key.2),
            }
        }
        Some((held, busy))
    }

    fn lane(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(key.clone()).or_default())
    }

    fn index(&self, side: Side, index: &Arc<str>) -> Arc<tokio::sync::RwLock<()>> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(indexes.entry((side, Arc::clone(index))).or_default())
    }
}

/// Sorted, each once.
fn keys(side: Side, index: &Arc<str>, ids: impl IntoIterator<Item = DocumentId>) -> Vec<Key> {
    let mut keys: Vec<Key> = ids.into_iter().map(|id| (side, Arc::clone(index), id)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut lanes = self.lanes.documents.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, guard) in self.documents.drain(..) {
            drop(guard);
            // One count is the map's: nobody else waits.
            if lanes.get(&key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
                lanes.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task::spawn};

    use super::*;

    fn ids(names: &[&str]) -> Vec<DocumentId> {
        names.iter().map(|name| DocumentId::from(*name)).collect()
    }

    #[tokio::test]
    async fn a_document_is_written_once_at_a_time_and_others_go_on() {
        let (lanes, index) = (Lanes::default(), Arc::from("i"));
        let first = lanes.lock(Side::Meili, &index, ids(&["b", "a", "a"])).await;
        let mut second = spawn(lanes.lock(Side::Meili, &index, ids(&["b"])));
        assert_pending!(second.poll());
        drop(lanes.lock(Side::Meili, &index, ids(&["c"])).await);
        drop(lanes.lock(Side::Pg, &index, ids(&["a"])).await);
        let (_held, busy) = lanes.try_lock(Side::Meili, &index, &ids(&["a", "c"])).unwrap();
        assert_eq!(busy, ids(&["a"]));
        drop(first);
        assert!(second.is_woken());
        drop(assert_ready!(second.poll()));
    }

    #[tokio::test]
    async fn a_sweep_waits_for_all_and_all_wait_for_it() {
        let (lanes, index) = (Lanes::default(), Arc::from("i"));
        let write = lanes.lock(Side::Meili, &index, ids(&["a"])).await;
        let mut sweep = spawn(lanes.lock_all(Side::Meili, &index));
        assert_pending!(sweep.poll());
        drop(write);
        let held = assert_ready!(sweep.poll());
        let mut next = spawn(lanes.lock(Side::Meili, &index, ids(&["z"])));
        assert_pending!(next.poll());
        assert!(lanes.try_lock(Side::Meili, &index, &ids(&["z"])).is_none());
        drop(held);
        assert_ready!(next.poll());
    }

    #[tokio::test]
    async fn no_lane_is_left_behind() {
        let (lanes, index) = (Lanes::default(), Arc::from("i"));
        let first = lanes.lock(Side::Meili, &index, ids(&["a"])).await;
        let mut given_up = spawn(lanes.lock(Side::Meili, &index, ids(&["a", "b"])));
        assert_pending!(given_up.poll());
        drop(given_up);
        drop(first);
        assert!(lanes.documents.lock().unwrap().is_empty());
    }
}
