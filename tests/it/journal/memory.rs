//! The journal in memory: the suite, and what tests need of it besides.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crossfade::{
    document::Version,
    error::Side,
    journal::{
        Deed, Duties, Duty, End, Intent, Journal, JournalErrorKind, Mark, Outcome, Seq, Settled,
        memory::{Call, Crash, MemoryJournal},
    },
};
use futures_util::future::BoxFuture;

use super::conformance::{self, OPTIONS, Place, each_promise};

struct Memory(Mutex<MemoryJournal>);

impl Place for Memory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async {
            let mut journal = self.0.lock().unwrap();
            *journal = journal.reopen(Crash::Process);
            Arc::new(journal.clone()) as Arc<dyn Journal>
        })
    }
}

fn place() -> Memory {
    Memory(Mutex::new(MemoryJournal::new(OPTIONS)))
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                conformance::$name(&place()).await;
            }
        )*
    };
}
each_promise!(tests);

const LATER: Duration = Duration::from_secs(3600);

fn intent(version: i64) -> Intent {
    Intent {
        index: "posts".into(),
        id: version.to_string().into(),
        version: Version(version),
        explicit: false,
        deed: Deed::Resync,
        authority: Side::Meili,
    }
}

async fn accepted(journal: &MemoryJournal, version: i64) -> Seq {
    journal.append(&[intent(version)], Outcome::Accepted(None)).await.unwrap()[0]
}

async fn claimed(journal: &MemoryJournal) -> Vec<Seq> {
    let claim = journal.claim(Duty::Reconcile, 10).await.unwrap();
    claim.entries.iter().map(|entry| entry.seq).collect()
}

async fn settle(journal: &MemoryJournal, seq: Seq, end: End) -> Result<(), JournalErrorKind> {
    journal.settle(Duty::Reconcile, &[Settled { seq, end }]).await.map_err(|error| error.kind())
}

/// What a crash has left to be reconciled comes due.
async fn limbo_ends() {
    tokio::time::advance(OPTIONS.limbo).await;
}

#[tokio::test(start_paused = true)]
async fn handles_from_before_a_crash_change_nothing() {
    let before = MemoryJournal::new(OPTIONS);
    let seq = accepted(&before, 1).await;
    assert_eq!(claimed(&before).await, [seq]);
    let after = before.reopen(Crash::Process);
    let fenced = Err(JournalErrorKind::Fenced);
    assert_eq!(settle(&before, seq, End::Done { supersedes: false }).await, fenced);
    assert_eq!(before.append(&[intent(2)], Outcome::Asked).await.map_err(|e| e.kind()), Err(JournalErrorKind::Fenced));
    let mark = Mark { seq, outcome: Outcome::Refused, document: None };
    assert_eq!(before.clone().resolve(&[mark]).await.map_err(|e| e.kind()), Err(JournalErrorKind::Fenced));
    limbo_ends().await;
    assert!(before.claim(Duty::Reconcile, 1).await.is_err() && before.status().await.is_err());
    assert_eq!(claimed(&after).await, [seq]);
    assert_eq!(after.status().await.unwrap().pending, 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_of_the_machine_undoes_the_last_calls_in_order() {
    for kept in 0..5 {
        let journal = MemoryJournal::new(OPTIONS);
        let asked = journal.append(&[intent(9)], Outcome::Asked).await.unwrap()[0];
        let synced = accepted(&journal, 0).await;
        assert_eq!(claimed(&journal).await, [synced]);
        settle(&journal, synced, End::Done { supersedes: false }).await.unwrap();
        let [one, two, three] = [accepted(&journal, 1).await, accepted(&journal, 2).await, accepted(&journal, 3).await];
        assert_eq!(journal.unsynced(), 0, "an append syncs what came before");
        assert_eq!(claimed(&journal).await, [one, two, three]);
        settle(&journal, one, End::Done { supersedes: false }).await.unwrap();
        let mark = Mark { seq: asked, outcome: Outcome::Refused, document: None };
        journal.resolve(&[mark]).await.unwrap();
        settle(&journal, two, End::Dead { why: "bad".into(), then: Duties::NONE }).await.unwrap();
        assert_eq!(journal.unsynced(), 3);
        let after = journal.reopen(Crash::Machine { kept });
        let status = after.status().await.unwrap();
        assert_eq!((status.pending, status.dead_letters), [(4, 0), (3, 0), (2, 0), (1, 1), (1, 1)][kept]);
        assert_eq!(status.asked, 0);
        limbo_ends().await;
        let left = [&[asked, one, two, three][..], &[asked, two, three], &[two, three], &[three], &[three]];
        assert_eq!(claimed(&after).await, left[kept], "and no claim is left");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_and_ages_go_by_the_clock_of_the_test() {
    let journal = MemoryJournal::new(OPTIONS);
    let seq = accepted(&journal, 1).await;
    assert_eq!(claimed(&journal).await, [seq]);
    settle(&journal, seq, End::Retry { after: LATER, why: None, counts: false }).await.unwrap();
    tokio::time::advance(LATER - Duration::from_millis(1)).await;
    let claim = journal.claim(Duty::Reconcile, 1).await.unwrap();
    assert_eq!((claim.entries.len(), claim.next), (0, Some(Duration::from_millis(1))));
    tokio::time::advance(Duration::from_millis(1)).await;
    let claim = journal.claim(Duty::Reconcile, 1).await.unwrap();
    assert_eq!(claim.entries[0].age, Some(LATER));
    assert_eq!(journal.status().await.unwrap().oldest_seconds, Some(3600.0));
}

#[tokio::test]
async fn it_fails_on_demand_without_effect() {
    let journal = MemoryJournal::new(OPTIONS);
    journal.fail_next(2, JournalErrorKind::Full);
    for _ in 0..2 {
        let failed = journal.append(&[intent(1)], Outcome::Asked).await;
        assert_eq!(failed.unwrap_err().kind(), JournalErrorKind::Full);
    }
    let seq = accepted(&journal, 1).await;
    journal.fail_while(|call| (call == Call::Settle).then_some(JournalErrorKind::Unavailable));
    assert_eq!(claimed(&journal).await, [seq]);
    let end = End::Done { supersedes: false };
    assert_eq!(settle(&journal, seq, end.clone()).await, Err(JournalErrorKind::Unavailable));
    assert_eq!(journal.status().await.unwrap().pending, 1);
    journal.heal();
    assert_eq!(settle(&journal, seq, end).await, Ok(()));
    assert_eq!(journal.status().await.unwrap().pending, 0);
}
