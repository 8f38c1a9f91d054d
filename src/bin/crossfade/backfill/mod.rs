//! `crossfade backfill`

mod from;
mod progress;
mod show;
mod work;

use std::time::Duration;

use clap::{Args, Subcommand};
use crossfade::backfill::{BackfillJobs, JobOptions, Throttle};

use self::{from::Reading, work::Work};
use crate::{database::Database, failure::Failure, output};

#[derive(Args)]
#[command(after_help = "\
Copies what was there before both sides were written, while the service runs. `start` and `resume` work on the job until it is over,
paused, or Ctrl-C; whatever stops them, `resume` goes on where they stopped, and several may run at once, on several machines.

Before the first row is copied every process of the service must have reported that it writes both sides
(`crossfade replicas list`). Live writes win over what is copied.

Examples:
  export DATABASE_URL=postgres://... MEILI_URL=http://meili.internal:7700 MEILI_MASTER_KEY=...
  crossfade backfill start --index posts                          # from Meilisearch itself
  crossfade backfill start --index posts --shards 8 --workers 4 --defer-indexes
  crossfade backfill start --index posts --from sql --query-file posts.sql --keys created_at,id --id id
  crossfade backfill start --index posts --from jsonl --file posts.jsonl
  crossfade backfill status posts-1
  crossfade backfill throttle posts-1 --max-rows-per-second 2000 --max-write-millis 20
  crossfade backfill pause posts-1
  crossfade backfill resume posts-1 --workers 2
  crossfade backfill failures posts-1
  crossfade backfill retry-failed posts-1

The same in psql: `UPDATE cn_search.backfill_jobs SET status = 'paused' WHERE job_id = 'posts-1'`, and the columns of the throttle.")]
pub(crate) struct Backfill {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant)]
enum Command {
    /// Make a job and work on it.
    Start {
        /// The name of the job [default: the index and a number].
        job: Option<String>,
        /// The index that is filled.
        #[arg(long, value_name = "NAME")]
        index: String,
        #[command(flatten)]
        from: Box<Reading>,
        #[command(flatten)]
        making: Box<Making>,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        work: Work,
    },
    /// Go on with a job that was paused, has failed or whose process has died; or help with one that runs.
    Resume {
        /// The name of the job.
        job: String,
        #[command(flatten)]
        from: Box<from::Servers>,
        /// How many rows may fail before the job does, from now on.
        #[arg(long, value_name = "N")]
        max_failed_rows: Option<u64>,
        #[command(flatten)]
        work: Work,
    },
    /// Show how far a job is, whether it waits and why.
    Status {
        /// The name of the job.
        job: String,
        #[command(flatten)]
        format: Format,
    },
    /// List all jobs.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Stop a job for a while: its workers finish their chunk and end.
    Pause {
        /// The name of the job.
        job: String,
    },
    /// Give a job up. What it has copied stays.
    Cancel {
        /// The name of the job.
        job: String,
    },
    /// Change what a job minds, while it runs.
    Throttle {
        /// The name of the job.
        job: String,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        format: Format,
    },
    /// List the rows that could not be copied, with the cause.
    Failures {
        /// The name of the job.
        job: String,
        /// How many.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        #[command(flatten)]
        format: Format,
    },
    /// Try the rows again that could not be copied, and only those.
    RetryFailed {
        /// The name of the job.
        job: String,
        #[command(flatten)]
        from: Box<from::Servers>,
        #[command(flatten)]
        format: Format,
    },
}

/// How a job is made.
#[derive(Args)]
struct Making {
    /// Shards, which workers copy side by side.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    shards: u32,
    /// How many rows may fail before the job does.
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_failed_rows: u64,
    /// How long a worker that has died keeps others from its shard.
    #[arg(long, default_value = "30s", value_name = "SPAN", value_parser = crate::span::positive)]
    lease: Duration,
    /// How long a chunk should take; its size follows from that.
    #[arg(long, default_value = "250ms", value_name = "SPAN", value_parser = crate::span::positive)]
    chunk_time: Duration,
    /// How long every process must have written both sides: as long as a request may take that began before.
    #[arg(long, default_value = "10s", value_name = "SPAN", value_parser = crate::span::any)]
    settle: Duration,
    /// Leave out of the load what only searches need, indexes and postings, and build it afterwards: several times faster, while nothing
    /// reads from PostgreSQL.
    #[arg(long)]
    defer_indexes: bool,
    /// Start though no process of the service reports: it must have written both sides for as long as its longest request takes.
    #[arg(long)]
    without_heartbeats: bool,
}

/// What a job minds; a limit that is not given stays as it is, 0 is none.
#[derive(Args)]
struct Limits {
    /// Rows a second, over all workers of a process.
    #[arg(long, value_name = "N", value_parser = limit)]
    max_rows_per_second: Option<f64>,
    /// Pause after each chunk, as a multiple of the time it took.
    #[arg(long, value_name = "RATIO", value_parser = limit)]
    nice: Option<f64>,
    /// Wait while live writes take longer than this on average.
    #[arg(long, value_name = "MS", value_parser = limit)]
    max_write_millis: Option<f64>,
    /// Wait while more writes than this wait in the journals [default: 10000].
    #[arg(long, value_name = "N")]
    max_journal_pending: Option<u32>,
    /// Wait while more sessions than this are active on the server.
    #[arg(long, value_name = "N")]
    max_active_sessions: Option<u16>,
    /// Wait while a standby is further behind than this.
    #[arg(long, value_name = "BYTES")]
    max_replication_lag_bytes: Option<u64>,
}

#[derive(Args)]
struct Format {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(database: &Database, backfill: Backfill) -> Result<(), Failure> {
    let store = database.connect().await?;
    let jobs = BackfillJobs::new(&store);
    match backfill.command {
        Command::Start { job, index, from, making, limits, work } => {
            let job = match job {
                Some(job) => job,
                None => unused_name(&jobs, &index).await?,
            };
            let options = making.options(limits.over(Throttle::default()));
            work.start(database, &store, &job, &index, &from, &options).await
        }
        Command::Resume { job, from, max_failed_rows, work } => {
            if let Some(rows) = max_failed_rows {
                jobs.set_max_failed_rows(&job, rows).await?;
            }
            work.resume(database, &store, &job, &from).await
        }
        Command::Status { job, format } => {
            let found = jobs.get(&job).await?;
            if format.json {
                return Ok(output::json(&found)?);
            }
            let causes = jobs.failure_causes(&job).await?;
            Ok(output::text(&show::status(&found, &causes))?)
        }
        Command::List { format } => {
            let all = jobs.list().await?;
            Ok(if format.json { output::json(&all) } else { output::text(&show::list(&all)) }?)
        }
        Command::Pause { job } => {
            jobs.pause(&job).await?;
            Ok(output::text(&format!("paused; go on with `crossfade backfill resume {job}`"))?)
        }
        Command::Cancel { job } => {
            jobs.cancel(&job).await?;
            work::build_indexes(database, &store, &job).await?;
            Ok(output::text("cancelled; what it has copied stays")?)
        }
        Command::Throttle { job, limits, format } => {
            let throttle = limits.over(jobs.get(&job).await?.throttle);
            jobs.set_throttle(&job, &throttle).await?;
            Ok(if format.json { output::json(&throttle) } else { output::text(&show::throttle(&throttle)) }?)
        }
        Command::Failures { job, limit, format } => {
            jobs.get(&job).await?;
            let failed = jobs.failed_rows(&job, None, limit).await?;
            Ok(if format.json { output::json(&failed) } else { output::text(&show::failures(&failed)) }?)
        }
        Command::RetryFailed { job, from, format } => {
            let retried = work::retry_failed(database, &store, &job, &from).await?;
            if format.json {
                output::json(&retried)?;
            } else {
                output::text(&format!(
                    "mended: {}, gone from the source: {}, failed again: {}",
                    retried.mended, retried.gone, retried.failed
                ))?;
            }
            if retried.failed > 0 { Err(Failure::RowsFailedAgain(retried.failed)) } else { Ok(()) }
        }
    }
}

/// The index and the first number that no job has.
async fn unused_name(jobs: &BackfillJobs, index: &str) -> Result<String, Failure> {
    let taken = jobs.list().await?;
    let free = |name: &String| taken.iter().all(|job| job.job_id != *name);
    let names = (1_u64..).map(|number| format!("{index}-{number}"));
    Ok(names.into_iter().find(free).unwrap_or_else(|| index.to_owned()))
}

fn limit(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "give a number that is not negative; 0 is no limit".to_owned())
}

impl Making {
    fn options(&self, throttle: Throttle) -> JobOptions {
        JobOptions {
            shards: self.shards as usize,
            max_failed_rows: self.max_failed_rows,
            lease: self.lease,
            chunk: self.chunk_time,
            throttle,
            defer_indexes: self.defer_indexes,
            settle: self.settle,
            without_heartbeats: self.without_heartbeats,
        }
    }
}

impl Limits {
    /// These, and what is not given as it was.
    fn over(&self, was: Throttle) -> Throttle {
        let float = |given: Option<f64>, was| given.map_or(was, |given| (given > 0.0).then_some(given));
        let whole = |given: Option<u64>, was: Option<i64>| match given {
            Some(given) => i64::try_from(given).ok().filter(|given| *given > 0),
            None => was,
        };
        Throttle {
            max_rows_per_second: float(self.max_rows_per_second, was.max_rows_per_second),
            nice_ratio: self.nice.unwrap_or(was.nice_ratio),
            max_write_millis: float(self.max_write_millis, was.max_write_millis),
            max_journal_pending: whole(self.max_journal_pending.map(u64::from), was.max_journal_pending),
            max_active_sessions: match self.max_active_sessions {
                Some(given) => Some(i32::from(given)).filter(|given| *given > 0),
                None => was.max_active_sessions,
            },
            max_replication_lag_bytes: whole(self.max_replication_lag_bytes, was.max_replication_lag_bytes),
        }
    }
}
