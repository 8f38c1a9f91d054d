//! The rules as the database keeps them: the same as in Rust, and under concurrency.

use std::time::Duration;

use crossfade::{
    plan::{FlagSet, Flags, Percent, Plan, ReadBackend, WriteMode, rules},
    store::{Store, StoreError},
    testing::{TestDatabase, TestPostgres},
};
use futures_util::FutureExt;
use sqlx::{Connection, Executor, PgConnection, query, query_scalar};
use tokio::time::timeout;

pub(crate) async fn migrated() -> (TestDatabase, Store) {
    let database = TestPostgres::database().await.unwrap();
    let store = Store::connect(database.url(), "cn_search").await.unwrap();
    store.migrate().await.unwrap();
    (database, store)
}

pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Refused { rule, message }) => {
            assert!(message.starts_with(&format!("{rule}: ")), "{message}");
            message
        }
        other => panic!("not refused: {other:?}"),
    }
}

fn all_flags() -> Vec<Flags> {
    let mut all = Vec::new();
    for write_mode in [WriteMode::MeiliOnly, WriteMode::Dual, WriteMode::PgOnly] {
        for read_backend in [ReadBackend::Meili, ReadBackend::Pg] {
            for read_pg_percent in [0, 50, 100].map(Percent::whole) {
                for shadow_sample_rate in [0, 5].map(Percent::whole) {
                    all.push(Flags { write_mode, read_backend, read_pg_percent, shadow_sample_rate });
                }
            }
        }
    }
    all
}

/// Every sound plan times every proposal, all flags in one statement.
#[tokio::test]
async fn rust_and_the_database_judge_alike() {
    let (database, store) = migrated().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    connection.execute("SET search_path = cn_search").await.unwrap();
    let marks = [(false, false), (false, true), (true, false), (true, true)];
    let plans = all_flags()
        .into_iter()
        .flat_map(|flags| marks.map(|(target_stale, latched)| Plan { flags, target_stale, latched, version: 0 }));
    let (mut allowed, mut forbidden) = (0, 0);
    for old in plans.filter(|plan| rules::check(plan).is_ok()) {
        // All flags, or a rollback.
        for proposed in all_flags().into_iter().map(Some).chain([None]) {
            connection.execute("BEGIN").await.unwrap();
            put(&mut connection, &old).await;
            let (by_rust, judged) = match proposed {
                Some(flags) => (rules::change(&old, flags), propose(&mut connection, flags).await),
                None => (rules::latch(&old), roll_back(&mut connection).await),
            };
            match (by_rust, judged) {
                (Ok(plan), Ok(())) => {
                    // Through the transaction's own eyes.
                    let (stale, latched): (bool, bool) = sqlx::query_as("SELECT target_stale, latched FROM flag_state")
                        .fetch_one(&mut connection)
                        .await
                        .unwrap();
                    let texts: Vec<(String, String)> =
                        sqlx::query_as("SELECT flag_name, flag_value FROM runtime_flags")
                            .fetch_all(&mut connection)
                            .await
                            .unwrap();
                    let flags = FlagSet::parse(texts).unwrap().over(Flags::default());
                    let expected = (plan.flags, plan.target_stale, plan.latched);
                    assert_eq!((flags, stale, latched), expected, "{old:?} to {proposed:?}");
                    allowed += 1;
                }
                (Err(refusal), Err(message)) => {
                    assert_eq!(message, refusal.to_string(), "{old:?} to {proposed:?}");
                    forbidden += 1;
                }
                (rust, database) => panic!("{old:?} to {proposed:?}: {rust:?} but {database:?}"),
            }
            connection.execute("ROLLBACK").await.unwrap();
        }
    }
    println!("{allowed} allowed, {forbidden} refused");
    assert!(allowed > 100 && forbidden > 100);
    assert_eq!(store.flags().read().await.unwrap().flags, []);
}

/// Puts a plan into the tables past all triggers.
async fn put(connection: &mut PgConnection, plan: &Plan) {
    connection.execute("SET LOCAL session_replication_role = replica; DELETE FROM runtime_flags").await.unwrap();
    for (name, text) in plan.flags.to_texts() {
        query("INSERT INTO runtime_flags VALUES ($1, $2, now(), 'test')")
            .bind(name)
            .bind(text)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    query("UPDATE flag_state SET write_mode = $1, target_stale = $2, latched = $3")
        .bind(plan.flags.write_mode.as_str())
        .bind(plan.target_stale)
        .bind(plan.latched)
        .execute(&mut *connection)
        .await
        .unwrap();
    connection.execute("SET LOCAL session_replication_role = origin").await.unwrap();
}

async fn propose(connection: &mut PgConnection, flags: Flags) -> Result<(), String> {
    let (names, texts): (Vec<&str>, Vec<String>) = flags.to_texts().into_iter().unzip();
    query(
        "INSERT INTO runtime_flags (flag_name, flag_value, updated_by)
         SELECT name, text, 'test' FROM unnest($1::text[], $2::text[]) AS proposed (name, text)
         ON CONFLICT (flag_name) DO UPDATE SET flag_value = EXCLUDED.flag_value",
    )
    .bind(names)
    .bind(texts)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| error.into_database_error().unwrap().message().to_owned())
}

async fn roll_back(connection: &mut PgConnection) -> Result<(), String> {
    let latched = connection.execute("SELECT set_rollback_latch(TRUE, 'test', 'test')").await;
    latched.map(|_| ()).map_err(|error| error.into_database_error().unwrap().message().to_owned())
}

/// The same text is a value for Rust and for the database, or for neither, with the same words.
#[tokio::test]
async fn rust_and_the_database_read_alike() {
    let (_database, store) = migrated().await;
    let values = [
        "",
        "0",
        "00.5",
        "5.",
        ".5",
        "100",
        "100.0000",
        "100.0001",
        "101",
        "1e2",
        "-1",
        "+5",
        "NaN",
        " 5",
        "5 ",
        "5\n",
        "0.00001",
        "1.2.3",
        "٥",
        "dual",
        "Dual",
        "pg",
        "meili ",
        "meili_only",
        "1000",
        "99.9999",
        "\u{a0}5",
    ];
    for name in [
        "search_write_mode",
        "search_read_backend",
        "search_read_pg_percent",
        "shadow_sample_rate",
        "x",
        "",
        "Shadow_sample_rate",
    ] {
        for value in values {
            let rust = FlagSet::parse([(name, value)]);
            let database = store.flags().set(name, value, "test", "").await;
            match (rust, database) {
                (Err(refusal), database) => assert_eq!(refused(database), refusal.to_string()),
                (Ok(_), Ok(())) => {}
                // A value, though the rules do not allow it now.
                (Ok(_), Err(StoreError::Refused { rule, .. })) if rule != "bad_value" && rule != "unknown_flag" => {}
                (Ok(set), Err(error)) => panic!("{name}={value:?} is {set:?} but {error}"),
            }
        }
    }
}

/// Two changes, each legal, not legal together: one of them must see the other.
#[tokio::test]
async fn concurrent_changes_are_put_in_a_row() {
    // Judged by the rules against what the first one committed, or not at all against an older snapshot.
    for (isolation, code) in [("READ COMMITTED", "23514"), ("REPEATABLE READ", "40001")] {
        let (database, store) = migrated().await;
        let flags = store.flags();
        flags.set("search_write_mode", "dual", "test", "").await.unwrap();
        flags.set("search_read_backend", "pg", "test", "").await.unwrap();
        let mut first = PgConnection::connect(database.url()).await.unwrap();
        let mut second = PgConnection::connect(database.url()).await.unwrap();
        for connection in [&mut first, &mut second] {
            query("SELECT set_config('default_transaction_isolation', $1, false)")
                .bind(isolation.to_lowercase())
                .execute(&mut *connection)
                .await
                .unwrap();
            connection.execute("BEGIN").await.unwrap();
            // A snapshot of before, under REPEATABLE READ.
            connection.execute("SELECT * FROM cn_search.runtime_flags").await.unwrap();
        }
        let to_pg_only = "INSERT INTO cn_search.runtime_flags VALUES ('search_write_mode', 'pg_only', now(), 'first')
                          ON CONFLICT (flag_name) DO UPDATE SET flag_value = EXCLUDED.flag_value";
        let to_canary = "INSERT INTO cn_search.runtime_flags VALUES ('search_read_pg_percent', '50', now(), 'second')";
        first.execute(to_pg_only).await.unwrap();
        let waiting = tokio::spawn(async move {
            second.execute(to_canary).await?;
            second.execute("COMMIT").await
        });
        // It waits for the first one, which commits only then.
        let mut watching = PgConnection::connect(database.url()).await.unwrap();
        while !query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())")
            .fetch_one(&mut watching)
            .await
            .unwrap()
        {
            assert!(!waiting.is_finished(), "the second change did not wait");
        }
        first.execute("COMMIT").await.unwrap();
        let error = waiting.await.unwrap().unwrap_err().into_database_error().unwrap();
        assert_eq!(error.code().unwrap(), code, "{error}");
        let texts = flags.read().await.unwrap().reading().texts;
        assert_eq!((texts["search_write_mode"].as_str(), texts.get("search_read_pg_percent")), ("pg_only", None));
    }
}

/// Replicas see a transaction as one step, whatever it does inside.
#[tokio::test]
async fn two_steps_in_one_transaction_are_a_jump() {
    let (database, store) = migrated().await;
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute("BEGIN; SET LOCAL search_path = cn_search").await.unwrap();
    psql.execute("INSERT INTO runtime_flags VALUES ('search_write_mode', 'dual', now(), 'test')").await.unwrap();
    psql.execute("INSERT INTO runtime_flags VALUES ('search_read_backend', 'pg', now(), 'test')").await.unwrap();
    let jump = "UPDATE cn_search.runtime_flags SET flag_value = 'pg_only' WHERE flag_name = 'search_write_mode'";
    let error = psql.execute(jump).await.unwrap_err().into_database_error().unwrap();
    let pg_only = Flags { write_mode: WriteMode::PgOnly, read_backend: ReadBackend::Pg, ..Flags::default() };
    assert_eq!(error.message(), rules::change(&Plan::default(), pg_only).unwrap_err().to_string());
    psql.execute("ROLLBACK").await.unwrap();

    // In two transactions it is allowed.
    store.flags().set("search_write_mode", "dual", "test", "").await.unwrap();
    store.flags().set("search_read_backend", "pg", "test", "").await.unwrap();
    psql.execute(jump).await.unwrap();
}

/// A temporary table that has the name of one of ours does not stand for it.
#[tokio::test]
async fn a_temporary_table_does_not_get_past_the_rules() {
    let (database, store) = migrated().await;
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute(
        "CREATE TEMP TABLE flag_state AS SELECT * FROM cn_search.flag_state;
         UPDATE pg_temp.flag_state SET write_mode = 'dual';
         INSERT INTO cn_search.runtime_flags VALUES ('search_read_backend', 'meili', now(), 'test');",
    )
    .await
    .unwrap();
    let jump = "INSERT INTO cn_search.runtime_flags VALUES
        ('search_write_mode', 'pg_only', now(), 'test'), ('search_read_backend', 'pg', now(), 'test')
        ON CONFLICT (flag_name) DO UPDATE SET flag_value = EXCLUDED.flag_value";
    let error = psql.execute(jump).await.unwrap_err().into_database_error().unwrap();
    assert!(error.message().starts_with("one_step: "), "{error}");
    assert_eq!(store.flags().read().await.unwrap().flags.len(), 1);
}

/// The grants of the README are enough, and no more is allowed by the functions.
#[tokio::test]
async fn an_operator_needs_rights_on_the_flags_only() {
    let (database, _store) = migrated().await;
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    // Roles belong to the whole server: this one is gone with the transaction.
    psql.execute(
        "BEGIN;
         CREATE ROLE crossfade_test_operator;
         GRANT USAGE ON SCHEMA cn_search TO crossfade_test_operator;
         GRANT SELECT, INSERT, UPDATE, DELETE ON cn_search.runtime_flags TO crossfade_test_operator;
         SET LOCAL ROLE crossfade_test_operator;
         INSERT INTO cn_search.runtime_flags VALUES ('search_write_mode', 'dual', now(), 'operator');
         UPDATE cn_search.runtime_flags SET flag_value = 'meili_only' WHERE flag_name = 'search_write_mode';",
    )
    .await
    .unwrap();
    let error = psql.execute("SELECT cn_search.set_target_stale(FALSE, 'operator', '')").await.unwrap_err();
    assert_eq!(error.into_database_error().unwrap().code().unwrap(), "42501");
}

/// A transaction that somebody forgot at psql does not hold up a rollback without a word.
#[tokio::test]
async fn a_forgotten_transaction_is_named() {
    let (database, store) = migrated().await;
    let flags = store.flags();
    flags.set("search_write_mode", "dual", "test", "").await.unwrap();
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute("SET application_name = 'psql'; BEGIN").await.unwrap();
    psql.execute("UPDATE cn_search.runtime_flags SET flag_value = 'dual'").await.unwrap();
    let pid: i32 = query_scalar("SELECT pg_backend_pid()").fetch_one(&mut psql).await.unwrap();
    let deadline = Duration::from_secs(10);
    let rollback = flags.set("search_write_mode", "meili_only", "test", "");
    let mark = flags.mark_stale("test", "");
    for change in [rollback.boxed(), mark.boxed()] {
        match timeout(deadline, change).await.expect("it waits for the forgotten transaction") {
            Err(error @ StoreError::Locked { .. }) => {
                let message = error.to_string();
                assert!(message.contains(&format!("pid {pid} ")), "{message}");
                assert!(message.contains("application psql") && message.contains("flag file"), "{message}");
            }
            other => panic!("not locked: {other:?}"),
        }
    }
    psql.execute("ROLLBACK").await.unwrap();
    flags.set("search_write_mode", "meili_only", "test", "").await.unwrap();
}

/// (flag, old, new, who, why), oldest first.
pub(crate) async fn changes(store: &Store) -> Vec<[String; 5]> {
    let mut history = store.flags().history(100).await.unwrap();
    history.reverse();
    history.into_iter().map(|change| [change.flag, change.old, change.new, change.who, change.why]).collect()
}

#[tokio::test]
async fn every_change_leaves_a_row_of_history_and_the_brake_says_all_it_did() {
    let (database, store) = migrated().await;
    let flags = store.flags();
    flags.set("search_write_mode", "dual", "ann", "start").await.unwrap();
    flags.set("search_read_backend", "pg", "ann", "cut over").await.unwrap();
    // As a person at psql would, without touching `why`: the reason before must not stand for this change.
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    let brake = "UPDATE cn_search.runtime_flags SET flag_value = 'meili_only', updated_by = 'bob' WHERE flag_name = 'search_write_mode'";
    psql.execute(brake).await.unwrap();

    let stored = flags.read().await.unwrap();
    assert!(stored.target_stale);
    assert_eq!(stored.reading().texts["search_read_backend"], "meili");

    flags.set("search_write_mode", "dual", "ann", "again").await.unwrap();
    let message = refused(flags.set("search_read_backend", "pg", "ann", "too early").await);
    assert!(message.starts_with("target_stale: "), "{message}");
    flags.clear_stale("ann", "repaired").await.unwrap();
    flags.set("search_read_backend", "pg", "ann", "back").await.unwrap();
    // No change, no row.
    flags.set("search_read_backend", "pg", "ann", "twice").await.unwrap();

    let expected = [
        ["search_write_mode", "meili_only", "dual", "ann", "start"],
        ["search_read_backend", "meili", "pg", "ann", "cut over"],
        ["search_write_mode", "dual", "meili_only", "bob", ""],
        ["target_stale", "false", "true", "bob", ""],
        ["search_read_backend", "pg", "meili", "bob", ""],
        ["search_write_mode", "meili_only", "dual", "ann", "again"],
        ["target_stale", "true", "false", "ann", "repaired"],
        ["search_read_backend", "meili", "pg", "ann", "back"],
    ];
    assert_eq!(changes(&store).await, expected.map(|row| row.map(str::to_owned)));
}

#[tokio::test]
async fn deleting_a_row_is_going_back_to_the_default_under_the_same_rules() {
    let (database, store) = migrated().await;
    let flags = store.flags();
    flags.set("search_write_mode", "dual", "ann", "").await.unwrap();
    flags.set("search_read_backend", "pg", "ann", "").await.unwrap();
    flags.set("search_write_mode", "pg_only", "ann", "").await.unwrap();
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    let delete = |flag: &'static str| query("DELETE FROM cn_search.runtime_flags WHERE flag_name = $1").bind(flag);
    let error = delete("search_write_mode").execute(&mut psql).await.unwrap_err().into_database_error().unwrap();
    assert!(error.message().starts_with("one_step: "), "{error}");
    assert!(psql.execute("TRUNCATE cn_search.runtime_flags").await.is_err());

    flags.set("search_write_mode", "dual", "ann", "").await.unwrap();
    delete("search_write_mode").execute(&mut psql).await.unwrap();
    let stored = flags.read().await.unwrap();
    assert!(stored.target_stale, "deleting `dual` is the brake too");
    assert_eq!(stored.reading().texts["search_read_backend"], "meili");
}

#[tokio::test]
async fn migrating_twice_and_at_once_is_harmless_in_any_schema() {
    let database = TestPostgres::database().await.unwrap();
    let first = Store::connect(database.url(), "one").await.unwrap();
    let second = Store::connect(database.url(), "one").await.unwrap();
    let (left, right) = tokio::join!(first.migrate(), second.migrate());
    left.and(right).unwrap();
    first.migrate().await.unwrap();
    first.flags().set("search_write_mode", "dual", "ann", "").await.unwrap();

    let other = Store::connect(database.url(), "two").await.unwrap();
    assert!(matches!(other.flags().read().await, Err(StoreError::NotMigrated)));
    other.migrate().await.unwrap();
    assert_eq!(other.flags().read().await.unwrap().flags, []);
}

/// The tables whose names and columns are fixed, as another program may have made them, are completed.
#[tokio::test]
async fn tables_that_are_there_already_are_taken_over_with_their_rows() {
    let database = TestPostgres::database().await.unwrap();
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute(
        "CREATE SCHEMA cn_search;
         CREATE TABLE cn_search.runtime_flags (
             flag_name TEXT PRIMARY KEY, flag_value TEXT NOT NULL,
             updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(), updated_by TEXT NOT NULL);
         CREATE TABLE cn_search.backfill_jobs (
             job_id TEXT PRIMARY KEY, target TEXT NOT NULL, status TEXT NOT NULL, high_watermark_seq BIGINT NULL,
             processed_rows BIGINT NOT NULL DEFAULT 0, error_message TEXT NULL, started_at TIMESTAMPTZ NULL,
             completed_at TIMESTAMPTZ NULL, updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW());
         CREATE TABLE cn_search.backfill_checkpoints (
             job_id TEXT NOT NULL, shard_key TEXT NOT NULL, last_cursor TEXT NOT NULL,
             updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(), PRIMARY KEY (job_id, shard_key));
         CREATE TABLE cn_search.shadow_read_logs (
             id BIGSERIAL PRIMARY KEY, endpoint TEXT NOT NULL, user_id TEXT NOT NULL, query_norm TEXT NOT NULL,
             meili_ids TEXT[] NOT NULL, pg_ids TEXT[] NOT NULL, overlap_at_10 DOUBLE PRECISION NOT NULL,
             latency_meili_ms INT NOT NULL, latency_pg_ms INT NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT NOW());
         INSERT INTO cn_search.runtime_flags (flag_name, flag_value, updated_by) VALUES
             ('search_write_mode', 'dual', 'before'), ('shadow_sample_rate', '5', 'before');",
    )
    .await
    .unwrap();
    let store = Store::connect(database.url(), "cn_search").await.unwrap();
    store.migrate().await.unwrap();
    let flags = store.flags();
    assert_eq!(flags.read().await.unwrap().reading().texts["shadow_sample_rate"], "5");
    // It is one step from `dual`, and would be two from the default.
    flags.set("search_read_backend", "pg", "test", "").await.unwrap();
    flags.set("search_write_mode", "pg_only", "test", "done").await.unwrap();
    let expected = ["search_write_mode", "dual", "pg_only", "test", "done"].map(str::to_owned);
    assert_eq!(changes(&store).await.last(), Some(&expected));
}

#[tokio::test]
async fn errors_never_show_a_password() {
    for url in
        ["postgres://ann:hunter2@127.0.0.1:1/x", "postgres://ann:hunter2@127.0.0.1:notaport/x", "nonsense hunter2"]
    {
        let error = match Store::connect(url, "cn_search").await {
            Ok(_) => panic!("connected to {url}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(matches!(Store::connect_lazy("postgres://h/x", "a; DROP"), Err(StoreError::InvalidSchema(_))));
}
