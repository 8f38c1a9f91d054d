//! The latch, steps and rollbacks as the table takes them.

use crossfade::{
    plan::{Flag, Phase},
    store::{FlagTable, RollbackLevel, Store, StoreError},
};
use sqlx::{Connection, Executor, PgConnection};

use crate::flag_rules::{changes, migrated, refused};

/// A store whose readers are all on PostgreSQL.
pub(super) async fn primary(store: &Store) -> FlagTable {
    let flags = store.flags();
    flags.set("search_write_mode", "dual", "ann", "start").await.unwrap();
    flags.set("shadow_sample_rate", "5", "ann", "look").await.unwrap();
    flags.set("search_read_backend", "pg", "ann", "cut over").await.unwrap();
    flags
}

async fn phase(flags: &FlagTable) -> Phase {
    flags.read().await.unwrap().plan().unwrap().phase()
}

fn reads_to(backend: &str) -> [(Flag, String); 1] {
    [(Flag::ReadBackend, backend.to_owned())]
}

#[tokio::test]
async fn a_latch_takes_the_reads_back_and_keeps_them_until_it_is_cleared() {
    let (_database, store) = migrated().await;
    let flags = primary(&store).await;
    flags.latch("guard", "errors").await.unwrap();
    // Who is second is not told from who was first.
    flags.latch("bob", "me too").await.unwrap();
    assert_eq!(phase(&flags).await, Phase::Shadow);
    let latch = flags.read().await.unwrap().latch.unwrap();
    assert_eq!((latch.by.as_str(), latch.why.as_str()), ("guard", "errors"));
    let message = refused(flags.set("search_read_backend", "pg", "ann", "forward").await);
    assert!(message.starts_with("latched: ") && message.contains("crossfade rollback clear"), "{message}");

    flags.clear_latch("ann", "mended").await.unwrap();
    assert_eq!(flags.read().await.unwrap().latch, None);
    assert_eq!(phase(&flags).await, Phase::Shadow, "clearing the latch brings no reads back");
    flags.set("search_read_backend", "pg", "ann", "forward").await.unwrap();
    let expected = [
        ["rollback_latch", "false", "true", "guard", "errors"],
        ["search_read_backend", "pg", "meili", "guard", "errors"],
        ["rollback_latch", "true", "false", "ann", "mended"],
        ["search_read_backend", "meili", "pg", "ann", "forward"],
    ];
    assert_eq!(changes(&store).await[3..], expected.map(|row| row.map(str::to_owned)));
}

#[tokio::test]
async fn under_pg_only_there_is_no_latch_and_no_rollback() {
    let (_database, store) = migrated().await;
    let flags = primary(&store).await;
    flags.set("search_write_mode", "pg_only", "ann", "done").await.unwrap();
    let before = flags.read().await.unwrap();
    let mut messages = vec![refused(flags.latch("guard", "errors").await)];
    for level in RollbackLevel::ALL {
        messages.push(refused(flags.rollback(level, "ann", "back").await));
    }
    for message in messages {
        assert!(message.starts_with("meili_reads_need_meili_writes: "), "{message}");
        assert!(message.contains("bring it up to date"), "{message}");
    }
    assert_eq!(flags.read().await.unwrap(), before);
}

#[tokio::test]
async fn a_step_is_taken_as_a_whole_or_not_at_all() {
    let (_database, store) = migrated().await;
    let flags = store.flags();
    flags.set("search_write_mode", "dual", "ann", "").await.unwrap();
    let decided_by = flags.read().await.unwrap();
    let canary = [(Flag::ReadPgPercent, "5".to_owned()), (Flag::ReadBackend, "pg".to_owned())];
    let revision = flags.step(&canary, decided_by.revision, "ramp", "passed").await.unwrap();
    let now = flags.read().await.unwrap();
    assert_eq!((now.revision, now.plan().unwrap().phase()), (revision, Phase::Canary));
    assert!(revision > decided_by.revision);

    // By an older verdict.
    let wider = [(Flag::ReadPgPercent, "50".to_owned())];
    match flags.step(&wider, decided_by.revision, "ramp", "passed").await {
        Err(StoreError::Moved { expected, found }) => {
            assert_eq!((expected, found), (decided_by.revision, revision));
        }
        other => panic!("taken: {other:?}"),
    }
    // One flag of it is refused.
    let over = [(Flag::ReadPgPercent, "50".to_owned()), (Flag::WriteMode, "meili_only".to_owned())];
    let too_far = [over[0].clone(), (Flag::WriteMode, "pg_only".to_owned())];
    assert!(refused(flags.step(&too_far, revision, "ramp", "passed").await).starts_with("pg_only_needs_all_readers: "));
    assert_eq!(flags.read().await.unwrap(), now, "a refused step left something behind");
    flags.step(&over, revision, "ann", "brake").await.unwrap();
    assert_eq!(phase(&flags).await, Phase::SourceOnly);
}

/// Somebody changes a flag between the look and the step, and commits only after the step has begun.
#[tokio::test]
async fn a_step_waits_for_a_change_under_way_and_then_is_not_taken() {
    let (database, store) = migrated().await;
    let flags = store.flags();
    let decided_by = flags.read().await.unwrap().revision;
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute("BEGIN; INSERT INTO cn_search.runtime_flags VALUES ('search_write_mode', 'dual', now(), 'bob')")
        .await
        .unwrap();
    let stepping = flags.clone();
    let step = tokio::spawn(async move {
        stepping.step(&[(Flag::ShadowSampleRate, "5".to_owned())], decided_by, "ramp", "passed").await
    });
    let mut watching = PgConnection::connect(database.url()).await.unwrap();
    let waits =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut watching).await.unwrap() {
        assert!(!step.is_finished(), "the step did not wait");
    }
    psql.execute("COMMIT").await.unwrap();
    assert!(matches!(step.await.unwrap(), Err(StoreError::Moved { .. })));
    assert_eq!(flags.read().await.unwrap().plan().unwrap().flags.shadow_sample_rate.to_string(), "0");
}

#[tokio::test]
async fn no_step_goes_forward_while_a_rollback_is_latched() {
    let (_database, store) = migrated().await;
    let flags = primary(&store).await;
    let done = flags.rollback(RollbackLevel::Reads, "ann", "worse").await.unwrap();
    let message = refused(flags.step(&reads_to("pg"), done.revision, "ramp", "passed").await);
    assert!(message.starts_with("latched: "), "{message}");
}

#[tokio::test]
async fn each_level_goes_back_further_and_says_what_was() {
    let expected = [
        (RollbackLevel::Reads, Phase::Shadow, false),
        (RollbackLevel::Dual, Phase::DualWrite, false),
        (RollbackLevel::MeiliOnly, Phase::SourceOnly, true),
    ];
    for (level, phase, stale) in expected {
        let (_database, store) = migrated().await;
        let flags = primary(&store).await;
        let before = flags.read().await.unwrap();

        let rehearsed = flags.rehearse_rollback(level).await.unwrap();
        assert_eq!(flags.read().await.unwrap(), before, "a rehearsal changed something");
        assert_eq!(rehearsed.was, before);

        let done = flags.rollback(level, "ann", "worse").await.unwrap();
        let now = flags.read().await.unwrap();
        let plan = now.plan().unwrap();
        assert_eq!((plan.phase(), plan.latched, plan.target_stale), (phase, true, stale), "{level}");
        assert_eq!((done.was, done.revision), (before, now.revision));
        assert!(done.at >= now.latch.unwrap().at);
        // Once more is no error, and no other reason.
        flags.rollback(level, "bob", "again").await.unwrap();
        assert_eq!(flags.read().await.unwrap().latch.unwrap().by, "ann");
    }
}

/// What the README grants is enough.
#[tokio::test]
async fn an_operator_may_latch_by_its_grant_only() {
    let (database, _store) = migrated().await;
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute(
        "BEGIN;
         CREATE ROLE crossfade_test_latcher;
         GRANT USAGE ON SCHEMA cn_search TO crossfade_test_latcher;
         GRANT SELECT, INSERT, UPDATE, DELETE ON cn_search.runtime_flags TO crossfade_test_latcher;
         SET LOCAL ROLE crossfade_test_latcher; SAVEPOINT before",
    )
    .await
    .unwrap();
    let latch = "SELECT cn_search.set_rollback_latch(TRUE, 'operator', '')";
    let error = psql.execute(latch).await.unwrap_err().into_database_error().unwrap();
    assert_eq!(error.code().unwrap(), "42501");
    psql.execute(
        "ROLLBACK TO before; RESET ROLE;
         GRANT EXECUTE ON FUNCTION cn_search.set_rollback_latch TO crossfade_test_latcher;
         SET LOCAL ROLE crossfade_test_latcher",
    )
    .await
    .unwrap();
    psql.execute(latch).await.unwrap();
}
