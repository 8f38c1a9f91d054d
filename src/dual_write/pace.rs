//! How long writes take their callers.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The writes since somebody last looked.
#[derive(Debug, Default)]
pub(super) struct Pace {
    writes: AtomicU64,
    micros: AtomicU64,
}

impl Pace {
    pub(super) fn took(&self, time: Duration) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Their mean, and begins anew; `None` if there were none. A write that ends meanwhile may be half in each.
    pub(super) fn take(&self) -> Option<Duration> {
        let writes = self.writes.swap(0, Ordering::Relaxed);
        let micros = self.micros.swap(0, Ordering::Relaxed);
        Some(Duration::from_micros(micros.checked_div(writes)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_the_writes_since_the_last_look() {
        let pace = Pace::default();
        assert_eq!(pace.take(), None);
        pace.took(Duration::from_millis(2));
        pace.took(Duration::from_millis(4));
        assert_eq!(pace.take(), Some(Duration::from_millis(3)));
        assert_eq!(pace.take(), None);
    }
}
