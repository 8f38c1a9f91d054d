//! From the outbox to Meilisearch (the double, or a real server) and to the PostgreSQL index.

use std::{sync::Arc, time::Duration};

use crossfade::{
    backend::{
        meili::MeiliOptions,
        postgres::PostgresOptions,
        write::{SourceWriter, TargetWriter},
    },
    document::DocumentId,
    error::Side,
    outbox::OutboxIntake,
    settings::IndexSettings,
    testing::meili::Meili,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{SIDES, World};

#[tokio::test]
async fn both_sides_end_equal() {
    let world = World::new().await;
    let meili = Meili::start().await.unwrap();
    let uid = meili.index("outbox", &json!({}), &[json!({"id": "old__x", "content": "from before"})]).await.unwrap();
    let source = Arc::new(MeiliOptions::new(meili.url(), Some(meili.key())).unwrap().writer());
    let options = PostgresOptions::new(world.database.url()).unwrap();
    options.clone().index(&*uid).create("id", &IndexSettings::default()).await.unwrap();
    let target = Arc::new(options.writer());
    let options = world.options().index(&*uid, "id");
    let intake = OutboxIntake::new(options, world.plan.clone(), source.clone(), target.clone()).unwrap();
    let (monitor, stop) = (intake.monitor(), CancellationToken::new());

    for n in 0..150 {
        world.post(&format!("e{n}"), "x", &format!("first {n}")).await;
    }
    let running = tokio::spawn(intake.run(stop.clone()));
    for n in (0..150).step_by(3) {
        world.post(&format!("e{n}"), "x", "changed \u{1f980} \"quoted\"").await;
        sqlx::query("SELECT unpost($1, 'x')").bind(format!("e{}", n + 1)).execute(&world.pool).await.unwrap();
    }
    let last = world.note("delete", "old", "x").await;
    world.both_passed(last).await;

    let events = (0..150).map(|n| DocumentId::from(format!("e{n}__x")));
    let ids: Vec<DocumentId> = events.chain(["old__x".into()]).collect();
    let there = source.read(&uid, &ids).await.unwrap();
    let here = target.read(&uid, &ids).await.unwrap();
    assert_eq!(there.iter().flatten().count(), 100);
    for ((id, there), here) in ids.iter().zip(there).zip(here) {
        assert_eq!(there, here.and_then(|here| here.document), "{id}");
    }
    for side in SIDES {
        let backlog = monitor.backlog(side).await.unwrap();
        assert_eq!((backlog.rows, backlog.dead_letters, backlog.failing), (0, 0, None), "{side}");
    }
    assert_eq!(monitor.high_watermark(Duration::ZERO).await.unwrap(), last);
    assert_eq!(monitor.backlog(Side::Pg).await.unwrap().cursor, Some(last));
    stop.cancel();
    running.await.unwrap().unwrap();
}
