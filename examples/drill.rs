//! The whole migration, rehearsed in one command on 36,273 films.
//!
//! `cargo drill` starts PostgreSQL and Meilisearch (a double, or the real one if `MEILI_URL` and `MEILI_MASTER_KEY` are
//! set), loads Meilisearch alone, drives real queries at a steady rate through the router of `examples/search_service.rs`, and
//! walks through the phases as an operator would: each step is taken when the gates before it pass (`examples/drill/gates.toml`), and not
//! before: source_only, dual_write, shadow 5, 25, 50 %, canary 5, 50 %, target_primary, target_only.
//!
//! From the moment both sides are written, writers put, replace and delete posts, and the drill remembers what was
//! acknowledged. Then the history is copied while all that goes on: another process of this program works on the backfill, is
//! killed with SIGKILL in the middle, and is started again. It goes on at the checkpoint, catches up, and compares both sides;
//! so does the drill, and shadow reads begin only if nothing differs. PostgreSQL is stopped during the canary: the guard sends readers back by itself and latches,
//! no step can be taken until that is cleared, and the canary begins anew. Meilisearch is stopped while PostgreSQL answers all readers; tasks of Meilisearch
//! are canceled, fail and are forgotten during the canary. After the cutover a rollback is rehearsed and measured. It ends in `target_only`, with the report, the time the rollback took, and the proof
//! that both sides hold the same documents and every acknowledged write. It fails if a read failed, a write is lost, a
//! document differs, a gate never held, the guard did not act, or the backfill was not killed and resumed.
//!
//! `--quick` ends within 40 s once built; `--json` prints one object at the end.
#![allow(clippy::disallowed_methods, missing_docs, unreachable_pub, missing_debug_implementations)]

#[path = "drill/agreement.rs"]
mod agreement;
#[path = "drill/assignment.rs"]
mod assignment;
#[path = "drill/backfill.rs"]
mod backfill;
#[path = "drill/backfilled.rs"]
mod backfilled;
#[path = "drill/backlog.rs"]
mod backlog;
#[path = "drill/child.rs"]
mod child;
#[path = "drill/fault.rs"]
mod fault;
#[path = "drill/gates.rs"]
mod gates;
#[path = "drill/live.rs"]
mod live;
#[path = "drill/load.rs"]
mod load;
#[path = "drill/memory.rs"]
mod memory;
#[path = "drill/outage.rs"]
mod outage;
#[path = "drill/output.rs"]
mod output;
#[path = "drill/proof.rs"]
mod proof;
#[path = "drill/results.rs"]
mod results;
#[path = "drill/rhythm.rs"]
mod rhythm;
#[path = "drill/rollback.rs"]
mod rollback;
mod service;
#[path = "drill/sides.rs"]
mod sides;
#[path = "drill/steps.rs"]
mod steps;
#[path = "drill/walk.rs"]
mod walk;
#[path = "drill/worker.rs"]
mod worker;
#[path = "drill/world.rs"]
mod world;
#[path = "drill/writes.rs"]
mod writes;

use std::{error::Error, process::ExitCode, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    live::{Engine, Live},
    output::Progress,
    proof::Proof,
    results::Results,
    walk::Walk,
    world::World,
};

/// How the drill is run.
#[derive(Clone, Copy, Debug)]
struct Options {
    json: bool,
    quick: bool,
    /// How long each phase lasts.
    phase: Duration,
    /// Reads a second.
    rate: u32,
    /// Writes a second.
    writes: u32,
    /// How long the double takes over each batch of tasks.
    indexing: Duration,
}

const HELP: &str = "\
The migration, rehearsed on 36,273 films: reads and writes while it goes on, a backfill that is killed with SIGKILL and
resumes, and servers that stop in the middle of it.

usage: cargo drill [--quick] [--json] [--seconds N] [--rate N] [--writes N] [--indexing MS]

  --quick        short phases: ends within 40 s once built
  --json         one JSON object on standard output at the end, progress on standard error
  --seconds N    how long each phase lasts (10)
  --rate N       reads a second (100)
  --writes N     writes a second, once both sides are written (50): twice as many in bursts, and after each none until all
                 of it stands on both sides, and as long again
  --indexing MS  how long the double takes over each batch of tasks (0): a real Meilisearch takes its time

With MEILI_URL and MEILI_MASTER_KEY set it runs against that server instead of the double, with DATABASE_URL in a fresh
database of that server instead of a cluster of its own. A server that is not the drill's own is not stopped.

It exits with 1 if a read failed, an acknowledged write is lost, the backfill was not killed, resumed and finished, a gate
fails or none ever held, the guard did not roll back, or the sides differ before shadow reads or in the end.";

fn options() -> Result<Option<Options>, String> {
    let (phase, indexing) = (Duration::from_secs(10), Duration::ZERO);
    let mut options = Options { json: false, quick: false, phase, rate: 100, writes: 50, indexing };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = |what: &str| -> Result<f64, String> {
            let number = args.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0.0);
            number.ok_or(format!("{arg} wants {what}"))
        };
        match arg.as_str() {
            "--quick" => (options.quick, options.phase) = (true, Duration::from_millis(900)),
            "--json" => options.json = true,
            "--seconds" => options.phase = Duration::from_secs_f64(number("a number of seconds")?),
            "--rate" => options.rate = number("reads a second")?.ceil() as u32,
            "--writes" => options.writes = number("writes a second")?.ceil() as u32,
            "--indexing" => options.indexing = Duration::from_secs_f64(number("milliseconds")? / 1e3),
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("unknown option {other}\n\n{HELP}")),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(assignment::WORKER) {
        return worker::main();
    }
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let outcome = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(run(options)));
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(why)) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the drill stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns what did not go as it should.
async fn run(options: Options) -> Result<Result<(), String>, Box<dyn Error + Send + Sync>> {
    let progress = Progress::new();
    let world = World::start(options.indexing, &progress).await?;
    let service = service::build(&world.config()).await?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(service.worker.run(stop.clone()));

    let router = service.router.clone();
    let walk =
        Walk { options, world: &world, plan: service.plan, router: service.router, writes: service.writes.clone() };
    let walked = Box::pin(walk.run(&progress)).await?;
    let dead = service.writes.journal().status().await?.dead_letters;
    let retried = results::metric(router, crossfade::telemetry::DUAL_WRITE_RETRIES).await?;

    // The worker drains first, so that the report has every pair.
    stop.cancel();
    let drained = worker.await?;
    progress
        .step(&format!("drained: {} pairs finished, {} given up", drained.shadow.finished, drained.shadow.abandoned));
    progress.step("comparing all documents");
    let proof = Proof::of(&world.in_meili().await?, &world.in_pg().await?, &walked.writes);
    let report = world.report(walked.started).await?;
    let live = Live::of(&world, Engine::of(&world).await?).await?;
    let recorded = world.answered_from_recording();
    let results = Results { walked, report, live, proof, retried, dead, recorded };
    if options.json {
        println!("{}", results.json());
    } else {
        println!("{results}");
    }
    world.stop().await?;
    Ok(results.verdict())
}
