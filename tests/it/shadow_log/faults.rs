//! What happens when the queue is full, the database is away, or a row is bad.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossfade::{
    document::DocumentId,
    shadow::{Outcome, ShadowRecord, ShadowSink},
    store::{DEFAULT_SCHEMA, ShadowLog, ShadowLogOptions, Store},
    testing::TestPostgres,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sqlx::{Executor, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{LOST, Tables, counter, plain, records};

const STORED: &str = "SELECT count(*) FROM shadow_read_logs";
const STORED_ONCE: &str = "SELECT count(DISTINCT query_norm) FROM shadow_read_logs";

#[tokio::test]
async fn a_full_queue_is_counted_by_outcome_in_the_metric_and_in_the_table() {
    let (tables, _database) = Tables::fresh().await;
    let (log, writer) = ShadowLog::new(&tables.store, ShadowLogOptions { queue: 4, ..plain() });
    let records = records(10, 30);
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || records.iter().cloned().for_each(|record| log.record(record)));
    drop(log);

    let summary = writer.run(CancellationToken::new()).await;

    assert_eq!((summary.stored, tables.number(STORED).await, tables.number(LOST).await), (4, 4, 26));
    let in_table: Vec<(String, i64)> = sqlx::query_as(
        "SELECT outcome, sum(lost)::bigint FROM shadow_log_losses WHERE reason = 'queue_full' GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(&tables.pool)
    .await
    .unwrap();
    let mut expected: Vec<(String, i64)> = Vec::new();
    for outcome in Outcome::ALL {
        let lost = records[4..].iter().filter(|record| record.outcome == outcome).count() as i64;
        if lost > 0 {
            expected.push((outcome.as_str().to_owned(), lost));
        }
    }
    expected.sort();
    assert!(expected.len() > 1, "the records are of several outcomes");
    assert_eq!(in_table, expected);
    let mut in_metric: Vec<(String, i64)> = recorder
        .snapshotter()
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "shadow_log_lost_total")
        .map(|(key, _, _, value)| {
            let label = key.key().labels().find(|label| label.key() == "outcome").unwrap().value().to_owned();
            let DebugValue::Counter(count) = value else { panic!("{value:?} is no counter") };
            (label, count as i64)
        })
        .collect();
    in_metric.sort();
    assert_eq!(in_metric, expected);
}

#[tokio::test]
async fn nothing_blocks_and_nothing_vanishes_while_the_database_is_away() {
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    // The cluster of tests forgets its last commits in a crash unless it is told not to.
    let durable = "ALTER ROLE CURRENT_USER SET synchronous_commit = on";
    Tables::at(database.url()).await.pool.execute(durable).await.unwrap();
    let tables = Tables::at(database.url()).await;
    let (log, writer) = ShadowLog::new(&tables.store, ShadowLogOptions { queue: 500, batch: 50, ..plain() });
    let stop = CancellationToken::new();
    let running = tokio::spawn(writer.run(stop.clone()));
    let records = records(11, 6_000);
    let record = |range: std::ops::Range<usize>| records[range].iter().cloned().for_each(|record| log.record(record));

    record(0..400);
    tables.until("SELECT count(*) = 400 FROM shadow_read_logs").await;
    record(400..600);
    server.kill().await.unwrap();
    // Far more than the queue and the writer can hold. Were record() to wait, this would never end.
    record(600..4_000);
    server.restart().await.unwrap();
    tables.until("SELECT count(*) >= 900 FROM shadow_read_logs").await;
    record(4_000..4_300);
    server.stop().await.unwrap();
    record(4_300..6_000);
    server.restart().await.unwrap();
    tables.until("SELECT max(query_norm::int) >= 4200 FROM shadow_read_logs").await;
    stop.cancel();
    let summary = running.await.unwrap();

    let (stored, once, lost) =
        (tables.number(STORED).await, tables.number(STORED_ONCE).await, tables.number(LOST).await);
    assert_eq!(stored, once, "a record was stored twice");
    assert_eq!(stored, summary.stored as i64);
    assert!(lost >= 3_400 - 500 - 50, "{lost}");
    assert_eq!(stored + lost, 6_000, "a record vanished uncounted");
}

#[tokio::test]
async fn a_batch_whose_fate_is_unknown_is_not_stored_twice() {
    let server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    let tables = Tables::at(database.url()).await;
    let direct: PgConnectOptions = database.url().parse().unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through =
        database.url().replace(&format!("127.0.0.1:{}", direct.get_port()), &proxy.local_addr().unwrap().to_string());
    tokio::spawn(swallow_one_confirmation(proxy, direct.get_port()));
    let store = Store::connect(&through, DEFAULT_SCHEMA).await.unwrap();
    let (log, writer) = ShadowLog::new(&store, plain());
    records(12, 20).into_iter().for_each(|record| log.record(record));
    drop(log);
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);

    let summary = writer.run(CancellationToken::new()).await;

    assert!(counter(&snapshotter, "shadow_log_retries_total") > 0, "the batch was sent once only");
    assert_eq!((summary.stored, summary.lost), (20, 0));
    assert_eq!((tables.number(STORED).await, tables.number(STORED_ONCE).await), (20, 20));
}

/// Passes connections on to the server, and cuts the first one over which an INSERT is confirmed, just before the
/// confirmation: the server has committed, the client cannot know.
async fn swallow_one_confirmation(proxy: TcpListener, server: u16) {
    let swallowed = Arc::new(AtomicBool::new(false));
    while let Ok((mut client, _)) = proxy.accept().await {
        let swallowed = Arc::clone(&swallowed);
        tokio::spawn(async move {
            let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
            let answers = async {
                let mut buffer = vec![0; 65_536];
                while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                    let confirms = buffer[..length].windows(9).any(|bytes| bytes == b"INSERT 0 ");
                    if confirms && !swallowed.swap(true, Ordering::Relaxed) {
                        return;
                    }
                    to_client.write_all(&buffer[..length]).await.unwrap();
                }
            };
            tokio::select! {
                () = answers => {}
                _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
            }
        });
    }
}

#[tokio::test]
async fn stopping_without_a_database_ends_in_time_and_tells_what_was_left() {
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    let tables = Tables::at(database.url()).await;
    let options = ShadowLogOptions { batch: 10, drain: Duration::from_millis(200), ..plain() };
    let (log, writer) = ShadowLog::new(&tables.store, options);
    server.kill().await.unwrap();
    records(13, 35).into_iter().for_each(|record| log.record(record));
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let stop = CancellationToken::new();
    stop.cancel();

    let summary = tokio::time::timeout(Duration::from_secs(5), writer.run(stop)).await.expect("it ends");

    assert_eq!((summary.stored, summary.lost, summary.left), (0, 35, 35));
    assert_eq!(counter(&snapshotter, "shadow_log_lost_total"), 35);
    // Nothing is taken any more, and nothing panics.
    records(13, 1).into_iter().for_each(|record| log.record(record));
}

#[tokio::test]
async fn one_bad_row_does_not_lose_its_batch() {
    let (tables, _database) = Tables::fresh().await;
    tables.pool.execute("ALTER TABLE shadow_read_logs ADD CHECK (query_norm <> 'poison')").await.unwrap();
    let (log, writer) = ShadowLog::new(&tables.store, ShadowLogOptions { batch: 64, ..plain() });
    let mut records = records(14, 64);
    for bad in [0, 31, 32] {
        records[bad].query = "poison".to_owned();
    }
    records[40] = ShadowRecord {
        user: "nul\0user".into(),
        query: "nul\0query".into(),
        endpoint: "nul\0endpoint".into(),
        ..records[40].clone()
    };
    records[40].meili.ids = Some(vec![DocumentId::from("nul\0id")]);
    records.into_iter().for_each(|record| log.record(record));
    drop(log);

    let summary = writer.run(CancellationToken::new()).await;

    assert_eq!((summary.stored, summary.lost, summary.left), (61, 3, 0));
    assert_eq!((tables.number(STORED).await, tables.number(STORED_ONCE).await), (61, 61));
    let refused = "SELECT sum(lost)::bigint FROM shadow_log_losses WHERE reason = 'refused'";
    assert_eq!(tables.number(refused).await, 3);
    let bent: (String, String, String, Vec<String>) = sqlx::query_as(
        "SELECT user_id, query_norm, endpoint, meili_ids FROM shadow_read_logs WHERE query_norm ~ 'nul'",
    )
    .fetch_one(&tables.pool)
    .await
    .unwrap();
    let expected = ["nul\u{fffd}user", "nul\u{fffd}query", "nul\u{fffd}endpoint", "nul\u{fffd}id"];
    assert_eq!([bent.0, bent.1, bent.2, bent.3.concat()], expected);
}
