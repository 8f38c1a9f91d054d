//! Waits until every process answers from Meilisearch, and measures how long PostgreSQL still did.

use std::time::Duration;

use crossfade::store::{Replica, RolledBack, Store};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{
    admin::{Admin, AdminError},
    ways::{Tried, Ways},
};

/// How often to look.
const LOOK: Duration = Duration::from_millis(100);

/// What became of the processes.
#[derive(Serialize)]
pub(super) struct Followed {
    /// Who told: `replicas` (they report to the table, times are of the clock of the database), `admin` (each was asked), or
    /// nobody.
    pub(super) measured_by: Option<&'static str>,
    pub(super) processes: Vec<Process>,
    /// Those that have not reported lately: gone, or cut off and going on as they did.
    pub(super) silent: Vec<String>,
    /// From the change to the last read that PostgreSQL answered anywhere; 0 if none came after it.
    pub(super) last_pg_answer_ms: Option<f64>,
    /// From the beginning of the action until every process was seen to follow.
    pub(super) followed_ms: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct Process {
    pub(super) process: String,
    pub(super) host: String,
    /// Whether Meilisearch answers every read there, and PostgreSQL is not being asked any more.
    pub(super) follows: bool,
    pub(super) under_way: u64,
    /// From the change to the last read that PostgreSQL answered there; 0 if none came after it.
    pub(super) last_pg_answer_ms: f64,
    /// Why nothing is known of it.
    pub(super) problem: Option<String>,
}

/// Looks until all follow, or the time is up.
pub(super) async fn follow(ways: &Ways, tried: &Tried, wait: Duration) -> Followed {
    let until = tried.since + tried.since.elapsed() + wait;
    let mut followed = Followed::nobody();
    loop {
        match look(ways, tried).await {
            Look::Seen(seen) => followed = seen,
            Look::Blind => {}
            Look::Nobody => return followed,
        }
        if followed.measured_by.is_some() && followed.lagging() == 0 {
            followed.followed_ms = Some(millis(tried.since.elapsed()));
            return followed;
        }
        if Instant::now() >= until {
            return followed;
        }
        sleep(LOOK).await;
    }
}

/// What a look found.
enum Look {
    Seen(Followed),
    /// The table cannot be read now.
    Blind,
    /// There is nobody to look at.
    Nobody,
}

async fn look(ways: &Ways, tried: &Tried) -> Look {
    let by_replicas = match (&ways.table, &tried.table) {
        (Some(Ok(store)), Some(done)) => by_replicas(store, done).await,
        _ => Look::Nobody,
    };
    match (by_replicas, &*ways.admins) {
        (Look::Seen(followed), _) => Look::Seen(followed),
        (blind, []) => blind,
        (_, admins) => Look::Seen(by_admins(admins, tried.since).await),
    }
}

async fn by_replicas(store: &Store, done: &RolledBack) -> Look {
    let Ok(replicas) = store.replicas().all().await else { return Look::Blind };
    let (live, silent): (Vec<Replica>, Vec<Replica>) = replicas.into_iter().partition(|replica| replica.live);
    if live.is_empty() && silent.is_empty() {
        return Look::Nobody;
    }
    let processes = live.into_iter().map(|replica| {
        // One with flags of its own reads no table, and has no revision.
        let heard = replica.revision == 0 || replica.revision >= done.revision;
        let after = replica.answered_at.map_or(0.0, |at| at.duration_since(done.at).as_secs_f64() * 1e3);
        Process {
            follows: heard && replica.reads_meili() && replica.under_way == 0,
            under_way: u64::try_from(replica.under_way).unwrap_or_default(),
            last_pg_answer_ms: after.max(0.0),
            process: replica.replica,
            host: replica.host,
            problem: None,
        }
    });
    let silent = silent.into_iter().map(|replica| format!("{} on {}", replica.replica, replica.host)).collect();
    Look::Seen(Followed { measured_by: Some("replicas"), silent, ..Followed::of(processes.collect()) })
}

async fn by_admins(admins: &[Admin], since: Instant) -> Followed {
    let asked =
        join_all(admins.iter().map(async |admin| (admin.place().to_owned(), admin.status().await, since.elapsed())));
    let processes = asked.await.into_iter().map(|(process, status, at)| match status {
        Ok(status) => {
            // Reckoned back from the moment the answer came: rather too late than too early.
            let after = status.reads.last_answer_seconds.map_or(0.0, |ago| at.as_secs_f64() - ago);
            Process {
                follows: status.reads_meili() && status.reads.under_way == 0,
                under_way: status.reads.under_way,
                last_pg_answer_ms: after.max(0.0) * 1e3,
                process,
                host: status.host,
                problem: None,
            }
        }
        Err(error) => Process::unknown(process, &error),
    });
    Followed { measured_by: Some("admin"), ..Followed::of(processes.collect()) }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Followed {
    fn nobody() -> Self {
        Self {
            measured_by: None,
            processes: Vec::new(),
            silent: Vec::new(),
            last_pg_answer_ms: None,
            followed_ms: None,
        }
    }

    fn of(processes: Vec<Process>) -> Self {
        let last = processes.iter().map(|process| process.last_pg_answer_ms).reduce(f64::max);
        Self { processes, last_pg_answer_ms: last, ..Self::nobody() }
    }

    /// How many live processes were not seen to follow.
    pub(super) fn lagging(&self) -> usize {
        self.processes.iter().filter(|process| !process.follows).count()
    }
}

impl Process {
    fn unknown(process: String, error: &AdminError) -> Self {
        Self {
            process,
            host: String::new(),
            follows: false,
            under_way: 0,
            last_pg_answer_ms: 0.0,
            problem: Some(error.to_string()),
        }
    }
}
