//! The `crossfade` program: operates a migration from the command line.

mod advance;
mod backfill;
mod database;
mod drift;
mod eval;
mod failure;
mod flags;
mod gate;
mod journal;
mod meili;
mod migrate;
mod observe;
mod output;
mod ramp;
mod replay;
mod replicas;
mod report;
mod rollback;
mod span;
mod stop;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use database::Database;
use failure::Failure;

/// Operates a migration from Meilisearch to PostgreSQL.
#[derive(Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    after_help = "\
Examples:
  export DATABASE_URL=postgres://crossfade@db.internal/search
  crossfade migrate
  crossfade flags set search_write_mode dual --why 'start of the migration'
  crossfade flags get
  crossfade rollback --why 'worse than before'
  crossfade report --since 24h
  crossfade gate
  crossfade advance
  crossfade replay --worst 10 --since 24h
  crossfade report --since 24h --html report.html
  crossfade journal status --journal /var/lib/search/journal.db
  crossfade backfill start --index posts
  crossfade drift check --index posts
  crossfade eval --docs posts.jsonl.gz --queries queries.tsv --meili http://meili.internal:7700
  crossfade observe alerts --job search > crossfade-alerts.yml

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a rule of the flags, 4 the database or the journal
cannot be reached or is in use; `gate` ends with 0 for pass, 1 for fail and 2 for hold"
)]
struct Cli {
    #[command(flatten)]
    database: Database,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create the control tables, or bring them up to date.
    Migrate,
    /// Show and change the flags that steer the migration.
    Flags(flags::Flags),
    /// Send reads back to Meilisearch and keep them there: one action, by every way there is.
    Rollback(Box<rollback::Rollback>),
    /// Show what the shadow reads say: how they ended, how alike the sides answer, how fast.
    Report(report::Report),
    /// Ask pairs of the shadow log again, on both sides, and show what has changed.
    Replay(replay::Replay),
    /// Look into the journal of writes, and decide about those that could not be done.
    Journal(journal::Journal),
    /// Copy what was there before both sides were written, while the service runs.
    Backfill(Box<backfill::Backfill>),
    /// Show the processes of the service.
    Replicas(replicas::Replicas),
    /// Compare the documents of both sides, and repair what differs.
    Drift(drift::Drift),
    /// Say whether the migration may take its next step.
    Gate(Box<gate::Gate>),
    /// Take the next step, if the gates before it pass.
    Advance(advance::Advance),
    /// Look at the gates again and again, and propose or take the steps.
    Ramp(ramp::Ramp),
    /// Measure how nearly PostgreSQL answers as Meilisearch does, on a corpus and queries of your own.
    Eval(Box<eval::Eval>),
    /// Print what a team watches: a Grafana dashboard, alert rules for Prometheus.
    Observe(observe::Observe),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the program cannot start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(cli));
    // Not waited for: a read of standard input, for instance, ends when that does.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

/// Most commands end with 0 or fail; a verdict is an exit code of its own.
async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let database = &cli.database;
    match cli.command {
        Command::Gate(gate) => return Box::pin(gate::run(database, *gate)).await,
        Command::Advance(advance) => Box::pin(advance::run(database, advance)).await,
        Command::Ramp(ramp) => Box::pin(ramp::run(database, ramp)).await,
        Command::Migrate => migrate::run(&database.connect().await?).await,
        Command::Flags(flags) => flags::run(&database.connect().await?, flags).await,
        Command::Rollback(rollback) => Box::pin(rollback::run(database, *rollback)).await,
        Command::Report(report) => report::run(&database.connect().await?, report).await,
        Command::Replay(replay) => Box::pin(replay::run(database, replay)).await,
        Command::Journal(journal) => journal::run(database, journal).await,
        Command::Backfill(backfill) => Box::pin(backfill::run(database, *backfill)).await,
        Command::Replicas(replicas) => replicas::run(&database.connect().await?, replicas).await,
        Command::Drift(drift) => Box::pin(drift::run(database, drift)).await,
        Command::Eval(eval) => Box::pin(eval::run(database, *eval)).await,
        Command::Observe(observe) => observe::run(observe),
    }
    .map(|()| ExitCode::SUCCESS)
}
