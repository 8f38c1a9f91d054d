//! What is made of the entries of shards whose holder has died; and of one that only gave them away.

use std::{collections::BTreeSet, time::Duration};

use crossfade::journal::{
    Deed, Duty, Entry, Intent, Journal, JournalOptions, Outcome, Seq,
    postgres::{PostgresJournal, PostgresJournalOptions},
};
use sqlx::PgPool;
use tokio::time::timeout;

use super::{claim, claim_until, migrated, number, options, outside, put, seqs};

/// Longer than any test: what waits for it does not come, and what comes does not wait.
const LIMBO: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(20);

async fn open(url: &str) -> PostgresJournal {
    let journal = JournalOptions { limbo: LIMBO };
    PostgresJournal::connect(url, PostgresJournalOptions { journal, ..options() }).await.unwrap()
}

/// Documents of many shards that have to be written, and as many that have to be reconciled.
async fn append(journal: &PostgresJournal, name: &str) -> (Vec<Seq>, Vec<Seq>) {
    let puts: Vec<Intent> = (0..100).map(|n| put(format!("{name} put {n}"), n)).collect();
    let resync = |n| Intent { deed: Deed::Resync, ..put(format!("{name} {n}"), n) };
    let resyncs: Vec<Intent> = (0..100).map(resync).collect();
    let puts = journal.append(&puts, Outcome::Accepted(None)).await.unwrap();
    (puts, journal.append(&resyncs, Outcome::Accepted(None)).await.unwrap())
}

/// The process that holds all shards dies, and its lease has run out.
async fn dies(holder: PostgresJournal, look: &PgPool) {
    drop(holder);
    let end = "UPDATE journal_processes SET alive_until = clock_timestamp(), works_until = clock_timestamp()
        WHERE process IN (SELECT holder FROM journal_shards)";
    assert_eq!(sqlx::query(end).execute(look).await.unwrap().rows_affected(), 1);
}

async fn holders(look: &PgPool) -> i64 {
    number(look, "SELECT count(DISTINCT holder) FROM journal_shards").await
}

/// The second takes what the first gives back, before anything is given out.
async fn share(look: &PgPool, journals: [&PostgresJournal; 2]) {
    let share = async {
        while holders(look).await < 2 {
            for journal in journals {
                journal.claim(Duty::Pg, 0).await.unwrap();
            }
        }
    };
    timeout(PATIENCE, share).await.expect("they share");
}

fn all(entries: &[Entry]) -> BTreeSet<Seq> {
    entries.iter().map(|entry| entry.seq).collect()
}

fn both(one: &[Seq], two: &[Seq]) -> BTreeSet<Seq> {
    one.iter().chain(two).copied().collect()
}

/// Nothing is to be reconciled before the limbo is over.
async fn waits(journal: &PostgresJournal) {
    let waiting = journal.claim(Duty::Reconcile, 1000).await.unwrap();
    assert_eq!(seqs(&waiting.entries), []);
    let next = waiting.next.expect("they come due by themselves");
    assert!(next > LIMBO - PATIENCE * 2 && next <= LIMBO, "{next:?}");
}

/// What it was sending may still arrive.
#[tokio::test]
async fn what_a_dead_worker_left_to_be_reconciled_waits_and_nothing_else() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (dead, heir) = (open(database.url()).await, open(database.url()).await);
    let (puts, resyncs) = append(&dead, "before").await;
    // Half of them it was at when it died.
    assert_eq!(seqs(&dead.claim(Duty::Reconcile, 50).await.unwrap().entries), resyncs[..50]);
    dies(dead, &look).await;
    let written = claim_until(&heir, Duty::Pg, |entries| entries.len() == puts.len()).await;
    assert_eq!(all(&written), both(&puts, &[]));
    waits(&heir).await;
    let (_, new) = append(&heir, "after").await;
    assert_eq!(seqs(&claim(&heir, Duty::Reconcile).await), new);
}

#[tokio::test]
async fn what_a_living_worker_has_in_its_shards_does_not_wait_for_the_dead() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (dying, living) = (open(database.url()).await, open(database.url()).await);
    let (_, resyncs) = append(&living, "all").await;
    share(&look, [&dying, &living]).await;
    drop(dying);
    // All entries are of the one that lives.
    let dead = "UPDATE journal_processes SET alive_until = clock_timestamp(), works_until = clock_timestamp()
        WHERE process <> (SELECT min(process) FROM journal_entries)";
    assert_eq!(sqlx::query(dead).execute(&look).await.unwrap().rows_affected(), 1);
    let its_own = "SELECT e.seq FROM journal_entries e JOIN journal_shards s ON s.shard = e.shard
        WHERE s.holder = e.process AND e.duties = 4 ORDER BY e.seq";
    let its_own: Vec<i64> = sqlx::query_scalar(its_own).fetch_all(&look).await.unwrap();
    assert!(!its_own.is_empty() && its_own.len() < resyncs.len(), "{}", its_own.len());
    let take_over = async {
        while holders(&look).await > 1 {
            claim(&living, Duty::Pg).await;
        }
    };
    timeout(PATIENCE, take_over).await.expect("it takes over");
    let its_own: Vec<Seq> = its_own.into_iter().map(Seq).collect();
    assert_eq!(seqs(&claim(&living, Duty::Reconcile).await), its_own);
    waits(&living).await;
}

/// Whoever has died may have written, or sent, what was there before.
#[tokio::test]
async fn the_age_of_an_entry_is_known_only_if_nobody_has_died_over_it() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (holder, living) = (open(database.url()).await, open(database.url()).await);
    assert_eq!(claim(&holder, Duty::Pg).await, []);
    let (before, _) = append(&living, "before").await;
    dies(holder, &look).await;
    let (after, _) = append(&living, "after").await;
    let taken = claim_until(&living, Duty::Pg, |entries| entries.len() == 200).await;
    assert_eq!(all(&taken), both(&before, &after));
    for entry in taken {
        assert_eq!(entry.age.is_some(), after.contains(&entry.seq), "{entry:?}");
    }
}

#[tokio::test]
async fn shards_of_one_that_retires_make_nobody_wait() {
    let database = migrated().await;
    let (leaving, staying) = (open(database.url()).await, open(database.url()).await);
    assert_eq!(claim(&leaving, Duty::Pg).await, []);
    let (puts, resyncs) = append(&staying, "all").await;
    leaving.retire().await.unwrap();
    let written = claim(&staying, Duty::Pg).await;
    assert_eq!(seqs(&written), puts);
    assert!(written.iter().all(|entry| entry.age.is_some()), "{written:?}");
    assert_eq!(seqs(&claim(&staying, Duty::Reconcile).await), resyncs);
}

#[tokio::test]
async fn shards_that_are_given_back_make_nobody_wait() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (first, late) = (open(database.url()).await, open(database.url()).await);
    assert_eq!(claim(&first, Duty::Pg).await, []);
    let (puts, resyncs) = append(&late, "all").await;
    share(&look, [&first, &late]).await;
    let theirs = async || {
        let (mut written, mut reconciled) = (Vec::new(), Vec::new());
        while written.len() < puts.len() || reconciled.len() < resyncs.len() {
            for journal in [&first, &late] {
                written.extend(claim(journal, Duty::Pg).await);
                reconciled.extend(claim(journal, Duty::Reconcile).await);
            }
        }
        (written, reconciled)
    };
    let (written, reconciled) = timeout(PATIENCE, theirs()).await.expect("all of it is given out");
    assert!(written.iter().all(|entry| entry.age.is_some()), "{written:?}");
    assert_eq!((all(&written), all(&reconciled)), (both(&puts, &[]), both(&resyncs, &[])));
}

/// The server takes its time over it, and whoever asked goes away.
#[tokio::test]
async fn a_takeover_that_is_dropped_half_way_leaves_nothing_that_does_not_wait() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (dead, heir) = (open(database.url()).await, open(database.url()).await);
    let (puts, _) = append(&dead, "before").await;
    claim(&dead, Duty::Reconcile).await;
    dies(dead, &look).await;
    // Not a lock on the table: for that the statement would wait before it has been told to begin.
    let slow = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
        CREATE TRIGGER slow BEFORE UPDATE ON journal_shards FOR EACH ROW EXECUTE FUNCTION wait()";
    sqlx::raw_sql(slow).execute(&look).await.unwrap();
    let mut lock = look.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(1)").execute(&mut *lock).await.unwrap();
    let stuck = async {
        let stuck = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted";
        while number(&look, stuck).await == 0 {}
    };
    tokio::select! {
        claimed = heir.claim(Duty::Reconcile, 1000) => panic!("{claimed:?}"),
        stuck = timeout(PATIENCE, stuck) => stuck.expect("it waits for the lock"),
    }
    lock.rollback().await.unwrap();
    claim_until(&heir, Duty::Pg, |entries| entries.len() == puts.len()).await;
    waits(&heir).await;
}

/// There may be a million of them, and the lease is short.
#[tokio::test]
async fn a_takeover_changes_no_entry() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (dead, heir) = (open(database.url()).await, open(database.url()).await);
    let (puts, _) = append(&dead, "before").await;
    claim(&dead, Duty::Reconcile).await;
    dies(dead, &look).await;
    // Whoever wanted to change one would wait.
    let mut lock = look.begin().await.unwrap();
    sqlx::query("SELECT FROM journal_entries FOR UPDATE").execute(&mut *lock).await.unwrap();
    assert_eq!(seqs(&claim(&heir, Duty::Pg).await), puts);
    waits(&heir).await;
    lock.rollback().await.unwrap();
}
