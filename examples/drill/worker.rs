//! The process that copies: a backfill as a program of its own would run it. The drill kills it, and starts it again.

use std::{
    error::Error,
    io::{self, Read, Write},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crossfade::{
    backfill::{Backfill, BackfillOutcome, Job, Note, source::MeiliSource},
    drift::{DriftPass, DriftProgress, DriftRepair, PerSide},
    plan::{Flagging, PlanHandle},
    store::{DEFAULT_SCHEMA, Store},
};
use tokio_util::sync::CancellationToken;

use crate::assignment::{Assignment, Event};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Shards that are copied side by side.
pub const WORKERS: usize = 2;

pub fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false).with_writer(io::stderr).init();
    // It ends with the drill, however that ends: the drill holds the other end of standard input.
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    let worked = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(work()));
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn work() -> Result<()> {
    let assignment = Assignment::from_environment()?;
    let (meili, postgres, index) = (assignment.meili()?, assignment.postgres()?, &*assignment.index);
    let store = Store::connect(&assignment.database_url, DEFAULT_SCHEMA).await?;
    let (plan, watcher) = PlanHandle::watch(Flagging::new().table(store.flags().watch())).await;
    let (source, target) = (Arc::new(meili.clone().writer()), Arc::new(postgres.clone().writer()));
    let repair = DriftRepair::new(assignment.check()?, source, target, plan);
    let backfill = Backfill::new(&store, postgres.index(index), MeiliSource::new(meili.index(index)))
        .repair(repair)
        .workers(WORKERS);

    let (stop, told) = (CancellationToken::new(), Told::default());
    let working = async {
        let _watching = stop.clone().drop_guard();
        backfill.run(&assignment.job, CancellationToken::new(), &told).await
    };
    let (outcome, _) = tokio::join!(Box::pin(working), watcher.run(stop.clone()));
    match outcome? {
        BackfillOutcome::Succeeded(_) => {
            tell(&Event::Done { comparisons: told.comparisons.load(Ordering::Relaxed) });
            Ok(())
        }
        other => Err(format!("the job did not come to its end: {other:?}").into()),
    }
}

/// Passes on what the backfill tells.
#[derive(Default)]
struct Told {
    found: AtomicBool,
    comparisons: AtomicU64,
}

impl Note for Told {
    fn say(&self, step: &str) {
        tell(&Event::Step { text: step.to_owned() });
    }

    fn progress(&self, job: &Job) {
        // The first is told before anything is done.
        if !self.found.swap(true, Ordering::Relaxed) {
            tell(&Event::Found { rows: job.processed_rows });
        }
    }

    fn comparing(&self, progress: DriftProgress) {
        let DriftProgress { pass: DriftPass::Ranges, read, total, .. } = progress else { return };
        // Each comparison begins with nothing read.
        if read == PerSide::default() {
            self.comparisons.fetch_add(1, Ordering::Relaxed);
        }
        tell(&Event::Comparing { read: (read.meili + read.pg) / 2, total });
    }
}

/// A drill that does not listen any more is about to end this process.
fn tell(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        let _ = writeln!(io::stdout().lock(), "{line}");
    }
}
