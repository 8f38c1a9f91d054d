//! What the drill shows: progress on standard error, results on standard output.

use std::{io::IsTerminal, time::Duration};

use crossfade::store::Report;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::walk::Walked;

pub struct Progress {
    bars: MultiProgress,
    terminal: bool,
}

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

    pub fn bar(&self, what: &str) -> ProgressBar {
        let style = ProgressStyle::with_template("  {msg:<28} {wide_bar} {pos}/{len} {eta}");
        let bar = self.bars.add(ProgressBar::new(0)).with_message(what.to_owned());
        match style {
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

/// Against what the overlap was measured.
fn reference(recorded: Option<u64>) -> String {
    match recorded {
        Some(answers) => format!("answers recorded from Meilisearch 1.50 ({answers} given by the double)"),
        None => "a real Meilisearch server".into(),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}

pub fn text(walked: &Walked, report: &Report, recorded: Option<u64>) -> String {
    let rollback = milliseconds(walked.rollback.to_last_pg_answer);
    format!(
        "\n{report}\ncompared with    {}\nrequests         {} in all, {} failed\n\
         rollback         {rollback} ms from the change of the flag to the last answer from pg",
        reference(recorded),
        walked.requests,
        walked.failed,
    )
}

pub fn json(walked: &Walked, report: &Report, recorded: Option<u64>) -> Value {
    let outcomes = report.overall.outcomes.iter().map(|(outcome, count)| (outcome.clone(), json!(count.stored)));
    json!({
        "requests": walked.requests,
        "failed_requests": walked.failed,
        "shadow_outcomes": outcomes.collect::<serde_json::Map<_, _>>(),
        "overlap_at_10": report.overall.compared.overlap_at_10,
        "latency_ms": report.overall.compared.latency_ms,
        "rollback_ms": milliseconds(walked.rollback.to_last_pg_answer),
        "phases": walked.phases,
        "compared_with": reference(recorded),
        "report": report,
    })
}
