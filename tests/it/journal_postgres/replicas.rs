//! Several processes, one journal.

use std::{collections::BTreeSet, time::Duration};

use crossfade::journal::{Duties, Duty, End, Journal, JournalErrorKind, Outcome, Settled, postgres::PostgresJournal};
use tokio::time::{Instant, sleep, timeout};

use super::{LEASE, claim, claim_until, done, mark, migrated, number, open, outside, put, puts, resolve, seqs, sweep};

/// Waits until both hold shards.
async fn share(url: &str, one: &PostgresJournal, two: &PostgresJournal) {
    let look = outside(url).await;
    let shared = async {
        while number(&look, "SELECT count(DISTINCT holder) FROM journal_shards WHERE holder IS NOT NULL").await < 2 {
            claim(one, Duty::Pg).await;
            claim(two, Duty::Pg).await;
        }
    };
    timeout(Duration::from_secs(20), shared).await.expect("they share");
}

#[tokio::test]
async fn two_workers_share_the_work_and_no_entry_is_given_out_twice() {
    let database = migrated().await;
    let (one, two) = (open(database.url()).await, open(database.url()).await);
    share(database.url(), &one, &two).await;
    let all = one.append(&puts(300), Outcome::Accepted(None)).await.unwrap();
    let (mut mine, mut yours) = (Vec::new(), Vec::new());
    let both = async {
        while mine.len() + yours.len() < all.len() {
            let (one, two) = tokio::join!(one.claim(Duty::Pg, 5), two.claim(Duty::Pg, 5));
            mine.extend(one.unwrap().entries);
            yours.extend(two.unwrap().entries);
        }
    };
    timeout(Duration::from_secs(20), both).await.expect("both work");
    assert!(!mine.is_empty() && !yours.is_empty());
    let once: BTreeSet<_> = mine.iter().chain(&yours).map(|entry| entry.seq).collect();
    assert_eq!((once.len(), mine.len() + yours.len()), (all.len(), all.len()));

    one.settle(Duty::Pg, &done(&mine)).await.unwrap();
    two.settle(Duty::Pg, &done(&yours)).await.unwrap();
    let status = two.status().await.unwrap();
    assert_eq!((status.pending, status.pg, status.meili), (300, 0, 300));
}

#[tokio::test]
async fn shards_come_to_be_shared_evenly_also_with_a_worker_that_joins_late() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (one, two) = (open(database.url()).await, open(database.url()).await);
    claim(&one, Duty::Pg).await;
    assert_eq!(number(&look, "SELECT count(*) FROM journal_shards WHERE holder IS NOT NULL").await, 65);
    let evenly = async {
        let uneven =
            "SELECT count(*) FROM (SELECT holder FROM journal_shards GROUP BY 1 HAVING count(*) IN (32, 33)) s";
        while number(&look, uneven).await != 2 {
            claim(&one, Duty::Pg).await;
            claim(&two, Duty::Pg).await;
        }
    };
    timeout(Duration::from_secs(20), evenly).await.expect("they share");
}

#[tokio::test]
async fn a_dead_workers_shards_are_taken_over_after_its_lease_and_the_zombie_is_fenced() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (zombie, heir) = (open(database.url()).await, open(database.url()).await);
    let all = zombie.append(&puts(50), Outcome::Accepted(None)).await.unwrap();
    let began = Instant::now();
    let held = claim(&zombie, Duty::Pg).await;
    assert_eq!(seqs(&held), all);

    let taken = claim_until(&heir, Duty::Pg, |entries| entries.len() == 50).await;
    assert!(began.elapsed() >= LEASE, "taken over after {:?}", began.elapsed());
    assert_eq!(taken.iter().map(|entry| entry.seq).collect::<BTreeSet<_>>(), all.iter().copied().collect());

    let before = number(&look, "SELECT sum(hashtext(e::text)::bigint)::bigint FROM journal_entries e").await;
    for end in [
        End::Done { supersedes: true },
        End::Then { duties: Duties::RECONCILE, redo: true },
        End::Retry { after: Duration::from_secs(60), why: Some("zombie".to_owned()), counts: true },
        End::Dead { why: "zombie".to_owned(), then: Duties::NONE },
    ] {
        // Each of its claims can be settled once.
        let number = held.len() / 4;
        let some = held.iter().skip(number).take(number).map(|entry| Settled { seq: entry.seq, end: end.clone() });
        let some: Vec<Settled> = some.collect();
        let settled = zombie.settle(Duty::Pg, &some).await;
        assert!(settled.is_ok() || settled.unwrap_err().kind() == JournalErrorKind::Fenced);
    }
    let fenced = zombie.settle(Duty::Pg, &done(&held)).await.unwrap_err();
    assert_eq!(fenced.kind(), JournalErrorKind::Fenced, "{fenced}");
    let after = number(&look, "SELECT sum(hashtext(e::text)::bigint)::bigint FROM journal_entries e").await;
    assert_eq!(before, after, "a zombie changed an entry");
    assert_eq!(heir.status().await.unwrap().dead_letters, 0);

    heir.settle(Duty::Pg, &done(&taken)).await.unwrap();
    assert_eq!(heir.status().await.unwrap().pg, 0);
}

/// The settlement waits at the server until the other one has taken over.
#[tokio::test]
async fn a_settlement_that_was_under_way_during_the_takeover_changes_nothing_either() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let zombie = open(database.url()).await;
    zombie.append(&[put("1", 1)], Outcome::Accepted(None)).await.unwrap();
    let held = claim(&zombie, Duty::Pg).await;
    let mut takeover = look.begin().await.unwrap();
    sqlx::query("UPDATE journal_shards SET holder = 0, epoch = epoch + 1").execute(&mut *takeover).await.unwrap();
    let settle = async { zombie.settle(Duty::Pg, &done(&held)).await };
    let commit = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%fence%'
            AND datname = current_database()";
        while number(&look, waits).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        takeover.commit().await.unwrap();
    };
    let (settled, ()) = tokio::join!(settle, commit);
    assert_eq!(settled.unwrap_err().kind(), JournalErrorKind::Fenced);
    assert_eq!(zombie.status().await.unwrap().pg, 1);
}

#[tokio::test]
async fn what_a_dead_process_was_asking_is_given_up_after_its_lease_and_waits_out_its_limbo() {
    let database = migrated().await;
    let (dead, other) = (open(database.url()).await, open(database.url()).await);
    let began = Instant::now();
    let asked = dead.append(&[put("1", 1), sweep(2)], Outcome::Asked).await.unwrap();
    let found = claim_until(&other, Duty::Reconcile, |entries| !entries.is_empty()).await;
    assert!(began.elapsed() >= LEASE + super::LIMBO, "after {:?}", began.elapsed());
    assert_eq!((seqs(&found), found[0].outcome), (asked[..1].to_vec(), Outcome::Unknown));
    // The sweep, whose duty is another, as soon as nothing older is asked.
    let swept = claim_until(&other, Duty::Pg, |entries| !entries.is_empty()).await;
    assert_eq!((seqs(&swept), swept[0].outcome), (asked[1..].to_vec(), Outcome::Unknown));

    // It was only asleep.
    let late = [mark(asked[0], Outcome::Accepted(None)), mark(asked[1], Outcome::Refused)];
    assert_eq!(dead.resolve(&late).await.unwrap(), asked);
    other.settle(Duty::Reconcile, &done(&found)).await.unwrap();
    assert_eq!(dead.resolve(&late[..1]).await.unwrap(), asked[..1]);
}

#[tokio::test]
async fn what_a_living_process_is_asking_stays_so_however_long_it_takes() {
    let database = migrated().await;
    let (asking, other) = (open(database.url()).await, open(database.url()).await);
    let asked = asking.append(&[put("1", 1)], Outcome::Asked).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < LEASE * 5 / 2 {
        claim(&asking, Duty::Pg).await;
        assert_eq!(claim(&other, Duty::Reconcile).await, []);
        sleep(Duration::from_millis(50)).await;
    }
    resolve(&asking, &asked, Outcome::Accepted(None)).await;
}

#[tokio::test]
async fn a_sweep_waits_for_older_entries_in_the_shards_of_others() {
    let database = migrated().await;
    let (one, two) = (open(database.url()).await, open(database.url()).await);
    share(database.url(), &one, &two).await;
    let older = one.append(&puts(40), Outcome::Accepted(None)).await.unwrap();
    let asked = one.append(&[put("asked", 1)], Outcome::Asked).await.unwrap();
    let swept = one.append(&[sweep(1_000)], Outcome::Accepted(None)).await.unwrap();
    let later = one.append(&puts(40), Outcome::Accepted(None)).await.unwrap();

    let (mut mine, mut yours) = (Vec::new(), Vec::new());
    let all = async {
        while mine.len() + yours.len() < older.len() {
            mine.extend(claim(&one, Duty::Pg).await);
            yours.extend(claim(&two, Duty::Pg).await);
        }
    };
    timeout(Duration::from_secs(20), all).await.expect("older ones are given out");
    let given: BTreeSet<_> = mine.iter().chain(&yours).map(|entry| entry.seq).collect();
    assert_eq!(given, older.iter().copied().collect(), "the sweep, or something later, was given out");

    let both = async || [claim(&one, Duty::Pg).await, claim(&two, Duty::Pg).await].concat();
    one.settle(Duty::Pg, &done(&mine)).await.unwrap();
    assert_eq!(both().await, [], "older ones are claimed by the other");
    two.settle(Duty::Pg, &done(&yours)).await.unwrap();
    assert_eq!(both().await, [], "an older one is still asked");
    resolve(&one, &asked, Outcome::Refused).await;
    let alone = both().await;
    assert_eq!(seqs(&alone), swept);
    assert_eq!(both().await, [], "nothing overtakes the sweep");
    // Whoever has claimed it; to the other it is nothing.
    one.settle(Duty::Pg, &done(&alone)).await.unwrap();
    two.settle(Duty::Pg, &done(&alone)).await.unwrap();
    assert_eq!(both().await.len(), later.len());
}

#[tokio::test]
async fn nobody_waits_for_shards_that_somebody_is_just_taking() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let journal = open(database.url()).await;
    journal.append(&puts(200), Outcome::Accepted(None)).await.unwrap();
    let mut lock = look.begin().await.unwrap();
    sqlx::query("SELECT FROM journal_shards WHERE shard < 32 FOR UPDATE").execute(&mut *lock).await.unwrap();
    let claimed = timeout(Duration::from_secs(5), claim(&journal, Duty::Pg)).await.expect("it does not wait");
    assert!(!claimed.is_empty() && claimed.len() < 200, "{}", claimed.len());
    lock.rollback().await.unwrap();
    claim_until(&journal, Duty::Pg, |entries| entries.len() + claimed.len() == 200).await;
}

#[tokio::test]
async fn one_that_retires_leaves_its_work_at_once() {
    let database = migrated().await;
    let (one, two) = (open(database.url()).await, open(database.url()).await);
    one.append(&puts(10), Outcome::Accepted(None)).await.unwrap();
    let began = Instant::now();
    assert_eq!(claim(&one, Duty::Pg).await.len(), 10);
    one.retire().await.unwrap();
    claim_until(&two, Duty::Pg, |entries| entries.len() == 10).await;
    assert!(began.elapsed() < LEASE, "{:?}", began.elapsed());
}

/// Settling two duties of one entry at the same moment leaves nothing behind.
#[tokio::test]
async fn an_entry_goes_when_its_duties_end_at_the_same_time() {
    let database = migrated().await;
    let journal = open(database.url()).await;
    for round in 0..20 {
        journal.append(&puts(50), Outcome::Accepted(None)).await.unwrap();
        let (meili, pg) = (claim(&journal, Duty::Meili).await, claim(&journal, Duty::Pg).await);
        assert_eq!((meili.len(), pg.len()), (50, 50));
        let (meili, pg) = (done(&meili), done(&pg));
        let (one, two) = tokio::join!(journal.settle(Duty::Meili, &meili), journal.settle(Duty::Pg, &pg));
        one.and(two).unwrap();
        assert_eq!(journal.status().await.unwrap().pending, 0, "round {round}");
    }
}
