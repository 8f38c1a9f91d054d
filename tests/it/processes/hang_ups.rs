//! Clients that hang up in the middle of a write.

use std::{sync::Arc, time::Duration};

use crossfade::journal::{Journal as _, sqlite::SqliteJournal};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::Method;
use metrics_util::debugging::DebuggingRecorder;
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    bad_input::{Sent, counted, send},
    service::{OPTIONS, Service},
    until,
    world::World,
};

const CLIENTS: usize = 300;
const AT_ONCE: usize = 8;

/// One write by hand, cut off after `patience`, or after some bytes of the request. Whether it was answered with 202.
async fn write(address: &str, request: &[u8], sent: usize, patience: Duration) -> bool {
    let mut line = TcpStream::connect(address).await.unwrap();
    line.write_all(&request[..sent]).await.unwrap();
    let mut answer = [0; 12];
    let answered = timeout(patience, line.read_exact(&mut answer)).await;
    matches!(answered, Ok(Ok(_))) && answer.ends_with(b"202")
}

fn request(world: &World, at: usize) -> Vec<u8> {
    let (index, key) = (&world.index, world.meili.key());
    // A few documents are hot; the others are there once, in threes.
    let hot = format!("hot-{}", at % 5);
    let post = |id: &str| json!({ "id": id, "title": format!("title {at}"), "kind": "x" });
    let batch = [post(&format!("{at}-a")), post(&format!("{at}-b")), post(&hot)];
    let (method, path, body) = match at % 8 {
        0..4 => ("POST", format!("/indexes/{index}/documents"), json!(batch)),
        4 => ("PUT", format!("/indexes/{index}/documents"), json!([{ "id": hot, "stars": at }])),
        5 => ("PATCH", format!("/v1/posts/{hot}"), json!({ "more": at })),
        6 => ("POST", "/v1/posts".to_owned(), post(&hot)),
        _ => ("DELETE", format!("/indexes/{index}/documents/{hot}"), Value::Null),
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn hang_up(plan: &str) {
    let world = World::new(false).await;
    let journal = Arc::new(SqliteJournal::open(world.journal(), OPTIONS).await.unwrap());
    let service = Service::new(&world.config(plan), journal);
    let address = service.listen().await;
    let (world, service, address) = (&world, &service, &*address);
    let clients = stream::iter(0..CLIENTS).map(async |at| {
        let request = request(world, at);
        let sent = match at % 10 {
            0 => rand::rng().random_range(0..request.len()),
            _ => request.len(),
        };
        // Most go within a few milliseconds, which is when a write is made.
        let patience = match at % 4 {
            1 => Duration::from_secs(20),
            _ => Duration::from_micros(rand::rng().random_range(0..25_000)),
        };
        (at, write(address, &request, sent, patience).await)
    });
    let told: Vec<(usize, bool)> = clients.buffer_unordered(AT_ONCE).collect().await;
    until("the journal is empty", async || service.journal.status().await.unwrap().pending == 0).await;
    let stands = world.equal().await;
    for (at, acknowledged) in told.iter().filter(|(at, _)| at % 8 < 4) {
        let halves = ["a", "b"].map(|half| stands.contains_key(&format!("{at}-{half}")));
        assert_eq!(halves[0], halves[1], "half of {at} stands");
        assert!(halves[0] || !acknowledged, "{at} was acknowledged and does not stand");
    }
    let acknowledged = told.iter().filter(|(_, acknowledged)| *acknowledged).count();
    assert!((CLIENTS / 8..CLIENTS).contains(&acknowledged), "{acknowledged} of {CLIENTS} waited long enough");
}

fn on_this_thread(test: impl Future<Output = ()>) -> DebuggingRecorder {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(test));
    recorder
}

#[test]
fn clients_that_hang_up_leave_no_half_write() {
    let recorder = on_this_thread(hang_up("dual"));
    let unknown = counted(&recorder, "search_dual_write_unknown_total", "meili");
    assert!(unknown > 0, "nobody hung up while Meilisearch was asked");
}

#[test]
fn nor_where_postgres_decides() {
    let recorder = on_this_thread(hang_up("target_primary"));
    let unknown = counted(&recorder, "search_dual_write_unknown_total", "pg");
    assert!(unknown > 0, "nobody hung up while PostgreSQL was asked");
}

/// Of those who write at the same time one does the work of the journal for all; here it is one that hangs up.
async fn hang_up_with_the_turn(with_worker: bool) {
    let world = World::new(false).await;
    let journal = Arc::new(SqliteJournal::open(world.journal(), OPTIONS).await.unwrap());
    let service = Service::new(&world.config("dual"), journal.clone());
    let (router, path) = (service.router.clone(), format!("/indexes/{}/documents", world.index));
    let write = |id: &str| Sent::json(Method::POST, &path, &json!([{ "id": id, "title": id }]));
    assert_eq!(send(&router, world.meili.key(), write("a")).await.status, 202);
    until("the journal is empty", async || journal.status().await.unwrap().pending == 0).await;
    let service = if with_worker {
        Some(service)
    } else {
        service.end().await;
        None
    };

    let mut leaving = Box::pin(send(&router, world.meili.key(), write("b")));
    assert!((&mut leaving).now_or_never().is_none());
    // Time for the worker to come to wait for it.
    sleep(Duration::from_millis(300)).await;
    drop(leaving);
    let status = timeout(Duration::from_secs(10), journal.status()).await;
    status.expect("the journal answers").unwrap();
    if let Some(service) = service {
        until("the journal is empty", async || journal.status().await.unwrap().pending == 0).await;
        world.equal().await;
        service.end().await;
    }
}

#[tokio::test]
async fn one_that_does_the_work_of_the_journal_holds_nobody_up_when_it_hangs_up() {
    hang_up_with_the_turn(true).await;
}

#[tokio::test]
async fn nor_when_the_worker_has_stopped() {
    hang_up_with_the_turn(false).await;
}
