//! What becomes of rows.

use std::time::Duration;

use crossfade::{
    document::Version,
    outbox::{OutboxColumns, OutboxContent, OutboxIds, OutboxLookup, OutboxOptions, OutboxPace},
};

use super::{World, document, pace};

#[tokio::test]
async fn a_post_is_one_document_in_each_of_its_topics() {
    let world = World::new().await;
    let running = world.run();
    world.post("a", "x", "one").await;
    world.post("a", "kukuri:y z", "one").await;
    let last = world.post("b", "x", "two").await;
    world.both_passed(last).await;
    world.both_hold(&["a__kukuri_3Ay_20z", "a__x", "b__x"]);
    assert_eq!(world.pg.contents()["a__x"], document("a", "x", "one"));

    // Out of one topic, changed in the others.
    sqlx::query("SELECT unpost('a', 'x')").execute(&world.pool).await.unwrap();
    let last = world.post("b", "x", "changed").await;
    world.both_passed(last).await;
    world.both_hold(&["a__kukuri_3Ay_20z", "b__x"]);
    assert_eq!(world.meili.contents()["b__x"], document("b", "x", "changed"));
    // The version is the number of the row.
    assert_eq!(world.pg.state().rows["b__x"].0, Version(last));
    assert_eq!(world.pg.state().rows["a__x"], (Version(last - 1), None));
    let report = running.stop().await;
    assert_eq!((report.meili.rows, report.pg.rows, report.meili.dead), (5, 5, 0));
    assert_eq!(report.pg.cursor, Some(last));
}

/// The row only says that something happened; what is true now is looked up.
#[tokio::test]
async fn what_the_present_state_does_not_show_is_deleted() {
    let world = World::new().await;
    let running = world.run();
    let hidden = ["gone", "deleted", "outdated", "kind", "expired"];
    for event in hidden.iter().chain(&["kept", "lasting"]) {
        world.post(event, "x", "first").await;
    }
    world.both_passed(7).await;
    assert_eq!(world.ids().0.len(), 7);
    world
        .execute(
            "DELETE FROM cn_relay.events WHERE event_id = 'gone';
             UPDATE cn_relay.events SET is_deleted = TRUE WHERE event_id = 'deleted';
             UPDATE cn_relay.events SET is_current = FALSE WHERE event_id = 'outdated';
             UPDATE cn_relay.events SET kind = 7 WHERE event_id = 'kind';
             UPDATE cn_relay.events SET expires_at = 1 WHERE event_id = 'expired';
             UPDATE cn_relay.events SET expires_at = 99999999999 WHERE event_id = 'lasting'",
        )
        .await;
    for event in hidden.iter().chain(&["kept", "lasting"]) {
        world.note("upsert", event, "x").await;
    }
    world.both_passed(14).await;
    world.both_hold(&["kept__x", "lasting__x"]);
    running.stop().await;
}

#[tokio::test]
async fn of_several_rows_of_a_document_only_the_last_counts() {
    let world = World::new().await;
    for n in 0..5 {
        world.post("a", "x", &n.to_string()).await;
    }
    let last = world.post("b", "x", "other").await;
    let running = world.run();
    world.both_passed(last).await;
    assert_eq!(world.pg.state().written, [[("a__x".to_owned(), Version(5)), ("b__x".to_owned(), Version(6))]]);
    assert_eq!(world.meili.state().sent.len(), 1);
    assert_eq!(world.meili.contents()["a__x"], document("a", "x", "4"));
    let report = running.stop().await;
    assert_eq!((report.pg.rows, report.pg.documents), (6, 2));
}

/// Another service: other names, hard ones among them, and rows that carry their documents.
#[tokio::test]
async fn every_name_can_be_configured_and_rows_may_carry_documents() {
    let world = World::new().await;
    world
        .execute(
            r#"CREATE SCHEMA "Other ""one""";
               CREATE TABLE "Other ""one""".log ("No" INT GENERATED ALWAYS AS IDENTITY, what TEXT, "key" INT, body JSON);
               INSERT INTO "Other ""one""".log (what, "key", body) VALUES
                   ('C', 1, '{"title": "first", "z": 1, "a": 2}'), ('C', 2, '{"title": "second"}'),
                   ('U', 1, '{"title": "changed", "z": 1, "a": 2}'), ('D', 2, NULL), ('C', 3, '{"no": 3}')"#,
        )
        .await;
    let columns = OutboxColumns {
        schema: "Other \"one\"".to_owned(),
        table: "log".to_owned(),
        seq: "No".to_owned(),
        op: "what".to_owned(),
        keys: vec!["key".to_owned()],
        at: None,
    };
    let options = world
        .options()
        .name("other")
        .columns(columns)
        .ops(vec!["C", "U"], vec!["D"])
        .ids(OutboxIds::Verbatim)
        .index("posts", "no")
        .content(OutboxContent::Column("body".to_owned()));
    let monitor = world.intake(options.clone()).monitor();
    let running = world.run_with(options);
    world.until("SELECT count(*) = 2 FROM cn_search.outbox_cursors WHERE outbox = 'other' AND seq = 5").await;
    world.both_hold(&["1", "3"]);
    assert_eq!(world.meili.contents()["1"], r#"{"no":"1","title":"changed","z":1,"a":2}"#);
    // Its own id stays the number it is.
    assert_eq!(world.meili.contents()["3"], r#"{"no":3}"#);
    let backlog = monitor.backlog(crossfade::error::Side::Pg).await.unwrap();
    assert_eq!((backlog.rows, backlog.oldest, backlog.cursor), (0, None, Some(5)));
    running.stop().await;
}

#[tokio::test]
async fn deletions_are_looked_up_if_so_configured() {
    let world = World::new().await;
    world.post("a", "x", "still there").await;
    world.note("delete", "a", "x").await;
    let lookup = OutboxLookup::default().also_deletes(true);
    let running = world.run_with(world.options().content(OutboxContent::Lookup(lookup)));
    world.both_passed(2).await;
    world.both_hold(&["a__x"]);
    running.stop().await;
}

/// With a poll of an hour only a notification can bring a row in time.
#[tokio::test]
async fn a_notified_row_is_not_waited_for() {
    let world = World::new().await;
    let slow = OutboxPace { poll: Duration::from_secs(3600), ..pace() };
    let options =
        |world: &World| -> OutboxOptions { world.options().pace(slow).channel(Some("it's \"new\"".to_owned())) };
    let trigger = world.intake(options(&world)).trigger_sql().unwrap().to_owned();
    world.execute(&trigger).await;
    let running = world.run_with(options(&world));
    world.until("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'crossfade outbox notifications' AND datname = current_database() AND query LIKE 'LISTEN%'").await;
    for n in 0..3 {
        let seq = world.post("a", "x", &n.to_string()).await;
        world.both_passed(seq).await;
    }
    running.stop().await;
    assert!(world.intake(world.options().channel(None)).trigger_sql().is_none());
}
