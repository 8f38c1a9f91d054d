//! A rehearsal: every way is checked, the way of a change is timed, and nothing is changed.

use std::time::Duration;

use crossfade::{
    plan::Phase,
    store::{Replica, RollbackLevel, Store, StoreError, StoredFlags},
};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{
    Rollback, file,
    ways::{self, Order, Ways},
};
use crate::{database::Database, failure::Failure, output};

/// What is found out.
#[derive(Serialize)]
struct Drill {
    level: RollbackLevel,
    /// Where the migration stands by the table; `None` if that cannot be read.
    phase: Option<Phase>,
    /// What a rollback would do now.
    would: String,
    checks: Vec<Check>,
    /// How long a change takes until every live process goes by it and has said so.
    propagation_ms: Option<f64>,
    /// Whether nothing stands in the way.
    ready: bool,
}

#[derive(Serialize)]
struct Check {
    check: &'static str,
    place: String,
    ok: bool,
    says: String,
}

/// More than this, and Meilisearch lacks too much of what PostgreSQL has decided.
const MAX_PENDING: i64 = 1_000;
/// In seconds.
const MAX_OLDEST: f64 = 60.0;
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn run(database: &Database, rollback: &Rollback) -> Result<(), Failure> {
    let ways = ways::all(database, &rollback.ways)?;
    let drill = rehearse(&ways, rollback.to, Duration::from_secs_f64(rollback.wait)).await;
    match rollback.format.json {
        true => output::json(&drill)?,
        false => output::text(&drill.to_text())?,
    }
    if drill.ready { Ok(()) } else { Err(Failure::NotReady) }
}

async fn rehearse(ways: &Ways, level: RollbackLevel, wait: Duration) -> Drill {
    let mut drill = Drill {
        level,
        phase: None,
        would: "the table cannot be read: what it says would be found out by each process alone".to_owned(),
        checks: Vec::new(),
        propagation_ms: None,
        ready: false,
    };
    match &ways.table {
        Some(Ok(store)) => drill.table(store, wait).await,
        Some(Err(error)) => drill.add("table", String::new(), Err(error.clone())),
        None => {}
    }
    let order = Order { level, by: "drill", why: "rehearsal" };
    for path in &ways.files {
        let checked = file::check(path.clone(), &order).await;
        let says = checked.map(|()| "could be written".to_owned()).map_err(|error| error.to_string());
        drill.add("file", path.display().to_string(), says);
    }
    let asked = join_all(ways.admins.iter().map(async |admin| {
        let begun = Instant::now();
        (admin.place().to_owned(), admin.status().await, begun.elapsed())
    }));
    for (place, status, took) in asked.await {
        let says = match status {
            Ok(status) if status.phase == Phase::TargetOnly => Err("is in target_only: would refuse".to_owned()),
            Ok(status) => Ok(format!("answers in {:.0} ms, in {}", took.as_secs_f64() * 1e3, status.phase)),
            Err(error) => Err(error.to_string()),
        };
        drill.add("admin", place, says);
    }
    drill.ready = drill.checks.iter().all(|check| check.ok);
    drill
}

impl Drill {
    fn add(&mut self, check: &'static str, place: String, says: Result<String, String>) {
        let ok = says.is_ok();
        self.checks.push(Check { check, place, ok, says: says.unwrap_or_else(|says| says) });
    }

    async fn table(&mut self, store: &Store, wait: Duration) {
        if let Err(error) = store.reach().await {
            return self.add("table", String::new(), Err(error.to_string()));
        }
        let rehearsed = store.flags().rehearse_rollback(self.level).await;
        let says = match &rehearsed {
            Ok(_) => Ok("would take the change: made, and undone again".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        self.add("table", String::new(), says);
        let stored = match rehearsed {
            Ok(rehearsed) => rehearsed.was,
            Err(StoreError::Refused { .. }) => match store.flags().read().await {
                Ok(stored) => stored,
                Err(_) => return,
            },
            Err(_) => return,
        };
        let Ok(plan) = stored.plan() else { return };
        self.phase = Some(plan.phase());
        self.would = would(plan.phase(), self.level).to_owned();
        match store.replicas().all().await {
            Ok(replicas) => {
                self.processes(&replicas, &stored);
                self.journals(&replicas, plan.phase());
                self.propagation(store, wait).await;
            }
            Err(error) => self.add("processes", String::new(), Err(error.to_string())),
        }
    }

    fn processes(&mut self, replicas: &[Replica], stored: &StoredFlags) {
        let (live, silent): (Vec<&Replica>, Vec<&Replica>) = replicas.iter().partition(|replica| replica.live);
        let names =
            |replicas: &[&Replica]| replicas.iter().map(|replica| &*replica.replica).collect::<Vec<_>>().join(", ");
        let apart: Vec<&Replica> = live.iter().copied().filter(|replica| !replica.follows(stored)).collect();
        let says = match (&*live, &*silent, &*apart) {
            ([], [], _) => Err("none reports to the table: whether they follow could not be seen".to_owned()),
            (_, [_, ..], _) => Err(format!("silent, gone or cut off: {}", names(&silent))),
            (_, _, [_, ..]) => Err(format!("not on the flags of the table (a local file?): {}", names(&apart))),
            (live, ..) => Ok(format!("{} live, all on the flags of the table", live.len())),
        };
        self.add("processes", String::new(), says);
    }

    /// Whether Meilisearch would show every write.
    fn journals(&mut self, replicas: &[Replica], phase: Phase) {
        let sum = |of: fn(&Replica) -> Option<i64>| replicas.iter().filter_map(of).sum::<i64>();
        let (pending, dead) = (sum(|replica| replica.journal_pending), sum(|replica| replica.journal_dead_letters));
        let oldest = replicas.iter().filter_map(|replica| replica.journal_oldest_seconds).fold(0.0, f64::max);
        let found = format!("{pending} writes wait, the oldest for {oldest:.0} s, {dead} dead letters");
        let says = match phase {
            Phase::TargetOnly => {
                Err("Meilisearch is not written any more, and would show none of the writes since".to_owned())
            }
            Phase::TargetPrimary if pending > MAX_PENDING || oldest > MAX_OLDEST || dead > 0 => {
                Err(format!("{found}: Meilisearch would not show these until the journals have drained"))
            }
            Phase::TargetPrimary => {
                Ok(format!("{found}: Meilisearch would show the rest at once, and these when they have drained"))
            }
            _ => Ok(format!("{found}; Meilisearch decides the writes, and shows all of them")),
        };
        self.add("journals", String::new(), says);
    }

    /// Sends a revision around that changes no flag.
    async fn propagation(&mut self, store: &Store, wait: Duration) {
        let begun = Instant::now();
        let says = async {
            let revision = store.flags().touch().await.map_err(|error| error.to_string())?;
            loop {
                let replicas = store.replicas().all().await.map_err(|error| error.to_string())?;
                let live: Vec<&Replica> = replicas.iter().filter(|replica| replica.live).collect();
                // 0 is also what one says that watches a table nobody has changed yet: it is waited for like the others.
                let watching: Vec<&Replica> = live.iter().copied().filter(|replica| replica.revision > 0).collect();
                let behind = watching.iter().filter(|replica| replica.revision < revision).count();
                if behind == 0 && !watching.is_empty() {
                    return Ok(begun.elapsed().as_secs_f64() * 1e3);
                }
                if live.is_empty() || (watching.is_empty() && begun.elapsed() > wait) {
                    return Err("no live process watches the table".to_owned());
                }
                if begun.elapsed() > wait {
                    return Err(format!("{behind} processes have not heard of a change within {wait:?}"));
                }
                sleep(LOOK).await;
            }
        };
        let says = says.await;
        self.propagation_ms = says.as_ref().ok().copied();
        self.add(
            "propagation",
            String::new(),
            says.map(|took| format!("every live process had heard of it after {took:.0} ms")),
        );
    }

    fn to_text(&self) -> String {
        let yes = |ok| if ok { "yes" } else { "NO" }.to_owned();
        let row = |check: &Check| {
            [check.check.to_owned(), output::plain(&check.place), yes(check.ok), output::plain(&check.says)]
        };
        let rows: Vec<[String; 4]> = self.checks.iter().map(row).collect();
        let phase = self.phase.map_or("unknown", Phase::as_str);
        let checks = output::columns(["CHECK", "WHERE", "OK", ""], &rows);
        format!("phase: {phase}\nrollback --to {}: {}\n\n{checks}", self.level, self.would)
    }
}

fn would(phase: Phase, level: RollbackLevel) -> &'static str {
    match (phase, level) {
        (Phase::TargetOnly, _) => {
            "there is no instant way back: Meilisearch has missed every write since pg_only. Go back to dual, bring \
             Meilisearch up to date (`crossfade drift repair`), and only then send reads there"
        }
        (Phase::SourceOnly, _) => "reads are on Meilisearch and would be kept there",
        (_, RollbackLevel::MeiliOnly) => {
            "reads would go to Meilisearch, PostgreSQL would no longer be written and be stale: it would need a backfill or a \
             repair before the next attempt"
        }
        (Phase::DualWrite | Phase::Shadow, _) => {
            "reads are on Meilisearch and would be kept there; both sides stay written"
        }
        (Phase::Canary | Phase::TargetPrimary, _) => {
            "every read would go to Meilisearch with the next request of each process; both sides stay written, so that \
             nothing is lost"
        }
    }
}
