//! Drives a read path and keeps the figures.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crossfade::{error::Side, shadow::ShadowPolicy};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::paths::{self, Mode, Path, Records};

/// A read path under load, with its worker running beside it.
pub struct Load<P> {
    path: Arc<P>,
    sampled: Option<Records>,
    _worker: Option<DropGuard>,
}

/// Nanoseconds per call, sample by sample.
#[derive(Default)]
pub struct Figures(BTreeMap<String, Vec<f64>>);

/// Calls between two waits for the worker: fewer than its queue holds, so that what is measured is a read that is
/// taken, not one that is dropped.
const BURST: u64 = 1024;

impl<P: Path> Load<P> {
    pub fn start(mode: Option<Mode>) -> Self {
        let records = Records::default();
        let Some(mode) = mode else { return Self { path: Arc::new(P::new(None)), sampled: None, _worker: None } };
        let sides = [Side::Meili, Side::Pg]
            .map(|side| Arc::new(paths::Instant(side, paths::hits())) as Arc<dyn crossfade::backend::SearchBackend>);
        // Nothing is dropped for lateness or lack of room: that would measure dropping.
        let policy = ShadowPolicy {
            queue: 4096,
            max_queue_wait: Duration::from_secs(60),
            noise_share: 0.0,
            ..Default::default()
        };
        let (migration, worker) = mode.migration(records.clone(), sides, policy);
        let stop = CancellationToken::new();
        tokio::spawn(worker.run(stop.clone()));
        let sampled = (mode == Mode::Sampled).then_some(records);
        Self { path: Arc::new(P::new(Some(&migration))), sampled, _worker: Some(stop.drop_guard()) }
    }

    /// Time for so many calls, one after the other. Waiting for the worker between bursts is not counted.
    pub async fn run(&self, iterations: u64) -> Duration {
        let mut took = Duration::ZERO;
        let mut left = iterations;
        while left > 0 {
            let burst = left.min(BURST);
            left -= burst;
            let path = self.path.clone();
            // On a runtime thread: the thread that blocks on the runtime is not one, and wakes cost more there.
            took += tokio::spawn(async move {
                let started = Instant::now();
                for _ in 0..burst {
                    path.read().await;
                }
                started.elapsed()
            })
            .await
            .unwrap();
            if let Some(records) = &self.sampled {
                while (records.len() as u64) < burst {
                    tokio::task::yield_now().await;
                }
                let ends = records.taken();
                let compared = ends.iter().filter(|end| end.outcome == crossfade::shadow::Outcome::Compared).count();
                assert_eq!(compared as u64, burst, "reads were dropped: this measures the wrong thing");
            }
        }
        took
    }
}

impl Figures {
    pub fn add(&mut self, name: &str, took: Duration, iterations: u64) -> Duration {
        self.0.entry(name.into()).or_default().push(took.as_nanos() as f64 / iterations as f64);
        took
    }

    fn median(&self, name: &str) -> Option<f64> {
        let mut samples = self.0.get(name)?.clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    }

    pub fn print(&self) {
        let budgets = [
            ("flag_read", None, 10.0),
            ("reads/off", Some("reads/bare"), 60.0),
            ("reads/unsampled", Some("reads/bare"), 100.0),
            ("reads/sampled", Some("reads/bare"), 2000.0),
            ("http_reads/off", Some("http_reads/bare"), 500.0),
            ("http_reads/unsampled", Some("http_reads/bare"), 1000.0),
            ("http_reads/sampled", Some("http_reads/bare"), 2000.0),
        ];
        println!("\n{:<24}{:>12}{:>14}{:>12}", "median per call", "ns", "over bare", "budget");
        for (name, bare, budget) in budgets {
            let Some(median) = self.median(name) else { continue };
            let over = median - bare.and_then(|bare| self.median(bare)).unwrap_or(0.0);
            let verdict = if over <= budget { "ok" } else { "OVER" };
            println!("{name:<24}{median:>12.1}{over:>14.1}{budget:>12.0}  {verdict}");
        }
    }
}
