//! How far it is, on stderr: a bar on a terminal, else a line now and then.

use std::{
    io::{IsTerminal, stderr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// How long nothing is said where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    said: Mutex<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            if let Ok(style) = ProgressStyle::with_template("{prefix:>24} [{wide_bar}] {msg} {elapsed}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self { bar, said: Mutex::new(Instant::now()) }
    }

    pub(super) fn tell(&self, doing: &'static str, done: u64, of: Option<u64>) {
        let message = of.map_or_else(|| done.to_string(), |of| format!("{done} of {of}"));
        match &self.bar {
            Some(bar) => {
                bar.set_prefix(doing);
                match of {
                    Some(of) => bar.set_length(of),
                    None => bar.unset_length(),
                }
                bar.set_position(done);
                bar.set_message(message);
            }
            None if self.is_due() => eprintln!("{doing}: {message}"),
            None => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
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
}
