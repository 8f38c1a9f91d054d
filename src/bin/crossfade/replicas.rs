//! `crossfade replicas`: the processes of the service.

use clap::{Args, Subcommand};
use crossfade::store::{Replica, Store};

use crate::{failure::Failure, output};

#[derive(Args)]
#[command(after_help = "\
A process of the service reports every two seconds (`MigrationBuilder::heartbeat`). A backfill starts only when all that have
reported write both sides. One that was killed stays in the list for an hour, unless it is forgotten:
  crossfade replicas list
  crossfade replicas forget 6f1c0a9b3d2e4f58")]
pub(crate) struct Replicas {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show which processes there are, by which plan they go, and how their writes fare.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget a process that has ended. One that lives comes back with its next report.
    Forget {
        /// Its name.
        replica: String,
    },
}

pub(crate) async fn run(store: &Store, replicas: Replicas) -> Result<(), Failure> {
    let table = store.replicas();
    match replicas.command {
        Command::List { json: true } => Ok(output::json(&table.all().await?)?),
        Command::List { json: false } => {
            let rows: Vec<[String; 9]> = table.all().await?.iter().map(row).collect();
            let head = ["REPLICA", "HOST", "PHASE", "WRITES", "FOR", "READS", "JOURNAL", "WRITE MS", "SEEN"];
            Ok(output::text(&output::columns(head, &rows))?)
        }
        Command::Forget { replica } => match table.forget(&replica).await? {
            true => Ok(output::text(&format!("forgotten: {replica}"))?),
            false => Err(Failure::NoSuchReplica(replica)),
        },
    }
}

fn row(replica: &Replica) -> [String; 9] {
    let number = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
    let seen = if replica.live { "" } else { ", SILENT" };
    [
        replica.replica.clone(),
        output::plain(&replica.host),
        replica.phase.clone(),
        replica.write_mode.clone(),
        format!("{:.0} s", replica.mode_seconds),
        reads(replica),
        number(replica.journal_pending),
        replica.write_millis.map_or("-".to_owned(), |millis| format!("{millis:.1}")),
        format!("{:.0} s ago{seen}", replica.seen_seconds),
    ]
}

fn reads(replica: &Replica) -> String {
    match (replica.reads_meili(), replica.latched) {
        (true, true) => "meili, latched".to_owned(),
        (true, false) => "meili".to_owned(),
        (false, _) => format!("pg {} %", replica.read_pg_percent),
    }
}
