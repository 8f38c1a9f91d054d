//! How writing fails.

use std::time::Duration;

use crossfade::{
    backend::{
        postgres::{PoolSize, PostgresOptions},
        write::{Swept, TargetWriter},
    },
    document::{Document, Version},
    error::BackendErrorKind,
    search::SearchQuery,
    testing::TestPostgres,
};
use serde_json::json;

use super::{INDEX, OURS, Scene, WRITTEN, found, replacement, run, write};
use crate::postgres::Ground;

fn pool(statement_timeout: Duration) -> PoolSize {
    PoolSize { max_connections: 2, acquire_timeout: Duration::from_secs(2), statement_timeout }
}

#[tokio::test]
async fn an_index_must_be_there() {
    let scene = Scene::new().await;
    let version = Version(1);
    for index in ["missing", "with\u{0}nul"] {
        let writer = &scene.writer;
        let replacements = [replacement("1", None, None)];
        for error in [
            writer.write(index, OURS, &[write("1", 1, json!({}))]).await.unwrap_err(),
            writer.merge(index, OURS, &[("1".into(), version, Document::new())]).await.unwrap_err(),
            writer.read(index, &["1".into()]).await.unwrap_err(),
            writer.replace(index, OURS, &replacements).await.unwrap_err(),
            writer.sweep(index, OURS, version, None).await.unwrap_err(),
            writer.swept(index, Swept::Tombstones(version), None, 1).await.unwrap_err(),
            writer.swept(index, Swept::Tombstones(version), Some(&"1".into()), 1).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), BackendErrorKind::IndexNotFound, "{error}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_held_is_rejected_and_leaves_nothing() {
    let scene = Scene::new().await;
    // As text this long does not shrink, it is too long for the index of the ids.
    let endless: String = (0..4_000u32).map(|n| char::from_u32(0x4e00 + n * 31 % 20_000).unwrap()).collect();
    for id in ["a\u{0}b", &endless] {
        let good = write("good", 1, json!({}));
        let errors = [
            scene.writer.write(INDEX, OURS, &[good, write(id, 1, json!({}))]).await.unwrap_err(),
            scene.writer.merge(INDEX, OURS, &[(id.into(), Version(1), Document::new())]).await.unwrap_err(),
            scene.writer.replace(INDEX, OURS, &[replacement(id, None, Some((1, json!({}))))]).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), BackendErrorKind::Rejected, "{error}");
        }
    }
    assert_eq!(scene.read("good").await, None);
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_an_outage() {
    let scene = Scene::new().await;
    let mut connection = scene.ground.psql().await;
    let database: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut connection).await.unwrap();
    run(&mut connection, format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
    let batch = [write("1", 1, json!({}))];
    let error = scene.ground.options().writer().write(INDEX, OURS, &batch).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{error}");
    let nowhere = PostgresOptions::new("postgres://u:hunter22@127.0.0.1:9/x").unwrap().writer_pool(pool(Duration::MAX));
    let nowhere = nowhere.writer();
    let error = nowhere.write(INDEX, OURS, &batch).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{error}");
    // What no server could hold is known without asking one.
    let unholdable = nowhere.write(INDEX, OURS, &[write("\u{0}", 1, json!({}))]).await.unwrap_err();
    assert_eq!(unholdable.kind(), BackendErrorKind::Rejected, "{unholdable}");
    assert!(!format!("{error} {error:?} {nowhere:?}").contains("hunter22"));
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_written_again() {
    let mut server = TestPostgres::private().await.unwrap();
    let ground = Ground::in_database(server.create_database().await.unwrap()).await;
    ground.index(json!({}), &[]).await;
    let writer = ground.options().writer_pool(pool(Duration::from_secs(5))).writer();
    let batch = [write("1", 1, json!({}))];
    assert_eq!(writer.write(INDEX, OURS, &batch).await.unwrap(), [WRITTEN]);
    server.stop().await.unwrap();
    let error = writer.write(INDEX, OURS, &batch).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unavailable, "{error}");
    server.restart().await.unwrap();
    assert_eq!(writer.write(INDEX, OURS, &batch).await.unwrap(), [WRITTEN]);
}

#[tokio::test]
async fn a_write_that_waits_too_long_is_a_timeout_and_reads_go_on_meanwhile() {
    let scene = Scene::new().await;
    scene.write(OURS, &[write("1", 1, json!({"id": 1, "t": "red"}))]).await;
    let options = scene.ground.options().pool(pool(Duration::from_secs(30)));
    let options = options.writer_pool(pool(Duration::from_millis(200)));
    let (writer, index) = (options.clone().writer(), options.index(INDEX));
    let mut locker = scene.ground.psql().await;
    run(&mut locker, "BEGIN; SELECT FROM search_documents WHERE id = '1' FOR UPDATE").await;
    let batch = [write("1", 2, json!({}))];
    // More than either pool has connections.
    let writes = futures_util::future::join_all((0..4).map(|_| writer.write(INDEX, OURS, &batch)));
    let (writes, hits) = tokio::join!(writes, async { found(&index, &SearchQuery::new("red")).await });
    assert_eq!(hits, ["1"]);
    for error in writes.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind(), BackendErrorKind::Timeout, "{error}");
    }
}
