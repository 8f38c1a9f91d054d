//! Callers that go away in the middle, and many at once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crossfade::journal::{Duty, Intent, Journal, Mark, Outcome, sqlite::SqliteJournal};
use tokio::time::timeout;

use super::{
    super::conformance::{OPTIONS, put},
    File,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever drives the group is dropped at some moment of it: the others are answered nevertheless.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_hold_up_nobody() {
    let file = File::new();
    let journal = Arc::new(SqliteJournal::open(file.path(), OPTIONS).await.unwrap());
    let callers = (0..16).map(|caller: i64| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            for round in 0..60 {
                let id = format!("{caller}-{round}");
                let intent = [put(&id, round)];
                let append = journal.append(&intent, Outcome::Asked);
                // Half of the callers wait, and half go away sooner or later.
                if caller % 2 == 0 {
                    let patience = Duration::from_micros((caller as u64 * 60 + round as u64) * 7 % 3000);
                    let _ = timeout(patience, append).await;
                } else {
                    let seq = timeout(PATIENCE, append).await.expect("nobody is held up").unwrap()[0];
                    let mark = [Mark { seq, outcome: Outcome::Accepted(None), document: None }];
                    let resolve = journal.resolve(&mark);
                    assert_eq!(timeout(PATIENCE, resolve).await.expect("nobody is held up").unwrap(), []);
                    kept.push(id);
                }
            }
            kept
        })
    });
    let callers = futures_util::future::join_all(callers).await;
    let kept: BTreeSet<String> = callers.into_iter().flat_map(Result::unwrap).collect();
    let entries = journal.claim(Duty::Pg, 10_000).await.unwrap().entries;
    assert_eq!(entries.iter().map(|entry| entry.intent.id.to_string()).collect::<BTreeSet<_>>(), kept);
    assert_eq!(entries.len(), kept.len(), "and once only");
}

/// Nobody waits for what is noted: it is carried out whoever goes away, and with whoever comes.
#[tokio::test]
async fn what_is_noted_is_resolved_in_the_end() {
    let file = File::new();
    let journal = SqliteJournal::open(file.path(), OPTIONS).await.unwrap();
    let intents: Vec<Intent> = (0..40).map(|at| put(&at.to_string(), at)).collect();
    let seqs = journal.append(&intents, Outcome::Asked).await.unwrap();
    let marks = seqs.iter().map(|seq| [Mark { seq: *seq, outcome: Outcome::Accepted(None), document: None }]);
    let marks: Vec<_> = marks.collect();
    assert!(marks.iter().all(|mark| journal.note(mark)));
    let (kept, given_up) = marks.split_at(20);
    for (at, mark) in given_up.iter().enumerate() {
        // Before it is queued, while it is, and when it is under way.
        let _ = timeout(Duration::from_micros(at as u64 * 300), journal.resolve(mark)).await;
    }
    let resolved = futures_util::future::join_all(kept.iter().map(|mark| journal.resolve(mark))).await;
    assert!(resolved.into_iter().all(|given_up| given_up.unwrap().is_empty()));
    let entries = journal.claim(Duty::Pg, 100).await.unwrap().entries;
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), seqs);
}

/// A resolve whose caller goes away is carried out: it may have told somebody.
#[tokio::test]
async fn a_claim_nobody_took_is_given_out_again() {
    let file = File::new();
    let journal = SqliteJournal::open(file.path(), OPTIONS).await.unwrap();
    let intents: Vec<Intent> = (0..100).map(|at| put(&at.to_string(), at)).collect();
    let all = journal.append(&intents, Outcome::Accepted(None)).await.unwrap();
    for round in 0..60_u64 {
        let given = timeout(Duration::from_micros(round * 40), journal.claim(Duty::Pg, 10)).await;
        if let Ok(claim) = given {
            assert!(!claim.unwrap().entries.is_empty());
            break;
        }
    }
    let mut left = 0;
    loop {
        let claim = journal.claim(Duty::Pg, 10).await.unwrap();
        if claim.entries.is_empty() {
            break;
        }
        left += claim.entries.len();
    }
    assert!(left == all.len() || left == all.len() - 10, "{left} of {} are left", all.len());
}

/// A backlog is read once, however often and in however small pieces it is claimed.
#[tokio::test]
async fn documents_that_are_held_do_not_hide_those_behind_them() {
    let file = File::new();
    let journal = SqliteJournal::open(file.path(), OPTIONS).await.unwrap();
    let hot: Vec<Intent> = (0..3000).map(|at| put("hot", at)).collect();
    let first = journal.append(&hot[..1], Outcome::Accepted(None)).await.unwrap();
    assert_eq!(journal.claim(Duty::Pg, 10).await.unwrap().entries[0].seq, first[0]);
    journal.append(&hot[1..], Outcome::Accepted(None)).await.unwrap();
    let behind = journal.append(&[put("cold", 1)], Outcome::Accepted(None)).await.unwrap();
    let found = journal.claim(Duty::Pg, 10).await.unwrap().entries;
    assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), behind);
}
