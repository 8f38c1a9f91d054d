//! Appends that share a statement, and callers that go away.

use std::time::Duration;

use crossfade::{
    document::Version,
    journal::{
        Duty, Journal, Outcome,
        postgres::{PostgresJournal, PostgresJournalOptions},
    },
};
use futures_util::{FutureExt, future::join_all};
use tokio::time::{sleep, timeout};

use super::{claim, claim_until, done, migrated, number, open, options, outside, put, puts, seqs};

#[tokio::test]
async fn appends_at_the_same_time_share_transactions_and_each_gets_its_own_places() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let journal = open(database.url()).await;
    let intents: Vec<_> = (0..300).map(|n| [put(format!("a{n}"), n), put(format!("b{n}"), n)]).collect();
    let appends = intents.iter().map(|pair| journal.append(pair, Outcome::Accepted(None)));
    let places: Vec<_> = join_all(appends).await.into_iter().map(Result::unwrap).collect();

    let transactions = number(&look, "SELECT count(DISTINCT xmin::text) FROM journal_entries").await;
    assert!(transactions < 100, "{transactions} transactions for 300 appends");
    let entries = claim(&journal, Duty::Meili).await;
    assert_eq!(entries.len(), 600);
    for (pair, places) in intents.iter().zip(places) {
        assert!(places[0] < places[1]);
        for (intent, place) in pair.iter().zip(places) {
            let entry = entries.iter().find(|entry| entry.seq == place).unwrap();
            assert_eq!(&entry.intent, intent);
        }
    }
}

/// Its entry is committed by the others of its batch, and nobody will ever resolve it.
#[tokio::test]
async fn an_append_whose_caller_has_gone_is_given_up() {
    let database = migrated().await;
    let one_batch = PostgresJournalOptions { appenders: 1, ..options() };
    let journal = PostgresJournal::connect(database.url(), one_batch).await.unwrap();
    let (first, kept, gone) = ([put("first", 1)], [put("kept", 1)], [put("gone", 2)]);
    let mut before = journal.append(&first, Outcome::Accepted(None));
    assert!((&mut before).now_or_never().is_none());
    let mut leaving = journal.append(&gone, Outcome::Asked);
    assert!((&mut leaving).now_or_never().is_none());
    let mut staying = journal.append(&kept, Outcome::Asked);
    assert!((&mut staying).now_or_never().is_none());
    drop(leaving);
    before.await.unwrap();
    let kept = staying.await.unwrap();
    assert_eq!(journal.status().await.unwrap().asked, 2, "both were in one batch");

    let given_up = claim_until(&journal, Duty::Reconcile, |entries| !entries.is_empty()).await;
    assert_eq!((given_up.len(), given_up[0].intent.id.as_str()), (1, "gone"));
    journal.settle(Duty::Reconcile, &done(&given_up)).await.unwrap();
    // The other one is still being asked about.
    assert_eq!(journal.status().await.unwrap().asked, 1);
    assert_eq!(journal.resolve(&[super::mark(kept[0], Outcome::Refused)]).await.unwrap(), []);
}

#[tokio::test]
async fn the_highest_version_outlives_entries_sessions_and_processes() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let journal = open(database.url()).await;
    assert_eq!(journal.highest_version().await.unwrap(), Version(0));
    journal.append(&puts(10), Outcome::Refused).await.unwrap();
    journal.append(&[put("1", 5)], Outcome::Refused).await.unwrap();
    assert_eq!(journal.status().await.unwrap().pending, 0);
    drop(journal);

    let later = open(database.url()).await;
    assert_eq!(later.highest_version().await.unwrap(), Version(109));
    // As if it had been gone for long.
    sqlx::query("UPDATE journal_processes SET alive_until = '-infinity'").execute(&look).await.unwrap();
    claim(&later, Duty::Pg).await;
    assert_eq!(number(&look, "SELECT count(*) FROM journal_versions WHERE process <> 0").await, 0);
    assert_eq!(number(&look, "SELECT count(*) FROM journal_processes").await, 1);
    assert_eq!(later.highest_version().await.unwrap(), Version(109));
}

#[tokio::test]
async fn a_claim_that_is_dropped_has_claimed_nothing() {
    let database = migrated().await;
    let journal = open(database.url()).await;
    let all = journal.append(&puts(30), Outcome::Accepted(None)).await.unwrap();
    for patience in 0..40_u64 {
        let given_up = timeout(Duration::from_micros(patience * 250), journal.claim(Duty::Pg, 100)).await;
        if let Ok(claimed) = given_up {
            // It came in time after all; then it has claimed all there is.
            let entries = claimed.unwrap().entries;
            assert_eq!(seqs(&entries), all);
            return;
        }
    }
    assert_eq!(seqs(&claim(&journal, Duty::Pg).await), all);
}

#[tokio::test]
async fn an_entry_waits_for_its_time_and_says_when_that_is() {
    use crossfade::journal::{End, Settled};
    let database = migrated().await;
    let journal = open(database.url()).await;
    journal.append(&puts(3), Outcome::Accepted(None)).await.unwrap();
    let entries = claim(&journal, Duty::Pg).await;
    let wait = |entry: &crossfade::journal::Entry, ms| Settled {
        seq: entry.seq,
        end: End::Retry { after: Duration::from_millis(ms), why: Some("down".to_owned()), counts: true },
    };
    let ends = [wait(&entries[0], 400), wait(&entries[1], 60_000), wait(&entries[2], 60_000)];
    journal.settle(Duty::Pg, &ends).await.unwrap();
    let nothing = journal.claim(Duty::Pg, 10).await.unwrap();
    assert_eq!(nothing.entries, []);
    let next = nothing.next.unwrap();
    assert!(next <= Duration::from_millis(400), "{next:?}");
    sleep(next).await;
    let again = claim_until(&journal, Duty::Pg, |entries| !entries.is_empty()).await;
    assert_eq!((seqs(&again), again[0].attempts), (vec![entries[0].seq], 1));
    let failing = journal.status().await.unwrap().failing;
    assert_eq!(failing, [(Duty::Pg, 3, "down".to_owned())]);
}
