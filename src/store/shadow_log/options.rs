//! What can be set about the shadow log.

use std::time::Duration;

use super::Redaction;

/// How the shadow log is written and kept.
#[derive(Clone, Debug)]
pub struct ShadowLogOptions {
    /// Records that may wait to be written, at least 1; more are lost, and counted. One is about 2 KB with two pages of
    /// 20 ids. Default 16,384: 0.8 s at 20,000 a second.
    pub queue: usize,
    /// Rows in one statement at most, at least 1. Default 1,000.
    pub batch: usize,
    /// How long a row waits for its batch to fill. Default 500 ms.
    pub interval: Duration,
    /// How long rows are kept. Default 14 days.
    pub retention: Duration,
    /// How long the writer may take for what is left when it is told to stop. Default 5 s.
    pub drain: Duration,
    /// Whether the query is kept as it was asked, for `crossfade replay`. Default true.
    pub requests: bool,
    /// What of a reader is not stored in plain.
    pub redaction: Redaction,
}

impl Default for ShadowLogOptions {
    fn default() -> Self {
        Self {
            queue: 16_384,
            batch: 1_000,
            interval: Duration::from_millis(500),
            retention: Duration::from_secs(14 * 24 * 60 * 60),
            drain: Duration::from_secs(5),
            requests: true,
            redaction: Redaction::default(),
        }
    }
}
