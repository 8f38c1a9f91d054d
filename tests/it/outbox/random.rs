//! Many writers at once, rolled back now and then, and intakes that come and go.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossfade::{backend::write::TaskState, error::BackendErrorKind, outbox::OutboxPace};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::time::sleep;

use super::{World, document, pace, post};

const WRITERS: u64 = 8;
const TRANSACTIONS: u32 = 40;
/// So far both sides have to read while it is written.
const READ_MEANWHILE: i64 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_whatever_the_order_of_commits_and_whoever_reads() {
    let seeds = match env::var("CROSSFADE_OUTBOX_SEEDS") {
        Ok(seeds) => seeds.split(',').map(|seed| seed.parse().unwrap()).collect(),
        Err(_) => vec![1, 2, 3],
    };
    for seed in seeds {
        println!("CROSSFADE_OUTBOX_SEEDS={seed}");
        one(seed).await;
    }
}

async fn one(seed: u64) {
    let world = Arc::new(World::new().await);
    let writing = Arc::new(AtomicBool::new(true));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(world.clone(), writer, StdRng::seed_from_u64(seed * 1_000 + writer))))
        .collect();
    let reading = tokio::spawn(read(world.clone(), writing.clone(), StdRng::seed_from_u64(seed)));
    let troubling = tokio::spawn(trouble(world.clone(), writing.clone(), StdRng::seed_from_u64(seed + 500)));
    for writer in writers {
        writer.await.unwrap();
    }
    writing.store(false, Ordering::SeqCst);
    reading.await.unwrap();
    troubling.await.unwrap();

    let last = world.number("SELECT max(seq) FROM cn_relay.events_outbox").await;
    let lost = last - world.number("SELECT count(*) FROM cn_relay.events_outbox").await;
    assert!(lost > 0, "nothing was rolled back");
    let running = world.run();
    world.both_passed(last).await;
    running.stop().await;
    let truth = truth(&world).await;
    assert!(truth.len() > 100);
    assert_eq!(world.pg.contents(), truth, "pg, seed {seed}");
    assert_eq!(world.meili.contents(), truth, "meili, seed {seed}");
    assert_eq!(world.number("SELECT count(*) FROM cn_search.outbox_dead_letters").await, 0);
}

/// Transactions of one to three changes, most to posts that nobody else will ever mention again, so that a row that is
/// skipped shows.
async fn write(world: Arc<World>, writer: u64, mut random: StdRng) {
    let mut session = world.session().await;
    for n in 0.. {
        // Nothing would be proved by what was read after it had all been written.
        let cursors = "SELECT coalesce(min(seq), 0) FROM cn_search.outbox_cursors";
        if n >= TRANSACTIONS && world.number(cursors).await >= READ_MEANWHILE {
            return;
        }
        assert!(n < 100 * TRANSACTIONS, "nothing is read");
        session.execute("BEGIN").await.unwrap();
        if random.random_bool(0.3) {
            // A number of its own, long before anything is written.
            session.execute("SELECT nextval('cn_relay.events_outbox_seq_seq')").await.unwrap();
            sleep(Duration::from_millis(random.random_range(0..10))).await;
        }
        // In order, lest two transactions wait for each other.
        let mut shared: Vec<u32> = (0..random.random_range(0..3)).map(|_| random.random_range(0..20)).collect();
        shared.sort_unstable();
        for event in shared {
            let event = format!("s{event:02}");
            if random.random_bool(0.3) {
                sqlx::query("SELECT pg_advisory_xact_lock(hashtext($1)), unpost($1, 'x')")
                    .bind(&event)
                    .execute(&mut session)
                    .await
                    .unwrap();
            } else {
                let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtext($1))").bind(&event);
                lock.execute(&mut session).await.unwrap();
                post(&mut session, &event, "x", &format!("{writer} {n}")).await;
            }
        }
        post(&mut session, &format!("o{writer}-{n}"), "x", "").await;
        sleep(Duration::from_millis(random.random_range(0..15))).await;
        match random.random_range(0..10) {
            0..2 => drop(session.execute("ROLLBACK").await.unwrap()),
            2 => {
                // The session breaks.
                session.close().await.unwrap();
                session = PgConnection::connect(world.database.url()).await.unwrap();
            }
            _ => drop(session.execute("COMMIT").await.unwrap()),
        }
    }
}

/// Two places for intakes, each started, stopped and killed again and again.
async fn read(world: Arc<World>, writing: Arc<AtomicBool>, mut random: StdRng) {
    let mut places = [None, None];
    while writing.load(Ordering::SeqCst) {
        let place = random.random_range(0..places.len());
        let batch = random.random_range(1..40);
        let options = world.options().pace(OutboxPace { lease: Duration::from_millis(300), batch, ..pace() });
        match places[place].replace(world.run_with(options)) {
            Some(running) if random.random_bool(0.5) => super::Running::kill(running).await,
            Some(running) => drop(running.stop().await),
            None => {}
        }
        sleep(Duration::from_millis(random.random_range(200..700))).await;
    }
    for running in places.into_iter().flatten() {
        running.stop().await;
    }
}

/// Outages of either side, and tasks that do not end well.
async fn trouble(world: Arc<World>, writing: Arc<AtomicBool>, mut random: StdRng) {
    while writing.load(Ordering::SeqCst) {
        let down = random.random_bool(0.2).then_some(BackendErrorKind::Unavailable);
        match random.random_range(0..20) {
            0..9 => world.meili.state().down = down,
            9..18 => world.pg.state().down = down,
            _ => world
                .meili
                .state()
                .ends
                .push([TaskState::Canceled, TaskState::Vanished][random.random_range(0..2)].clone()),
        }
        sleep(Duration::from_millis(random.random_range(5..60))).await;
    }
    world.meili.state().ends.clear();
    world.meili.state().down = None;
    world.pg.state().down = None;
}

/// What the service's own tables say.
async fn truth(world: &World) -> BTreeMap<String, String> {
    let query = "SELECT event_id, topic_id, content FROM cn_relay.events JOIN cn_relay.event_topics USING (event_id)";
    let rows = sqlx::query(query).fetch_all(&world.pool).await.unwrap();
    rows.iter()
        .map(|row| {
            let (event, topic, body): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            (format!("{event}__{topic}"), document(&event, &topic, &body))
        })
        .collect()
}
