//! The database is away, full, or not what it should be.

use std::time::Duration;

use crossfade::{
    journal::{Duty, Journal, JournalError, JournalErrorKind, Outcome, postgres::PostgresJournal},
    testing::TestPostgres,
};
use tokio::time::{Instant, timeout};

use super::{claim_until, done, mark, migrate, migrated, open, options, outside, put, puts};
use crate::proxy::Proxy;

/// How long a caller may be kept waiting for bad news, and some for a busy machine.
const SOON: Duration = Duration::from_millis(2_900);

async fn unavailable<T: std::fmt::Debug>(call: impl Future<Output = Result<T, JournalError>>) {
    let began = Instant::now();
    let error = timeout(Duration::from_secs(30), call).await.expect("it ends").unwrap_err();
    assert_eq!(error.kind(), JournalErrorKind::Unavailable, "{error}");
    assert!(began.elapsed() < SOON, "after {:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_is_stopped_is_reported_soon_and_used_again_when_it_is_back() {
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    migrate(database.url()).await;
    let journal = open(database.url()).await;
    let asked = journal.append(&puts(2), Outcome::Asked).await.unwrap();
    let marks = [mark(asked[0], Outcome::Accepted(None)), mark(asked[1], Outcome::Accepted(None))];

    server.stop().await.unwrap();
    unavailable(journal.append(&[put("no", 1)], Outcome::Asked)).await;
    unavailable(journal.resolve(&marks[..1])).await;
    unavailable(journal.claim(Duty::Pg, 1)).await;
    unavailable(journal.status()).await;
    let lazy = PostgresJournal::connect_lazy(database.url(), options()).unwrap();
    unavailable(lazy.highest_version()).await;
    unavailable(async { PostgresJournal::connect(database.url(), options()).await.map(drop) }).await;

    server.restart().await.unwrap();
    assert_eq!(journal.resolve(&marks[1..]).await.unwrap(), []);
    let entries = claim_until(&journal, Duty::Pg, |entries| !entries.is_empty()).await;
    assert_eq!((entries.len(), entries[0].seq), (1, asked[1]));
    journal.settle(Duty::Pg, &done(&entries)).await.unwrap();
    // The one whose outcome could not be noted is given up, and compared.
    let given_up = claim_until(&journal, Duty::Reconcile, |entries| !entries.is_empty()).await;
    assert_eq!((given_up.len(), given_up[0].seq), (1, asked[0]));
}

/// The server of tests does not wait for its log unless a session wants it to, and its crash forgets what it has not written.
#[tokio::test]
async fn what_was_appended_outlives_a_crash_of_the_server() {
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    migrate(database.url()).await;
    let journal = open(database.url()).await;
    for version in 0..10 {
        journal.append(&[put("1", version)], Outcome::Accepted(None)).await.unwrap();
    }
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    let journal = open(database.url()).await;
    assert_eq!(journal.status().await.unwrap().pending, 10);
    assert_eq!(journal.highest_version().await.unwrap().0, 9);
}

/// The claim stands until somebody says how it ended.
#[tokio::test]
async fn a_settlement_that_failed_can_be_repeated() {
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    migrate(database.url()).await;
    let journal = open(database.url()).await;
    journal.append(&puts(5), Outcome::Accepted(None)).await.unwrap();
    let entries = claim_until(&journal, Duty::Pg, |entries| !entries.is_empty()).await;
    server.stop().await.unwrap();
    unavailable(journal.settle(Duty::Pg, &done(&entries))).await;
    server.restart().await.unwrap();
    journal.settle(Duty::Pg, &done(&entries)).await.unwrap();
    journal.settle(Duty::Pg, &done(&entries)).await.unwrap();
    let status = journal.status().await.unwrap();
    assert_eq!((status.pending, status.pg, status.meili), (5, 0, 5));
}

#[tokio::test]
async fn connections_that_are_cut_off_without_a_word_do_not_hold_requests_up() {
    let database = migrated().await;
    let proxy = Proxy::before(database.url()).await;
    let journal = open(proxy.url()).await;
    let asked = journal.append(&[put("1", 1)], Outcome::Asked).await.unwrap();
    assert_eq!(journal.resolve(&[mark(asked[0], Outcome::Accepted(None))]).await.unwrap(), []);
    proxy.freeze();
    // They fail, or find a connection that works; at once.
    let began = Instant::now();
    let _ = journal.append(&[put("2", 2)], Outcome::Asked).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    timeout(Duration::from_secs(20), async { while journal.append(&[put("3", 3)], Outcome::Asked).await.is_err() {} })
        .await
        .expect("it works again");
}

#[tokio::test]
async fn a_full_disk_is_told_from_other_failures_and_takes_nothing() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    sqlx::raw_sql(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON journal_entries FOR EACH ROW WHEN (new.id = '7')
            EXECUTE FUNCTION full_disk()",
    )
    .execute(&look)
    .await
    .unwrap();
    let journal = open(database.url()).await;
    let error = journal.append(&puts(10), Outcome::Accepted(None)).await.unwrap_err();
    assert_eq!(error.kind(), JournalErrorKind::Full, "{error}");
    assert_eq!(journal.status().await.unwrap().pending, 0, "all or nothing");
}

#[tokio::test]
async fn missing_tables_and_wrong_urls_are_said_at_the_start_without_the_password() {
    let database = TestPostgres::database().await.unwrap();
    let error = PostgresJournal::connect(database.url(), options()).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("crossfade migrate"), "{error}");
    let error = PostgresJournal::connect_lazy("postgres://ann:hunter2@127.0.0.1:notaport/x", options());
    let error = error.map(drop).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    let journal = PostgresJournal::connect_lazy("postgres://ann:hunter2@127.0.0.1:1/x", options()).unwrap();
    let error = journal.status().await.unwrap_err();
    assert!(!format!("{journal:?} {error} {error:?}").contains("hunter2"), "{error:?}");
}
