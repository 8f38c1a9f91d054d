//! `crossfade rollback`: the way back, by every way there is.

mod admin;
mod drill;
mod edit;
mod file;
mod follow;
mod show;
mod status;
mod ways;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use crossfade::store::RollbackLevel;

use crate::{
    database::Database,
    failure::Failure,
    flags::{Change, Format},
    output,
};

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
One action, which asks no gate. Reads go back to Meilisearch and stay there (the rollback is latched) until a person says
otherwise. Every way that is given is tried at once, and one that works is enough:
  the flag table    DATABASE_URL: every replica follows
  a flag file       --flag-file: for the processes that read it, also while PostgreSQL is down; wins over the table
  an admin call     --admin: for the process that answers there, at once; it tells the table when that is back

How far to go back (--to), each also doing what the one before does:
  reads        every reader is answered by Meilisearch; nothing is lost by it while both sides are written
  dual         and nothing more is compared: PostgreSQL is only written
  meili_only   the emergency brake: PostgreSQL is not written either, and stale from then on

Examples:
  crossfade rollback --why 'results are worse since 14:00'
  crossfade rollback --why 'PostgreSQL is down' --flag-file /etc/search/flags.toml --admin http://10.0.0.7:3001/admin
  crossfade rollback --drill                                   # what would happen, and how long it would take
  crossfade rollback status
  crossfade rollback clear --why 'the index was missing; built again'

Exit codes, beside those of the program: 0 rolled back and every live process follows, 1 rolled back but not everywhere (or,
in a drill, something stands in the way), 3 refused by a rule (in target_only there is no instant way back), 4 no way worked"
)]
pub(crate) struct Rollback {
    #[command(subcommand)]
    command: Option<Command>,
    /// The reason; kept in the history.
    #[arg(long, value_name = "TEXT", required_unless_present = "drill", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    why: Option<String>,
    /// Who does it; kept in the history.
    #[arg(long, env = "USER", value_name = "NAME", default_value = "unknown")]
    by: String,
    /// How far to go back: reads, dual or meili_only.
    #[arg(long, value_name = "LEVEL", default_value = "reads", value_parser = level)]
    to: RollbackLevel,
    #[command(flatten)]
    ways: Ways,
    /// How long to wait until every live process follows, in seconds.
    #[arg(long, value_name = "SECS", default_value_t = 10.0, value_parser = seconds)]
    wait: f64,
    /// Change nothing: check every way, say what would happen and how long it would take.
    #[arg(long)]
    drill: bool,
    #[command(flatten)]
    format: Format,
}

/// The ways that need no database.
#[derive(Args)]
struct Ways {
    /// A flag file of a service on this machine; may be repeated.
    #[arg(long, env = "CROSSFADE_FLAG_FILE", value_delimiter = ',', value_name = "PATH")]
    flag_file: Vec<PathBuf>,
    /// Where a process serves its admin routes, http://host:port/path; may be repeated.
    #[arg(long, env = "CROSSFADE_ADMIN", hide_env_values = true, value_delimiter = ',', value_name = "URL")]
    admin: Vec<String>,
    /// The token of the admin routes; better given by the environment, where `ps` does not show it.
    #[arg(long, env = "CROSSFADE_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    admin_token: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Allow reads from PostgreSQL again. Brings none back: that is a step of its own.
    Clear {
        #[command(flatten)]
        change: Change,
        /// A flag file to take a rollback's lines out of; may be repeated.
        #[arg(long, env = "CROSSFADE_FLAG_FILE", value_delimiter = ',', value_name = "PATH")]
        flag_file: Vec<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
    /// Show whether a rollback is latched, why, and whether every process follows.
    Status {
        #[command(flatten)]
        format: Format,
    },
}

pub(crate) async fn run(database: &Database, rollback: Rollback) -> Result<(), Failure> {
    match rollback.command {
        Some(Command::Clear { change, flag_file, format }) => {
            status::clear(database, &change, flag_file, &format).await
        }
        Some(Command::Status { format }) => status::show(&database.connect().await?, &format).await,
        None if rollback.drill => drill::run(database, &rollback).await,
        None => roll_back(database, &rollback).await,
    }
}

async fn roll_back(database: &Database, rollback: &Rollback) -> Result<(), Failure> {
    let ways = ways::all(database, &rollback.ways)?;
    let why = rollback.why.as_deref().unwrap_or_default();
    let order = ways::Order { level: rollback.to, by: &rollback.by, why };
    let tried = ways::try_all(&ways, &order).await;
    if !rollback.format.json {
        output::text(&show::tried(&tried))?;
    }
    let order = &order;
    if let Err(failure) = tried.judge() {
        if rollback.format.json {
            output::json(&show::Outcome::new(order, &tried, None))?;
        }
        return Err(failure);
    }
    let followed = follow::follow(&ways, &tried, Duration::from_secs_f64(rollback.wait)).await;
    let lagging = followed.lagging();
    if rollback.format.json {
        output::json(&show::Outcome::new(order, &tried, Some(&followed)))?;
    } else {
        output::text(&show::followed(&followed))?;
    }
    match lagging {
        0 => Ok(()),
        lagging => Err(Failure::NotFollowed(lagging)),
    }
}

fn level(text: &str) -> Result<RollbackLevel, String> {
    let found = RollbackLevel::ALL.into_iter().find(|level| level.as_str() == text);
    found.ok_or_else(|| format!("give {}", RollbackLevel::ALL.map(RollbackLevel::as_str).join(", ")))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "give seconds, from 0 to 86400".to_owned())
}
