//! Whether a rollback is latched, and its end.

use std::path::PathBuf;

use crossfade::store::{Latch, Replica, Store};
use serde::Serialize;

use super::file;
use crate::{
    database::Database,
    failure::Failure,
    flags::{self, Change, Format},
    output,
};

#[derive(Serialize)]
struct Status {
    phase: String,
    revision: i64,
    latch: Option<Latch>,
    processes: Vec<Process>,
}

#[derive(Serialize)]
struct Process {
    process: String,
    host: String,
    live: bool,
    /// Whether it goes by the flags of the table and nothing else.
    follows: bool,
    latched: bool,
    search_read_backend: String,
    /// How long ago PostgreSQL last answered a read there; `None`: never since it started.
    last_pg_answer_seconds: Option<f64>,
}

pub(super) async fn show(store: &Store, format: &Format) -> Result<(), Failure> {
    let stored = store.flags().read().await?;
    let replicas = store.replicas().all().await?;
    let processes = replicas.iter().map(|replica| Process::of(replica, replica.follows(&stored))).collect();
    let phase = stored.plan().map_err(flags::refused)?.phase().to_string();
    let status = Status { phase, revision: stored.revision, latch: stored.latch, processes };
    if format.json {
        return Ok(output::json(&status)?);
    }
    Ok(output::text(&status.to_text())?)
}

/// Clears the latch, and what a rollback has written into files.
pub(super) async fn clear(
    database: &Database,
    change: &Change,
    files: Vec<PathBuf>,
    format: &Format,
) -> Result<(), Failure> {
    let store = database.connect().await?;
    // The table first: while it is latched, a file without those lines changes nothing.
    store.flags().clear_latch(&change.by, &change.why).await?;
    for path in files {
        let cleared =
            file::clear(path.clone()).await.map_err(|error| Failure::FlagFile(path.clone(), error.to_string()))?;
        if cleared && !format.json {
            output::text(&format!("{}: the lines of the rollback are out", path.display()))?;
        }
    }
    show(&store, format).await
}

impl Process {
    fn of(replica: &Replica, follows: bool) -> Self {
        Self {
            process: replica.replica.clone(),
            host: replica.host.clone(),
            live: replica.live,
            follows,
            latched: replica.latched,
            search_read_backend: replica.read_backend.clone(),
            last_pg_answer_seconds: replica.answered_seconds,
        }
    }

    fn row(&self) -> [String; 5] {
        let yes = |is| if is { "yes" } else { "NO" }.to_owned();
        let follows = if self.live { yes(self.follows) } else { "SILENT".to_owned() };
        let answered = self.last_pg_answer_seconds.map_or("never".to_owned(), |ago| format!("{ago:.1} s ago"));
        let latched = if self.latched { "yes" } else { "no" }.to_owned();
        [self.process.clone(), output::plain(&self.host), follows, latched, answered]
    }
}

impl Status {
    fn to_text(&self) -> String {
        let latch = match &self.latch {
            None => "no rollback is latched: reads may go to PostgreSQL".to_owned(),
            Some(Latch { by, why, at }) => format!(
                "rolled back by {} at {at}, and latched: {}\nwhen that is mended: `crossfade rollback clear --why ...`",
                output::plain(by),
                output::plain(why)
            ),
        };
        let rows: Vec<[String; 5]> = self.processes.iter().map(Process::row).collect();
        let head = ["PROCESS", "HOST", "FOLLOWS", "LATCHED", "LAST ANSWER OF PG"];
        let processes = match &*rows {
            [] => "no process reports to the table".to_owned(),
            rows => output::columns(head, rows),
        };
        format!("{latch}\nphase: {}, revision {}\n\n{processes}", self.phase, self.revision)
    }
}
