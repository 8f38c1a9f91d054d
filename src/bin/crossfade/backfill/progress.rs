//! What a backfill tells while it works: a bar on a terminal, else lines now and then; or JSON, one object a line.

use std::{
    io::{self, IsTerminal, stderr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crossfade::{
    backfill::{BackfillOutcome, Job, Note, Stage},
    drift::DriftProgress,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::time::Instant;

use super::show;
use crate::output;

/// How long nothing is said where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    json: bool,
    bar: Option<ProgressBar>,
    said: Mutex<Instant>,
}

impl Progress {
    pub(super) fn new(json: bool) -> Self {
        let bar = (!json && stderr().is_terminal()).then(|| {
            let bar = ProgressBar::no_length();
            if let Ok(style) = ProgressStyle::with_template("{prefix:>12} [{wide_bar}] {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self { json, bar, said: Mutex::new(Instant::now()) }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Says how it ended.
    pub(super) fn ended(&self, outcome: &BackfillOutcome) -> io::Result<()> {
        let (word, job) = match outcome {
            BackfillOutcome::Succeeded(job) => ("succeeded", job),
            BackfillOutcome::Paused(job) => ("paused", job),
            BackfillOutcome::Cancelled(job) => ("cancelled", job),
            BackfillOutcome::Stopped(job) => ("stopped", job),
        };
        if self.json {
            return line(&json!({"event": "end", "outcome": word, "job": job}));
        }
        output::text(&show::ended(word, job))
    }

    pub(super) fn hint(&self, text: &str) {
        eprintln!("{text}");
    }

    /// Whether it is time for a line.
    fn is_due(&self) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said.elapsed() >= BETWEEN_LINES;
        if due {
            *said = Instant::now();
        }
        due
    }

    fn tell(&self, prefix: &'static str, done: u64, of: Option<u64>, message: String) {
        match &self.bar {
            Some(bar) => {
                bar.set_prefix(prefix);
                if let Some(of) = of {
                    bar.set_length(of.max(done));
                }
                bar.set_position(done);
                bar.set_message(message);
            }
            None if self.is_due() => eprintln!("{prefix}: {message}"),
            None => {}
        }
    }
}

impl Note for Progress {
    fn say(&self, step: &str) {
        match &self.bar {
            _ if self.json => drop(line(&json!({"event": "step", "step": step}))),
            Some(bar) => bar.println(step),
            None => eprintln!("{step}"),
        }
    }

    fn progress(&self, job: &Job) {
        if self.json {
            drop(line(&json!({"event": "progress", "job": job})));
        } else if job.stage == Stage::Copying {
            let of = job.total_rows.map(i64::unsigned_abs);
            self.tell("copying", job.processed_rows.unsigned_abs(), of, show::copying(job));
        } else if let (Stage::Indexing, Some(share)) = (job.stage, job.postings_built) {
            let percent = (share * 100.0) as u64;
            self.tell("indexing", percent, Some(100), format!("{percent} % of the postings"));
        }
    }

    fn comparing(&self, progress: DriftProgress) {
        if !self.json {
            let read = (progress.read.meili + progress.read.pg) / 2;
            self.tell("comparing", read, progress.total, format!("{read} documents"));
        }
    }
}

/// One object, on one line. A reader that has gone away is no failure.
fn line(value: &serde_json::Value) -> io::Result<()> {
    output::text(&value.to_string())
}
