//! A journal that has no more room.

use std::sync::Arc;

use crossfade::journal::sqlite::{SqliteJournal, SqliteOptions};
use http::Method;
use serde_json::{Value, json};

use super::{
    bad_input::{Sent, send},
    service::{OPTIONS, Service},
    until,
    world::World,
};

#[tokio::test]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let mut world = World::new(true).await;
    let extent = SqliteOptions { max_bytes: Some(300 * 4096) };
    let journal = SqliteJournal::open_with(world.journal(), OPTIONS, extent).await.unwrap();
    let service = Service::new(&world.config("dual"), Arc::new(journal));
    let documents = format!("/indexes/{}/documents", world.index);
    let write = async |number: usize| {
        let posts: Vec<Value> =
            (0..5).map(|at| json!({ "id": format!("{number}-{at}"), "title": "x".repeat(500), "kind": "x" })).collect();
        send(&service.router, world.meili.key(), Sent::json(Method::POST, &documents, &json!(posts))).await
    };
    let read =
        async || send(&service.router, world.meili.key(), Sent::bare(Method::GET, &format!("{documents}/0-0"))).await;

    // What PostgreSQL has not got stays in the journal.
    world.postgres.stop().await.unwrap();
    let mut taken = 0;
    let refused = loop {
        let answer = write(taken).await;
        if answer.status != 202 {
            break answer;
        }
        taken += 1;
        assert!(taken < 5000, "it never is full");
    };
    assert!(taken > 10, "only {taken} fitted");
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("internal")), "{refused:?}");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    until("what was taken stands in Meilisearch", async || world.in_meili().await.len() == 1 + 5 * taken).await;
    assert_eq!(read().await.status, 200, "reads go on");
    assert_eq!(write(taken).await.status, 503, "and it stays full");
    assert_eq!(world.in_meili().await.len(), 1 + 5 * taken, "what was refused stands nowhere");

    world.postgres.restart().await.unwrap();
    until("there is room", async || write(taken).await.status == 202).await;
    until("the journal is empty", async || service.journal.status().await.unwrap().pending == 0).await;
    assert_eq!(world.equal().await.len(), 1 + 5 * (taken + 1));
    service.end().await;
}
