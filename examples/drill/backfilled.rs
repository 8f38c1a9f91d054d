//! What the backfill did, and whether that is what it should have done.

use std::time::Duration;

use crossfade::{
    backfill::{Job, JobStatus},
    drift::DriftReport,
};
use serde_json::{Map, Value, json};

use crate::results::milliseconds;

pub struct Backfilled {
    /// The job in the end.
    pub job: Job,
    /// From its making until it was done, the comparison of its own included.
    pub seconds: f64,
    /// How long copying took, with the time in which nobody did.
    pub copying: Duration,
    /// Rows dealt with when its process was killed; `None`: it was over before.
    pub killed_at: Option<i64>,
    /// Rows at which the next process found it.
    pub resumed_from: i64,
    /// From the start of that process until more rows were dealt with.
    pub went_on: Duration,
    /// How often it has compared the sides, until nothing differed.
    pub comparisons: u64,
    /// The drill's own comparison afterwards.
    pub drift: DriftReport,
}

impl Backfilled {
    /// Whether all went as it should; otherwise what did not.
    pub fn verdict(&self) -> Result<(), String> {
        let Job { status, processed_rows, written_rows, stale_rows, failed_rows, .. } = self.job;
        let resumed = self.resumed_from;
        if status != JobStatus::Succeeded {
            return Err(format!("the backfill is {status}, not succeeded"));
        }
        let Some(killed) = self.killed_at else {
            return Err("the backfill was over before its process could be killed".to_owned());
        };
        if failed_rows > 0 || written_rows + stale_rows != processed_rows {
            return Err(format!(
                "of {processed_rows} rows of the backfill, {written_rows} were written, {stale_rows} stale, {failed_rows} failed"
            ));
        }
        // Had it begun anew, what stood there would have been counted a second time.
        let anew = self.job.total_rows.is_none_or(|total| processed_rows >= total + resumed);
        if resumed < killed || anew {
            return Err(format!(
                "the backfill was killed at {killed} rows and found again at {resumed}, but dealt with {processed_rows} in all"
            ));
        }
        match self.drift.counts.total() {
            0 => Ok(()),
            drift => Err(format!("{drift} documents differed before shadow reads began")),
        }
    }

    fn rows_per_second(&self) -> f64 {
        (self.job.processed_rows as f64 / self.copying.as_secs_f64().max(1e-3)).round()
    }

    pub fn json(&self) -> Map<String, Value> {
        let fields = [
            ("backfill_rows", json!(self.job.processed_rows)),
            ("backfill_written_rows", json!(self.job.written_rows)),
            ("backfill_stale_rows", json!(self.job.stale_rows)),
            ("backfill_failed_rows", json!(self.job.failed_rows)),
            ("backfill_seconds", json!(self.seconds)),
            ("backfill_copy_seconds", json!(self.copying.as_secs_f64())),
            ("backfill_rows_per_second", json!(self.rows_per_second())),
            ("backfill_killed_at_rows", json!(self.killed_at)),
            ("backfill_resumed_from_rows", json!(self.resumed_from)),
            ("backfill_went_on_ms", json!(milliseconds(self.went_on))),
            ("backfill_comparisons", json!(self.comparisons)),
            ("drift_before_shadow", json!(self.drift.counts.total())),
            ("drift_before_shadow_compared", json!(self.drift.documents)),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The same as lines of a page: labels and texts.
    pub fn lines(&self) -> [(&'static str, String); 4] {
        let Job { processed_rows: rows, stale_rows: stale, failed_rows: failed, .. } = self.job;
        let (took, rate) = (self.copying.as_secs_f64(), self.rows_per_second());
        let killed = match self.killed_at {
            Some(killed) => format!("killed with SIGKILL at {killed} rows"),
            None => "over before it could be killed".to_owned(),
        };
        let (resumed, after) = (self.resumed_from, milliseconds(self.went_on));
        let again = match self.comparisons {
            1 => "once".to_owned(),
            more => format!("{more} times"),
        };
        let (drift, documents) = (self.drift.counts.total(), self.drift.documents);
        [
            (
                "backfill",
                format!("{rows} rows in {took:.1} s, {rate} rows/s; {stale} beaten by live writes, {failed} failed"),
            ),
            ("", format!("{killed}, found again at {resumed}, and went on {after:.0} ms after the new start")),
            ("", format!("compared {again} until nothing differed; done after {:.1} s", self.seconds)),
            (
                "before shadow",
                format!(
                    "{drift} documents differed, of {} in Meilisearch and {} in PostgreSQL",
                    documents.meili, documents.pg
                ),
            ),
        ]
    }
}
