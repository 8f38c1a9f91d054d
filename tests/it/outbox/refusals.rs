//! An outbox that is not fit to be read is refused.

use std::time::Duration;

use crossfade::outbox::{
    OutboxColumns, OutboxContent, OutboxError, OutboxIds, OutboxIntake, OutboxLookup, OutboxOptions, OutboxPace,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{SIDES, World, pace, post};

impl World {
    async fn refusal(&self, options: OutboxOptions) -> OutboxError {
        let run = self.intake(options).run(CancellationToken::new());
        timeout(Duration::from_secs(20), run).await.expect("it runs").unwrap_err()
    }
}

#[tokio::test]
async fn numbers_that_are_not_given_out_in_order_are_refused() {
    let world = World::new().await;
    for change in ["CACHE 20", "CACHE 1 INCREMENT 2", "INCREMENT 1 CYCLE"] {
        world.execute(&format!("ALTER SEQUENCE cn_relay.events_outbox_seq_seq {change}")).await;
        let error = world.refusal(world.options()).await;
        assert!(matches!(error, OutboxError::UnsafeSequence { .. }), "{change}: {error:?}");
        let cure = error.to_string();
        let cure = &cure[cure.find("ALTER SEQUENCE").unwrap()..cure.rfind('`').unwrap()];
        assert_eq!(cure, "ALTER SEQUENCE cn_relay.events_outbox_seq_seq INCREMENT 1 CACHE 1 NO CYCLE");
        world.execute(cure).await;
        world.monitor().check().await.unwrap();
    }
}

/// It is found while the outbox is read, too, and nothing is passed that could be filled later.
#[tokio::test]
async fn a_cache_that_comes_later_stops_the_cursor() {
    let world = World::new().await;
    let running = world.run();
    let seq = world.post("a", "x", "").await;
    world.both_passed(seq).await;
    world.execute("ALTER SEQUENCE cn_relay.events_outbox_seq_seq CACHE 10").await;
    let (mut one, mut two) = (world.session().await, world.session().await);
    let low = post(&mut one, "b", "x", "").await;
    let high = post(&mut two, "c", "x", "").await;
    assert_eq!(high, low + 10);
    for side in SIDES {
        world.passed(side, low).await;
        let backlog = world.monitor().backlog(side).await.unwrap();
        assert_eq!(backlog.cursor, Some(low));
        assert!(backlog.failing.is_some_and(|why| why.contains("CACHE 10")));
    }
    assert_eq!(post(&mut one, "d", "x", "").await, low + 1);
    world.execute("ALTER SEQUENCE cn_relay.events_outbox_seq_seq CACHE 1").await;
    world.both_passed(high).await;
    world.both_hold(&["a__x", "b__x", "c__x", "d__x"]);
    running.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let world = World::new().await;
    let columns = |table: &str, seq: &str| OutboxColumns {
        table: table.to_owned(),
        seq: seq.to_owned(),
        ..OutboxColumns::default()
    };
    world.execute("CREATE TABLE cn_relay.plain AS SELECT * FROM cn_relay.events_outbox").await;
    let error = world.refusal(world.options().columns(columns("plain", "seq"))).await;
    assert!(matches!(&error, OutboxError::NoSequence(table) if table.contains("plain")), "{error:?}");
    let named = world.options().columns(columns("plain", "seq")).sequence("cn_relay.events_outbox_seq_seq");
    world.intake(named).monitor().check().await.unwrap();
    let error = world.refusal(world.options().columns(columns("nowhere", "seq"))).await;
    assert!(matches!(&error, OutboxError::NoOutbox { .. }), "{error:?}");
    let error = world.refusal(world.options().columns(columns("events_outbox", "number"))).await;
    assert!(matches!(&error, OutboxError::NoOutbox { .. }), "{error:?}");
    for lookup in ["SELECT 1", "SELECT oops"] {
        let content = OutboxContent::Lookup(OutboxLookup::new(lookup));
        let checked = world.intake(world.options().content(content.clone())).monitor().check().await;
        assert!(matches!(&checked, Err(OutboxError::Lookup(_))), "{lookup}: {checked:?}");
        let error = world.refusal(world.options().content(content)).await;
        assert!(matches!(&error, OutboxError::Lookup(_)), "{lookup}: {error:?}");
    }
    let error = world.refusal(world.options().control_schema("elsewhere")).await;
    assert!(matches!(&error, OutboxError::NotMigrated(schema) if schema == "elsewhere"), "{error:?}");
}

#[tokio::test]
async fn settings_that_cannot_be_right_are_refused_before_anything_connects() {
    let world = World::new().await;
    let made = |options| OutboxIntake::new(options, world.plan.clone(), world.meili.clone(), world.pg.clone());
    let of = |columns| world.options().columns(columns);
    let cases = [
        of(OutboxColumns { schema: String::new(), ..OutboxColumns::default() }),
        of(OutboxColumns { keys: vec!["x".repeat(64)], ..OutboxColumns::default() }),
        of(OutboxColumns { keys: Vec::new(), ..OutboxColumns::default() }),
        world.options().ids(OutboxIds::Verbatim),
        world.options().control_schema("a b"),
        world.options().pace(OutboxPace { batch: 0, ..pace() }),
    ];
    for options in cases {
        let error = made(options).unwrap_err();
        assert!(matches!(error, OutboxError::InvalidName(_) | OutboxError::InvalidOptions(_)), "{error:?}");
    }
    let error = OutboxOptions::new("postgres://user:secret@host:port/x").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert!(!format!("{:?}", OutboxOptions::new("postgres://user:secret@host/x").unwrap()).contains("secret"));
}
