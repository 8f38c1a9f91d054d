use std::time::Duration;

use crossfade::{
    backend::{
        SearchBackend,
        postgres::{PoolSize, PostgresOptions},
    },
    error::BackendErrorKind,
    search::SearchQuery,
    testing::TestPostgres,
};
use serde_json::json;

use super::{Ground, titled};

fn pool(max_connections: u32, statement: Duration) -> PoolSize {
    PoolSize { max_connections, acquire_timeout: Duration::from_millis(500), statement_timeout: statement }
}

#[tokio::test]
async fn a_database_that_is_down_at_start_is_an_error_of_the_query() {
    let mut server = TestPostgres::private().await.unwrap();
    let ground = Ground::in_database(server.create_database().await.unwrap()).await;
    ground.index(json!({}), &titled(&["x"])).await;
    server.stop().await.unwrap();
    let options = ground.options().pool(pool(2, Duration::from_secs(5)));
    let index = options.isolated_pool(pool(2, Duration::from_secs(5))).index("things");
    let shadow = index.isolated().unwrap();
    for side in [&index as &dyn SearchBackend, shadow.as_ref()] {
        assert_eq!(side.search(&SearchQuery::new("x")).await.unwrap_err().kind(), BackendErrorKind::Unavailable);
    }
    server.restart().await.unwrap();
    for side in [&index as &dyn SearchBackend, shadow.as_ref()] {
        assert_eq!(side.search(&SearchQuery::new("x")).await.unwrap().total, 1);
    }
}

#[tokio::test]
async fn slow_statements_and_missing_connections_have_their_kinds() {
    let ground = Ground::new().await;
    ground.index(json!({}), &titled(&["x"])).await;
    let mut locker = ground.psql().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE search_indexes IN ACCESS EXCLUSIVE MODE").execute(&mut locker).await.unwrap();
    let slow = ground.options().pool(pool(1, Duration::from_millis(50))).index("things");
    assert_eq!(slow.search(&SearchQuery::new("x")).await.unwrap_err().kind(), BackendErrorKind::Timeout);
    let busy = ground.options().pool(pool(1, Duration::from_secs(30))).index("things");
    let query = SearchQuery::new("x");
    let (first, second) = tokio::join!(busy.search(&query), async {
        let outcome = busy.search(&query).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut locker).await.unwrap();
        outcome
    });
    assert_eq!(second.unwrap_err().kind(), BackendErrorKind::Unavailable);
    first.unwrap();
}

#[tokio::test]
async fn shadow_reads_do_not_take_the_connections_of_users() {
    let ground = Ground::new().await;
    ground.index(json!({}), &titled(&["x"])).await;
    let long = Duration::from_secs(30);
    let index = ground.options().pool(pool(1, long)).isolated_pool(pool(1, long)).index("things");
    let shadow = index.isolated().unwrap();
    let mut locker = ground.psql().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE search_indexes IN ACCESS EXCLUSIVE MODE").execute(&mut locker).await.unwrap();
    let query = SearchQuery::new("x");
    let stuck = shadow.search(&query);
    tokio::pin!(stuck);
    // The shadow holds its only connection until the lock is gone; the user's read must not need it.
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut stuck).await.is_err());
    sqlx::raw_sql("ROLLBACK; BEGIN; LOCK TABLE search_documents IN SHARE MODE").execute(&mut locker).await.unwrap();
    assert_eq!(index.search(&query).await.unwrap().total, 1);
    stuck.await.unwrap();
}

#[tokio::test]
async fn a_read_given_up_does_not_keep_its_place_in_the_pool() {
    let ground = Ground::new().await;
    ground.index(json!({}), &titled(&["x"])).await;
    let index = ground.options().pool(pool(1, Duration::from_secs(30))).index("things");
    let (mut locker, mut watcher) = (ground.psql().await, ground.psql().await);
    sqlx::raw_sql("BEGIN; LOCK TABLE search_indexes IN ACCESS EXCLUSIVE MODE").execute(&mut locker).await.unwrap();
    let query = SearchQuery::new("x");
    assert!(tokio::time::timeout(Duration::from_millis(100), index.search(&query)).await.is_err());
    // The first statement still waits for the lock when the second gets as far.
    let both_wait = async {
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE NOT granted AND datname = current_database()";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await.unwrap() < 2 {}
        sqlx::raw_sql("ROLLBACK").execute(&mut locker).await.unwrap();
    };
    let both_wait = tokio::time::timeout(Duration::from_secs(20), both_wait);
    let (second, waited) = tokio::join!(index.search(&query), both_wait);
    assert_eq!(second.unwrap().total, 1);
    waited.unwrap();
}

#[tokio::test]
async fn what_is_not_a_read_takes_its_time() {
    let ground = Ground::new().await;
    ground.index(json!({}), &titled(&["x"])).await;
    let index = ground.options().pool(pool(8, Duration::from_millis(50))).index("things");
    let settings = super::settings_of(json!({"searchableAttributes": ["title"]}));
    let documents = super::numbered(&titled(&["x"]));
    let mut locker = ground.psql().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE search_documents IN ACCESS EXCLUSIVE MODE").execute(&mut locker).await.unwrap();
    let work = async {
        tokio::try_join!(
            index.load(&documents),
            index.apply_settings(&settings),
            index.document_count(),
            index.analyze(),
            async { index.delete(&[("9".into(), crossfade::document::Version(1))]).await },
        )
    };
    tokio::pin!(work);
    assert!(tokio::time::timeout(Duration::from_millis(400), &mut work).await.is_err(), "given up while it waited");
    sqlx::raw_sql("ROLLBACK").execute(&mut locker).await.unwrap();
    work.await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_unauthorized_and_never_shown() {
    let ground = Ground::new().await;
    let mut psql = ground.psql().await;
    // Roles belong to the server, which may be the user's: dropped before anything can fail.
    let role = format!("crossfade_shut_out_{}", std::process::id());
    let create = format!("CREATE ROLE {role} NOLOGIN PASSWORD 'hunter22'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut psql).await.unwrap();
    let (scheme, rest) = ground.database.url().split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let url = format!("{scheme}://{role}:hunter22@{host}");
    let index = PostgresOptions::new(&url).unwrap().pool(pool(1, Duration::from_secs(5))).index("things");
    let outcome = index.search(&SearchQuery::new("x")).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP ROLE {role}"))).execute(&mut psql).await.unwrap();
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unauthorized, "{error}");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_roles WHERE rolname = $1")
        .bind(&role)
        .fetch_one(&mut psql)
        .await
        .unwrap();
    assert_eq!(left, 0);
    let broken = PostgresOptions::new("postgres://u:hunter22@[broken").unwrap_err();
    for text in
        [error.to_string(), format!("{error:?}"), format!("{index:?}"), format!("{broken:?}"), broken.to_string()]
    {
        assert!(!text.contains("hunter22"), "{text}");
    }
}

#[tokio::test]
async fn missing_tables_are_an_outage_and_the_error_says_what_to_do() {
    let ground = Ground::new().await;
    let index = ground.options().schema("another; \"one\"").index("things");
    let error = index.search(&SearchQuery::new("x")).await.unwrap_err();
    assert!(error.kind().is_outage() && error.to_string().contains("run the migrations"), "{error}");
}
