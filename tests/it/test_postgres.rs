//! The throwaway cluster itself.

use std::{process::Stdio, time::Duration};

use crossfade::testing::{TestPostgres, TestPostgresError};
use sqlx::{Connection, PgConnection, query_scalar};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{Instant, timeout},
};

async fn one(url: &str) -> Result<i32, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    query_scalar("SELECT 1").fetch_one(&mut connection).await
}

#[tokio::test]
async fn every_test_gets_a_database_of_its_own() {
    let (first, second) = (TestPostgres::database().await.unwrap(), TestPostgres::database().await.unwrap());
    assert_ne!(first.url(), second.url());
    assert_eq!((one(first.url()).await.unwrap(), one(second.url()).await.unwrap()), (1, 1));
}

#[tokio::test]
async fn a_private_cluster_starts_quickly_and_comes_back_after_a_crash() {
    let begun = Instant::now();
    let mut server = TestPostgres::private().await.unwrap();
    println!("a cluster is up after {:?}", begun.elapsed());
    let database = server.create_database().await.unwrap();
    for crash in [false, true] {
        if crash {
            server.kill().await.unwrap()
        } else {
            server.stop().await.unwrap()
        };
        assert!(one(database.url()).await.is_err(), "the server still answers");
        server.restart().await.unwrap();
        assert_eq!(one(database.url()).await.unwrap(), 1);
    }
    drop(server);
    timeout(Duration::from_secs(10), async { while one(database.url()).await.is_ok() {} }).await.unwrap();
}

/// Not a test of its own: what `the_server_dies_with_a_killed_process` runs and kills.
#[tokio::test]
async fn holds_a_server_until_killed() {
    if std::env::var_os(HOLD).is_some() {
        let server = TestPostgres::private().await.unwrap();
        println!("url={}", server.create_database().await.unwrap().url());
        std::future::pending::<()>().await;
    }
}

const HOLD: &str = "CROSSFADE_TEST_HOLDS_A_SERVER";

#[tokio::test]
async fn the_server_dies_with_a_killed_process() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "test_postgres::holds_a_server_until_killed", "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let url = loop {
        let line = lines.next_line().await.unwrap().expect("the holder ended early");
        if let Some((_, url)) = line.split_once("url=") {
            break url.to_owned();
        }
    };
    assert_eq!(one(&url).await.unwrap(), 1);
    holder.kill().await.unwrap();
    timeout(Duration::from_secs(10), async { while one(&url).await.is_ok() {} }).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_ours_is_not_stopped() {
    if std::env::var_os("DATABASE_URL").is_some() {
        let mut server = TestPostgres::start().await.unwrap();
        assert!(matches!(server.stop().await, Err(TestPostgresError::NotOurs)));
        return;
    }
    // The same test in a process that is given the server of this one.
    let database = TestPostgres::database().await.unwrap();
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "test_postgres::a_server_that_is_not_ours_is_not_stopped"])
        .env("DATABASE_URL", database.url())
        .output()
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&other.stdout);
    assert!(other.status.success() && output.contains("1 passed"), "{output}");
    assert_eq!(one(database.url()).await.unwrap(), 1);
}
