//! What the drill shows: progress on standard error, results on standard output.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

pub struct Progress {
    bars: MultiProgress,
    terminal: bool,
}

/// A line that changes, and goes when it is dropped. Without a terminal it is printed now and then.
pub struct Line<'a> {
    progress: &'a Progress,
    bar: ProgressBar,
    printed: Instant,
}

/// How often a changing line is printed without a terminal.
const PRINT_EVERY: Duration = Duration::from_secs(1);

impl Progress {
    pub fn new() -> Self {
        Self { bars: MultiProgress::new(), terminal: std::io::stderr().is_terminal() }
    }

    /// A line that stays.
    pub fn step(&self, text: &str) {
        if !self.terminal || self.bars.println(format!("  {text}")).is_err() {
            eprintln!("  {text}");
        }
    }

    pub fn line(&self) -> Line<'_> {
        Line { progress: self, bar: self.styled(ProgressBar::new_spinner(), "  {msg}"), printed: Instant::now() }
    }

    pub fn bar(&self, what: &str) -> ProgressBar {
        let template = "  {msg:<28} {wide_bar} {pos}/{len} {eta}";
        self.styled(ProgressBar::new(0).with_message(what.to_owned()), template)
    }

    fn styled(&self, bar: ProgressBar, template: &str) -> ProgressBar {
        let bar = self.bars.add(bar);
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// Lets a phase last, with a bar.
    pub async fn run(&self, what: &str, lasts: Duration) {
        let bar = self.bar(what);
        bar.set_length(lasts.as_millis() as u64);
        let started = tokio::time::Instant::now();
        while started.elapsed() < lasts {
            bar.set_position(started.elapsed().as_millis() as u64);
            tokio::time::sleep(Duration::from_millis(50).min(lasts - started.elapsed().min(lasts))).await;
        }
        bar.finish_and_clear();
    }
}

impl Line<'_> {
    pub fn show(&mut self, text: &str) {
        if self.progress.terminal {
            self.bar.set_message(text.to_owned());
            self.bar.tick();
        } else if self.printed.elapsed() >= PRINT_EVERY {
            self.printed = Instant::now();
            self.progress.step(text);
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
