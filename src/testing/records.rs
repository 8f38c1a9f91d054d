//! A shadow sink that keeps everything.

use std::sync::{Arc, Mutex, PoisonError};

use crate::shadow::{ShadowRecord, ShadowSink};

/// Keeps every record in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Records(Arc<Mutex<Vec<ShadowRecord>>>);

impl Records {
    /// Takes out what has been recorded so far.
    pub fn taken(&self) -> Vec<ShadowRecord> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many records are kept.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ShadowSink for Records {
    fn record(&self, record: ShadowRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }
}
