//! Which side is fed in which mode, changing while it runs.

use crossfade::{
    error::Side,
    outbox::OutboxStart,
    plan::{Flags, ReadBackend},
};
use tokio_util::sync::CancellationToken;

use super::{World, dual, pg_only};
use crate::support::until;

#[tokio::test]
async fn the_plan_says_which_sides_are_fed() {
    let world = World::new().await;
    world.plan.publish(Flags::default()).unwrap();
    world.plan.clear_stale();
    let running = world.run_with(world.options().starts(OutboxStart::Oldest, OutboxStart::Watermark));
    let seq = world.post("old", "x", "").await;
    world.passed(Side::Meili, seq).await;
    assert_eq!(world.cursor(Side::Pg).await, None);

    // What was before `dual` is the backfill's, and it is told from where on.
    world.plan.publish(dual()).unwrap();
    world.passed(Side::Pg, seq).await;
    assert_eq!(world.monitor().backlog(Side::Pg).await.unwrap().started, Some(seq));
    let seq = world.post("both", "x", "").await;
    world.both_passed(seq).await;
    assert_eq!(world.ids(), (vec!["both__x".to_owned(), "old__x".to_owned()], vec!["both__x".to_owned()]));

    world.plan.publish(Flags { read_backend: ReadBackend::Pg, ..dual() }).unwrap();
    world.plan.publish(pg_only()).unwrap();
    // The consumer has seen it once the lease is free.
    let let_go = "SELECT lease_until <= clock_timestamp() FROM cn_search.outbox_cursors WHERE side = 'meili'";
    world.until(let_go).await;
    let seq = world.post("new", "x", "").await;
    world.passed(Side::Pg, seq).await;
    assert_eq!(world.cursor(Side::Meili).await, Some(seq - 1));
    assert!(!world.meili.contents().contains_key("new__x"));

    // Back: Meilisearch receives what it has missed.
    world.plan.publish(Flags { read_backend: ReadBackend::Pg, ..dual() }).unwrap();
    world.both_passed(seq).await;
    assert!(world.meili.contents().contains_key("new__x"));

    // The brake: PostgreSQL stays where it is, and comes back to it.
    world.plan.publish(Flags::default()).unwrap();
    world.until(&let_go.replace("meili", "pg")).await;
    let seq = world.post("later", "x", "").await;
    world.passed(Side::Meili, seq).await;
    assert_eq!(world.cursor(Side::Pg).await, Some(seq - 1));
    world.plan.publish(dual()).unwrap();
    world.both_passed(seq).await;
    running.stop().await;
}

/// A side that is no longer wanted is not waited for, whatever it still has under way.
#[tokio::test]
async fn a_side_that_is_left_behind_is_let_go_of() {
    let world = World::new().await;
    world.meili.state().stalled = true;
    let seq = world.post("a", "x", "").await;
    let running = world.run();
    until("it is sent", || world.meili.state().sent.len() == 1).await;
    world.plan.publish(Flags { read_backend: ReadBackend::Pg, ..dual() }).unwrap();
    world.plan.publish(pg_only()).unwrap();
    world.until("SELECT lease_until <= clock_timestamp() FROM cn_search.outbox_cursors WHERE side = 'meili'").await;
    world.passed(Side::Pg, seq).await;
    assert_eq!(world.cursor(Side::Meili).await, Some(0));
    running.stop().await;
}

#[tokio::test]
async fn an_intake_whose_database_is_away_stops_when_told() {
    let world = World::new().await;
    let options = crossfade::outbox::OutboxOptions::new("postgres://nobody@127.0.0.1:1/none").unwrap();
    let (stop, intake) = (CancellationToken::new(), world.intake(options));
    let monitor = intake.monitor();
    let running = tokio::spawn(intake.run(stop.clone()));
    assert!(monitor.backlog(Side::Pg).await.is_err());
    stop.cancel();
    running.await.unwrap().unwrap();
}
