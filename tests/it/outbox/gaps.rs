//! Rows that are committed after rows with higher numbers.

use std::{collections::BTreeSet, time::Duration};

use crossfade::{
    error::Side,
    outbox::{OutboxError, OutboxStart},
};
use sqlx::{Executor, query_scalar};
use tokio::time::sleep;

use super::{World, post};

impl World {
    /// Waits until the consumers have looked at who holds numbers, several times since this call.
    async fn consumers_looked(&self) {
        let mut seen = BTreeSet::new();
        for _ in 0..4_000 {
            let looked: Vec<String> = query_scalar(
                "SELECT pid || ' ' || query_start FROM pg_stat_activity
                 WHERE application_name = 'crossfade outbox' AND datname = current_database()
                     AND query LIKE '%virtualtransaction%'",
            )
            .fetch_all(&self.pool)
            .await
            .unwrap();
            seen.extend(looked);
            // Two consumers take turns; and the first ones seen may be from before the call.
            if seen.len() > 12 {
                return;
            }
            sleep(Duration::from_millis(2)).await;
        }
        panic!("nobody looked");
    }
}

#[tokio::test]
async fn a_lower_number_that_is_committed_later_is_not_skipped() {
    let world = World::new().await;
    let running = world.run();
    world.post("first", "x", "").await;
    let mut late = world.session().await;
    late.execute("BEGIN").await.unwrap();
    let low = post(&mut late, "late", "x", "").await;
    let high = world.post("early", "x", "").await;
    assert_eq!((low, high), (2, 3));
    world.both_passed(1).await;
    world.consumers_looked().await;
    world.both_hold(&["first__x"]);

    let backlog = world.monitor().backlog(Side::Pg).await.unwrap();
    let pid: i32 = query_scalar("SELECT pg_backend_pid()").fetch_one(&mut late).await.unwrap();
    assert_eq!((backlog.cursor, backlog.rows), (Some(1), 1));
    assert!(backlog.oldest.is_some());
    assert_eq!(backlog.held_by.iter().map(|holder| holder.pid).collect::<Vec<_>>(), [Some(pid)]);
    assert_eq!(backlog.held_by[0].state.as_deref(), Some("idle in transaction"));

    late.execute("COMMIT").await.unwrap();
    world.both_passed(3).await;
    world.both_hold(&["early__x", "first__x", "late__x"]);
    assert_eq!(world.monitor().backlog(Side::Pg).await.unwrap().held_by, []);
    running.stop().await;
}

/// A transaction that has drawn its number and written nothing is in no snapshot.
#[tokio::test]
async fn a_number_that_was_drawn_before_anything_was_written_is_not_skipped() {
    let world = World::new().await;
    let running = world.run();
    // The first one that is drawn is logged, which takes a transaction id; the next 32 are not.
    let first = world.post("first", "x", "").await;
    world.both_passed(first).await;
    let mut late = world.session().await;
    late.execute("BEGIN").await.unwrap();
    let drawn: i64 =
        query_scalar("SELECT nextval('cn_relay.events_outbox_seq_seq')").fetch_one(&mut late).await.unwrap();
    let nameless = "SELECT pg_current_xact_id_if_assigned() IS NULL";
    assert!(query_scalar::<_, bool>(nameless).fetch_one(&mut late).await.unwrap());
    let high = world.post("early", "x", "").await;
    assert!(drawn < high);
    world.consumers_looked().await;
    assert_eq!(world.cursor(Side::Meili).await, Some(first));
    sqlx::query(
        "INSERT INTO cn_relay.events_outbox SELECT $1, 'delete', 'early', 'x', 1, 0, now()
         FROM (SELECT post('other', 'x', '')) AS posted",
    )
    .bind(drawn)
    .execute(&mut late)
    .await
    .unwrap();
    late.execute("COMMIT").await.unwrap();
    world.both_passed(high).await;
    let report = running.stop().await;
    assert_eq!((report.meili.rows, report.pg.rows), (4, 4));
    world.both_hold(&["early__x", "first__x", "other__x"]);
}

#[tokio::test]
async fn numbers_that_were_rolled_back_are_passed() {
    let world = World::new().await;
    let running = world.run();
    let (mut one, mut two) = (world.session().await, world.session().await);
    for (session, event) in [(&mut one, "never"), (&mut two, "nor this")] {
        session.execute("BEGIN").await.unwrap();
        post(session, event, "x", "").await;
    }
    world.post("kept", "x", "").await;
    world.consumers_looked().await;
    one.execute("ROLLBACK").await.unwrap();
    world.consumers_looked().await;
    assert_eq!(world.cursor(Side::Pg).await, Some(0), "the other one may still commit");
    // Not even with an orderly end.
    two.execute("SELECT pg_terminate_backend(pg_backend_pid())").await.unwrap_err();
    world.both_passed(3).await;
    world.both_hold(&["kept__x"]);
    running.stop().await;
}

#[tokio::test]
async fn what_does_not_draw_numbers_holds_nobody_back() {
    let world = World::new().await;
    let mut idle = world.session().await;
    idle.execute("BEGIN; CREATE TABLE public.mine (); DELETE FROM cn_relay.events_outbox").await.unwrap();
    let mut gone = world.session().await;
    gone.execute("BEGIN").await.unwrap();
    post(&mut gone, "never", "x", "").await;
    gone.execute("ROLLBACK").await.unwrap();
    world.post("kept", "x", "").await;
    let running = world.run();
    world.both_passed(2).await;
    running.stop().await;
}

#[tokio::test]
async fn the_watermark_waits_for_those_who_have_drawn_numbers() {
    let world = World::new().await;
    let monitor = world.monitor();
    assert_eq!(monitor.high_watermark(Duration::ZERO).await.unwrap(), 0);
    let mut late = world.session().await;
    late.execute("BEGIN").await.unwrap();
    post(&mut late, "late", "x", "").await;
    world.post("early", "x", "").await;
    let pid: i32 = query_scalar("SELECT pg_backend_pid()").fetch_one(&mut late).await.unwrap();
    match monitor.high_watermark(Duration::from_millis(50)).await {
        Err(OutboxError::Held { by, .. }) => assert_eq!(by[0].pid, Some(pid)),
        other => panic!("{other:?}"),
    }
    let (settled, ()) = tokio::join!(monitor.high_watermark(Duration::from_secs(20)), async {
        // It waits; and what begins after it is not waited for.
        world.consumers_looked().await;
        late.execute("COMMIT; BEGIN").await.unwrap();
        post(&mut late, "later", "x", "").await;
    });
    assert_eq!(settled.unwrap(), 2);
    late.execute("COMMIT").await.unwrap();
    assert_eq!(monitor.high_watermark(Duration::ZERO).await.unwrap(), 3);
}

/// The first cursor of PostgreSQL: nothing may appear below it later.
#[tokio::test]
async fn the_start_waits_for_the_watermark() {
    let world = World::new().await;
    let mut late = world.session().await;
    late.execute("BEGIN").await.unwrap();
    post(&mut late, "late", "x", "").await;
    world.post("before", "x", "").await;
    let running = world.run_with(world.options().starts(OutboxStart::After(2), OutboxStart::Watermark));
    world.passed(Side::Meili, 2).await;
    world.consumers_looked().await;
    let backlog = world.monitor().backlog(Side::Pg).await.unwrap();
    assert_eq!((backlog.cursor, backlog.started, backlog.held_by.len()), (None, None, 1));
    late.execute("COMMIT").await.unwrap();
    world.passed(Side::Pg, 2).await;
    world.post("after", "x", "").await;
    world.both_passed(3).await;
    world.both_hold(&["after__x"]);
    assert_eq!(world.monitor().backlog(Side::Pg).await.unwrap().started, Some(2));
    running.stop().await;
}
