//! The whole migration of the reads, rehearsed in one command on 36,273 films.
//!
//! `cargo drill` starts PostgreSQL and Meilisearch (a double, or the real one if `MEILI_URL` and `MEILI_MASTER_KEY` are
//! set), loads both, drives real queries at a steady rate through the router of `examples/search_service.rs`, and walks
//! through the phases by setting the flags as an operator would: source_only, dual_write, shadow 5, 25, 50 %, canary 5, 50,
//! 100 %, rollback. It ends with the report and the time the rollback took.
//!
//! `--quick` ends within 20 s once built; `--json` prints one object at the end.
#![allow(clippy::disallowed_methods, missing_docs, unreachable_pub, missing_debug_implementations)]

#[path = "drill/load.rs"]
mod load;
#[path = "drill/output.rs"]
mod output;
mod service;
#[path = "drill/walk.rs"]
mod walk;
#[path = "drill/world.rs"]
mod world;

use std::{error::Error, process::ExitCode, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{output::Progress, walk::Walk, world::World};

/// How the drill is run.
#[derive(Clone, Copy, Debug)]
struct Options {
    json: bool,
    /// How long each phase lasts.
    phase: Duration,
    /// Requests a second.
    rate: u32,
}

const HELP: &str = "\
The migration of the reads, rehearsed on 36,273 films.

usage: cargo drill [--quick] [--json] [--seconds N] [--rate N]

  --quick      short phases: ends within 20 s once built
  --json       one JSON object on standard output at the end, progress on standard error
  --seconds N  how long each phase lasts (10)
  --rate N     requests a second (100)

With MEILI_URL and MEILI_MASTER_KEY set it runs against that server instead of the double, with DATABASE_URL in a fresh
database of that server instead of a cluster of its own.";

fn options() -> Result<Option<Options>, String> {
    let mut options = Options { json: false, phase: Duration::from_secs(10), rate: 100 };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = |what: &str| -> Result<f64, String> {
            let number = args.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0.0);
            number.ok_or(format!("{arg} wants {what}"))
        };
        match arg.as_str() {
            "--quick" => options.phase = Duration::from_millis(900),
            "--json" => options.json = true,
            "--seconds" => options.phase = Duration::from_secs_f64(number("a number of seconds")?),
            "--rate" => options.rate = number("requests a second")?.ceil() as u32,
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("unknown option {other}\n\n{HELP}")),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
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
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("{failed} requests failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the drill stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns how many requests failed.
async fn run(options: Options) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let progress = Progress::new();
    let world = World::start(&progress).await?;
    let service = service::build(&world.config()).await?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(service.worker.run(stop.clone()));

    let walk = Walk { options, world: &world, plan: service.plan, router: service.router };
    let walked = walk.run(&progress).await?;

    // The worker drains first, so that the report has every pair.
    stop.cancel();
    let drained = worker.await?;
    progress.step(&format!("drained: {} pairs finished, {} given up", drained.finished, drained.abandoned));
    let report = world.report(walked.started).await?;
    let recorded = world.answered_from_recording();
    if options.json {
        println!("{}", output::json(&walked, &report, recorded));
    } else {
        println!("{}", output::text(&walked, &report, recorded));
    }
    world.stop().await?;
    Ok(walked.failed)
}
