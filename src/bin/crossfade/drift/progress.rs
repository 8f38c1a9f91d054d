//! How far it is, on stderr: a bar on a terminal, else a line now and then.

use std::io::{IsTerminal, stderr};

use crossfade::drift::{DriftPass, DriftProgress};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Duration, Instant};

/// How long nothing is said where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template("{msg} [{wide_bar}] {pos}/{len} {elapsed}");
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, said: Instant::now() }
    }

    pub(super) fn tell(&mut self, progress: DriftProgress) {
        let (doing, done, of) = so_far(&progress);
        match &self.bar {
            Some(bar) => {
                bar.set_message(doing);
                if let Some(of) = of {
                    bar.set_length(of);
                }
                bar.set_position(done);
            }
            None if self.said.elapsed() >= BETWEEN_LINES => {
                self.said = Instant::now();
                let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
                eprintln!("{doing}: {done}{of}");
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What is being done, how much of it is, and how much there is.
fn so_far(progress: &DriftProgress) -> (&'static str, u64, Option<u64>) {
    let DriftProgress { pass, read, total, candidates, looked_at } = *progress;
    match pass {
        // Both sides hold about as many.
        DriftPass::Ranges => ("comparing", (read.meili + read.pg) / 2, total),
        DriftPass::Documents => ("looking for what differs", read.meili, total),
        DriftPass::Looks => ("looking once more", looked_at, Some(candidates)),
        DriftPass::Repair => ("repairing", looked_at, Some(candidates)),
    }
}
