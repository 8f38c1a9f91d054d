//! The primary keys of indexes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Deserialize;

use super::{client::Client, index::path};
use crate::error::BackendError;

/// Primary keys by index; only of indexes that are there, so there are no more of them than indexes. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct PrimaryKeys(Arc<Mutex<HashMap<Arc<str>, Arc<str>>>>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    primary_key: Option<String>,
}

impl PrimaryKeys {
    /// The primary key of an index, asked for once: it cannot change while there are documents.
    pub(super) async fn of(
        &self,
        client: &Client,
        uid: &str,
        deadline: Duration,
    ) -> Result<Option<Arc<str>>, BackendError> {
        if let Some(known) = self.known().get(uid) {
            return Ok(Some(Arc::clone(known)));
        }
        let about: About = client.get(&path(uid)?, (), deadline, "reading the primary key").await?;
        let found: Option<Arc<str>> = about.primary_key.map(Arc::from);
        if let Some(found) = &found {
            self.known().insert(Arc::from(uid), Arc::clone(found));
        }
        Ok(found)
    }

    /// Asks for the primary key again at the next query: the index may have been made anew.
    pub(super) fn forget(&self, uid: &str) {
        self.known().remove(uid);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
