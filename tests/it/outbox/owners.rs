//! One process reads for a side, and others stand by.

use std::{sync::Arc, time::Duration};

use crossfade::{
    error::Side,
    outbox::{OutboxIntake, OutboxPace},
};
use tokio_util::sync::CancellationToken;

use super::{
    Running, World, pace,
    sides::{MemoryMeili, MemoryPg},
};
use crate::support::until;

const EPOCHS: &str = "SELECT min(epoch) FROM cn_search.outbox_cursors";

impl World {
    fn leased(&self, lease: Duration) -> Running {
        self.run_with(self.options().pace(OutboxPace { lease, ..pace() }))
    }

    /// An intake with sides of its own, to tell who did what.
    fn elsewhere(&self, lease: Duration) -> (Arc<MemoryMeili>, Arc<MemoryPg>, Running) {
        let (meili, pg) = (Arc::<MemoryMeili>::default(), Arc::<MemoryPg>::default());
        let options = self.options().pace(OutboxPace { lease, ..pace() });
        let intake = OutboxIntake::new(options, self.plan.clone(), meili.clone(), pg.clone()).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(intake.run(stop.clone()));
        (meili, pg, Running { stop, task })
    }
}

#[tokio::test]
async fn a_restart_goes_on_at_the_cursor() {
    let world = World::new().await;
    let running = world.run();
    let seq = world.post("a", "x", "").await;
    world.both_passed(seq).await;
    running.stop().await;
    world.post("b", "x", "").await;
    // Though the lease is a minute: it was given up.
    let running = world.run();
    world.both_passed(2).await;
    let report = running.stop().await;
    assert_eq!((report.meili.rows, report.pg.rows), (1, 1));
    world.both_hold(&["a__x", "b__x"]);
    assert_eq!(world.number(EPOCHS).await, 2);
}

#[tokio::test]
async fn a_standby_does_nothing_until_the_owner_stops() {
    let world = World::new().await;
    let running = world.run();
    let seq = world.post("a", "x", "").await;
    world.both_passed(seq).await;
    let (meili, pg, standby) = world.elsewhere(pace().lease);
    // It has seen that there is an owner.
    let asked = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'crossfade outbox'
                 AND datname = current_database() AND query LIKE '%lease_until - clock%'";
    world.until(asked).await;
    let seq = world.post("b", "x", "").await;
    world.both_passed(seq).await;
    assert_eq!((meili.contents().len(), pg.contents().len()), (0, 0));
    running.stop().await;
    let seq = world.post("c", "x", "").await;
    world.both_passed(seq).await;
    assert_eq!(meili.contents().keys().collect::<Vec<_>>(), ["c__x"]);
    assert_eq!(pg.contents().keys().collect::<Vec<_>>(), ["c__x"]);
    standby.stop().await;
}

#[tokio::test]
async fn a_standby_takes_over_when_the_lease_of_a_killed_owner_has_run_out() {
    let world = World::new().await;
    let lease = Duration::from_secs(1);
    let running = world.leased(lease);
    let seq = world.post("a", "x", "").await;
    world.both_passed(seq).await;
    running.kill().await;
    world
        .execute(
            "CREATE TABLE ends AS SELECT side, lease_until FROM cn_search.outbox_cursors; SELECT post('b', 'x', '')",
        )
        .await;
    let (meili, _, standby) = world.elsewhere(lease);
    world.both_passed(2).await;
    assert_eq!(meili.contents().keys().collect::<Vec<_>>(), ["b__x"]);
    let too_soon = "SELECT count(*) FROM cn_search.outbox_cursors c JOIN ends USING (side)
                    WHERE c.updated_at < ends.lease_until OR c.epoch <> 2";
    assert_eq!(world.number(too_soon).await, 0);
    standby.stop().await;
}

/// The old owner hangs in the middle of a batch. It has to let go of it before the next one begins.
#[tokio::test]
async fn a_call_ends_before_the_lease_does() {
    let world = World::new().await;
    let lease = Duration::from_secs(2);
    world.meili.hangs.close();
    world.post("a", "x", "").await;
    let running = world.leased(lease);
    until("it hangs", || world.meili.hangs.is_waited_at()).await;
    let begun = tokio::time::Instant::now();
    until("it is given up", || world.meili.hangs.given_up.lock().unwrap().is_some()).await;
    let held = world.meili.hangs.given_up.lock().unwrap().unwrap() - begun;
    assert!(held <= lease * 3 / 4, "held for {held:?}");
    // What may still be carried out keeps the lease from being given up.
    until("it hangs again", || world.meili.hangs.is_waited_at()).await;
    running.kill().await;
    assert_eq!(world.number("SELECT count(*) FROM cn_search.outbox_cursors WHERE side = 'meili' AND seq > 0").await, 0);
    world.meili.hangs.open();
    let running = world.leased(lease);
    world.both_passed(1).await;
    world.both_hold(&["a__x"]);
    running.stop().await;
}

#[tokio::test]
async fn an_owner_in_doubt_leaves_the_lease_to_run_out() {
    let world = World::new().await;
    world.meili.hangs.close();
    world.post("a", "x", "").await;
    let quick = OutboxPace { drain: Duration::from_millis(10), ..pace() };
    let running = world.run_with(world.options().pace(quick));
    until("it hangs", || world.meili.hangs.is_waited_at()).await;
    world.passed(Side::Pg, 1).await;
    let report = running.stop().await;
    assert_eq!((report.meili.abandoned, report.meili.cursor, report.pg.abandoned), (true, Some(0), false));
    let held = "SELECT count(*) FROM cn_search.outbox_cursors WHERE lease_until > clock_timestamp() AND side = ";
    assert_eq!(world.number(&format!("{held} 'meili'")).await, 1);
    assert_eq!(world.number(&format!("{held} 'pg'")).await, 0);
}

/// Somebody else has become the owner while a batch was under way.
#[tokio::test]
async fn a_zombie_moves_nothing() {
    let world = World::new().await;
    world.pg.hangs.close();
    world.meili.hangs.close();
    world.execute("ALTER TABLE cn_relay.events_outbox ALTER topic_id DROP NOT NULL").await;
    world.post("a", "x", "").await;
    world.note("poison", "a", "x").await;
    let running = world.run();
    until("both hang", || world.pg.hangs.is_waited_at() && world.meili.hangs.is_waited_at()).await;
    world
        .execute(
            "UPDATE cn_search.outbox_cursors SET epoch = epoch + 1, owner = 'another',
                 lease_until = clock_timestamp() + interval '1 hour'",
        )
        .await;
    world.pg.hangs.open();
    world.meili.hangs.open();
    let stood_by = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'crossfade outbox'
                    AND datname = current_database() AND query LIKE '%lease_until - clock%'";
    world.until(stood_by).await;
    until("both are written", || world.meili.contents().len() + world.pg.contents().len() == 2).await;
    let report = running.stop().await;
    let moved = "SELECT count(*) FROM cn_search.outbox_cursors WHERE seq <> 0 OR owner <> 'another' OR epoch <> 2";
    assert_eq!(world.number(moved).await, 0);
    assert_eq!(world.number("SELECT count(*) FROM cn_search.outbox_dead_letters").await, 0);
    assert_eq!((report.meili.rows, report.pg.rows, report.pg.dead), (0, 0, 0));
}
