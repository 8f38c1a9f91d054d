//! What goes wrong on purpose: servers that stop, and tasks that fail.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use crossfade::{error::Side, testing::meili::TaskFault};
use serde::Serialize;

use crate::{backlog::Backlog, output::Progress, results::milliseconds, rhythm::Rhythm, world::World};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A server was stopped, and started again.
#[derive(Clone, Debug, Serialize)]
pub struct Outage {
    pub side: Side,
    pub down_ms: f64,
    /// Writes that waited for it when it came back.
    pub waiting: u64,
    /// From its return until all of them stood.
    pub caught_up_ms: f64,
}

/// Stops a server in the middle of a step that `lasts` so long; `None` if it is not ours to stop.
pub async fn outage(
    side: Side,
    lasts: Duration,
    world: &World,
    (rhythm, backlog): (&Rhythm, &Backlog<'_>),
) -> Result<Option<Outage>> {
    let (name, progress) = (name(side), backlog.progress);
    progress.run("before the outage", lasts / 4).await;
    if !world.go_down(side).await? {
        progress.step(&format!("{name} is not the drill's own server: it is not stopped"));
        progress.run("without an outage", lasts * 3 / 4).await;
        return Ok(None);
    }
    let stopped = Instant::now();
    rhythm.hurry(true);
    progress.step(&format!("{name} is stopped"));
    progress.run(&format!("{name} is down"), lasts / 2).await;
    let waiting = backlog.pending().await?;
    world.come_back(side).await?;
    let back = Instant::now();
    let down_ms = milliseconds(back - stopped);
    progress.step(&format!("{name} is back after {down_ms:.0} ms; {waiting} writes wait in the journal"));
    let after = async {
        progress.run("after the outage", lasts / 4).await;
        rhythm.hurry(false);
    };
    let ((), caught_up) = tokio::join!(after, backlog.caught_up(back));
    let caught_up_ms = milliseconds(caught_up?);
    progress.step(&format!("{name} has caught up after {caught_up_ms:.0} ms"));
    Ok(Some(Outage { side, down_ms, waiting, caught_up_ms }))
}

/// Lets tasks of the double fail now and then, while a step lasts; how many.
pub async fn tasks_fail(step: &str, lasts: Duration, world: &World, (rhythm, progress): (&Rhythm, &Progress)) -> u64 {
    let Some(double) = world.double() else {
        progress.run(step, lasts).await;
        return 0;
    };
    // What fails is written again and again: waiting for it would leave few writes to fail.
    rhythm.hurry(true);
    let faults = [TaskFault::Cancel, TaskFault::Fail { code: "internal".into() }, TaskFault::VanishUndone];
    let mut failed = 0;
    let fail = async {
        for fault in faults.iter().cycle() {
            tokio::time::sleep(Duration::from_millis(150)).await;
            double.fail_next_tasks(1, fault.clone());
            failed += 1;
        }
    };
    tokio::select! {
        () = progress.run(step, lasts) => {}
        () = fail => {}
    }
    double.heal_tasks();
    rhythm.hurry(false);
    failed
}

pub fn name(side: Side) -> &'static str {
    match side {
        Side::Meili => "Meilisearch",
        Side::Pg => "PostgreSQL",
    }
}
