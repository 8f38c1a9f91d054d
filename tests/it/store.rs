//! The pool of the control tables, on a network that fails.

use std::time::Duration;

use crossfade::store::Store;
use futures_util::future::join_all;
use sqlx::{Connection, Executor, PgConnection, query_scalar};
use tokio::time::{Instant, timeout};

use super::{flag_rules::migrated, proxy::Proxy};

/// Connections that are cut off in the middle of a statement give their place in the pool back.
#[tokio::test]
async fn abandoned_statements_do_not_use_the_pool_up() {
    let (database, _store) = migrated().await;
    let proxy = Proxy::before(database.url()).await;
    let store = Store::connect(proxy.url(), "cn_search").await.unwrap();
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute("BEGIN; LOCK TABLE cn_search.runtime_flags IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // Not in that transaction, which would see the same activity all the time.
    let mut watching = PgConnection::connect(database.url()).await.unwrap();
    // As many as the pool has; each waits for the lock, and is given up by its caller.
    let flags = store.flags();
    let mut reads = Box::pin(join_all((0..4).map(|_| timeout(Duration::from_secs(5), flags.read()))));
    let begun = Instant::now();
    loop {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        tokio::select! {
            outcome = &mut reads => panic!("they did not wait: {outcome:?}"),
            waiting = query_scalar::<_, i64>(waiting).fetch_one(&mut watching) => if waiting.unwrap() == 4 { break },
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "they never wait");
    }
    proxy.freeze();
    drop(reads);
    psql.execute("ROLLBACK").await.unwrap();

    while let Err(error) = flags.read().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{error}");
    }
}

/// What hangs on the server ends there; migrations may take as long as they need.
#[tokio::test]
async fn statements_have_a_deadline_on_the_server_and_migrations_have_none() {
    let (database, store) = migrated().await;
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    // The function stands for a migration: it is the only statement here that can see its own session's settings.
    psql.execute(
        "CREATE TABLE seen (setting TEXT);
         CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO public.seen VALUES (current_setting('statement_timeout')); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER UPDATE OF flag_value ON cn_search.runtime_flags EXECUTE FUNCTION note();
         CREATE TRIGGER note AFTER INSERT ON cn_search._sqlx_migrations EXECUTE FUNCTION note();
         DELETE FROM cn_search._sqlx_migrations WHERE version = 3;
         DROP TABLE cn_search.shadow_log_losses;",
    )
    .await
    .unwrap();
    store.migrate().await.unwrap();
    store.flags().set("search_write_mode", "dual", "test", "").await.unwrap();
    let seen: Vec<String> = query_scalar("SELECT setting FROM seen").fetch_all(&mut psql).await.unwrap();
    assert_eq!(seen, ["0", "10s"]);
}
