//! The run of a seed.

use std::{
    ops::Add,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crossfade::journal::Journal;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    client::client,
    history::History,
    process::{Replica, flags},
    profile::Manner,
    source::Meili,
    target::Postgres,
    world::{LATE, Station, Weather, World},
};

/// How long everything may take to settle once all is healed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Clients that write the same documents at the same time.
const RUSHING: usize = 5;

/// What happened in a run, or in many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    acknowledged: u64,
    refused: u64,
    untold: u64,
    crashes: u64,
    stops: u64,
    broken_calls: u64,
    late_calls: u64,
    /// Milliseconds after the healing, at the most.
    slowest_drain: u64,
    story: u64,
}

pub(super) fn run(seed: u64, told: bool) -> Result<Summary, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let ended = runtime.block_on(one(seed, told));
    // What is left hangs for good.
    runtime.shutdown_background();
    ended
}

async fn one(seed: u64, told: bool) -> Result<Summary, String> {
    let world = World::new(seed, told);
    world.tell(|| format!("{world:?}"));
    let (meili, pg) = (Meili::new(&world), Arc::<Postgres>::default());
    let history = Arc::<History>::default();
    let replica = |at| Replica::new(&world, u16::try_from(at).unwrap(), (&meili, &pg), &history);
    let replicas: Vec<_> = (0..world.profile.replicas).map(replica).collect();
    let healed = CancellationToken::new();
    let lives: Vec<_> = replicas.iter().map(|replica| tokio::spawn(replica.clone().live(healed.clone()))).collect();
    let troubles = [tokio::spawn(weather(world.clone())), tokio::spawn(operator(world.clone(), replicas.clone()))];
    let clients = (0..world.profile.clients)
        .map(|_| client(world.clone(), replicas.clone(), history.clone(), world.profile.manner));
    join_all(clients).await;
    troubles.iter().for_each(tokio::task::JoinHandle::abort);

    world.heal();
    world.tell(|| "healed".to_owned());
    let pg_decides = world.profile.swaps && world.chance(0.3);
    for replica in &replicas {
        replica.plan.publish(flags(pg_decides)).unwrap();
    }
    let healing = Instant::now();
    healed.cancel();
    let mut summary = Summary::default();
    let mut workers = Vec::new();
    for life in lives {
        let life = life.await.map_err(|panic| format!("a replica panicked: {panic}"))?;
        (summary.crashes, summary.stops) = (summary.crashes + life.crashes, summary.stops + life.stops);
        workers.extend(life.last);
    }
    if world.profile.rush > 0 {
        world.tell(|| "everybody writes".to_owned());
        let rushing = || {
            client(
                world.clone(),
                replicas.clone(),
                history.clone(),
                Manner::rushing(world.profile.rush.min(world.profile.documents)),
            )
        };
        join_all((0..RUSHING).map(|_| rushing())).await;
    }
    // What hangs is given up by then.
    sleep(LATE * 2).await;
    drained(&replicas, healing + PATIENCE).await?;
    if let Some(worker) = workers.iter().find(|worker| worker.is_finished()) {
        return Err(format!("a worker has ended by itself: {worker:?}"));
    }
    let (in_meili, in_pg) = (meili.documents(), pg.documents());
    if in_meili != in_pg {
        return Err(format!("the sides differ: meili {in_meili:?}, pg {in_pg:?}"));
    }
    if let Some(objection) = history.objection((&meili, &pg), &world.profile, world.late.load(Ordering::Relaxed) > 0) {
        return Err(objection);
    }
    [summary.acknowledged, summary.refused, summary.untold] = history.counts();
    summary.broken_calls = world.broken.load(Ordering::Relaxed);
    summary.late_calls = world.late.load(Ordering::Relaxed);
    summary.slowest_drain = u64::try_from(healing.elapsed().as_millis()).unwrap();
    summary.story = world.story();
    Ok(summary)
}

/// Waits until no journal holds anything.
async fn drained(replicas: &[Arc<Replica>], deadline: Instant) -> Result<(), String> {
    loop {
        let mut states = Vec::new();
        for replica in replicas {
            states.push(replica.journal().status().await.unwrap());
        }
        if states.iter().any(|status| status.dead_letters > 0) {
            return Err(format!("there are dead letters: {states:?}"));
        }
        if states.iter().all(|status| status.pending == 0) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("a journal does not drain: {states:?}"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn weather(world: Arc<World>) {
    let stations = [Station::Meili, Station::Pg, Station::Journal];
    let weathers = [Weather::Fair, Weather::Slow, Weather::Flaky, Weather::Down, Weather::Hanging];
    loop {
        sleep(world.up_to(Duration::from_secs(2))).await;
        let (station, weather) = (stations[world.below(3)], weathers[world.below(5)]);
        world.tell(|| format!("{station:?} is {weather:?}"));
        world.set_weather(station, weather);
    }
}

/// Swaps the roles, which replicas learn one after the other; and steps clocks.
async fn operator(world: Arc<World>, replicas: Vec<Arc<Replica>>) {
    loop {
        sleep(world.up_to(Duration::from_secs(3))).await;
        let pg_decides = world.chance(0.5);
        for replica in &replicas {
            if world.profile.clock_steps {
                let ahead = i64::try_from(world.below(20_000)).unwrap() - 10_000;
                replica.clock.store(ahead, Ordering::Relaxed);
            }
            if world.profile.swaps {
                replica.plan.publish(flags(pg_decides)).unwrap();
                world.tell(|| format!("pg decides: {pg_decides}"));
            }
            sleep(world.up_to(Duration::from_millis(200))).await;
        }
    }
}

impl Summary {
    /// Many seeds must have seen everything; otherwise they prove nothing.
    pub(super) fn assert_troubled(&self, seeds: u64) {
        let seen = [self.acknowledged / 5, self.untold, self.crashes, self.stops, self.late_calls, self.broken_calls];
        assert!(seeds < 100 || seen.iter().all(|seen| *seen > seeds / 50), "too little happened: {self:?}");
    }
}

impl Add for Summary {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            acknowledged: self.acknowledged + other.acknowledged,
            refused: self.refused + other.refused,
            untold: self.untold + other.untold,
            crashes: self.crashes + other.crashes,
            stops: self.stops + other.stops,
            broken_calls: self.broken_calls + other.broken_calls,
            late_calls: self.late_calls + other.late_calls,
            slowest_drain: self.slowest_drain.max(other.slowest_drain),
            story: self.story ^ other.story,
        }
    }
}
