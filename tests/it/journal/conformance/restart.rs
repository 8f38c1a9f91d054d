//! What a process that starts finds.

use crossfade::journal::{DeadLetters, Redrive};

use super::*;

const LATER: Duration = Duration::from_secs(3600);

async fn reopened(journal: Arc<dyn Journal>, place: &impl Place) -> Arc<dyn Journal> {
    drop(journal);
    place.open().await
}

pub(crate) async fn a_restart_keeps_what_was_answered(place: &impl Place) {
    let journal = place.open().await;
    let first = append(&*journal, put("a", 1), Outcome::Asked).await;
    let refused = append(&*journal, put("r", 2), Outcome::Asked).await;
    resolve(&*journal, first, task(11)).await;
    resolve(&*journal, refused, Outcome::Refused).await;
    let merge = intent("m", 3, Deed::Change(Action::Merge(fields("half"))));
    let merged = append(&*journal, Intent { authority: Side::Pg, ..merge }, Outcome::Asked).await;
    let mark = Mark { seq: merged, outcome: Outcome::Accepted(None), document: Some(fields("whole")) };
    journal.resolve(&[mark]).await.unwrap();
    let lost = accepted(&*journal, put("l", 4)).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [first, merged, lost]);
    settle(&*journal, Duty::Meili, lost, End::Then { duties: Duties::RECONCILE, redo: true }).await;
    let dead = End::Dead { why: "too large".into(), then: Duties::NONE };
    settle(&*journal, Duty::Meili, first, dead).await;
    let before = status(&*journal).await;
    let letters = journal.dead_letters(None, 10).await.unwrap();

    let journal = reopened(journal, place).await;
    let after = status(&*journal).await;
    assert_eq!(Status { oldest_seconds: None, ..after.clone() }, Status { oldest_seconds: None, ..before.clone() });
    assert_eq!(counts(&*journal).await, [3, 0, 1, 2, 1]);
    assert!(after.oldest_seconds.unwrap() + 0.01 >= before.oldest_seconds.unwrap(), "{after:?} {before:?}");
    assert_eq!(journal.dead_letters(None, 10).await.unwrap(), letters);
    let found = claim(&*journal, Duty::Meili).await.entries;
    assert_eq!(found[0].intent.deed, Deed::Change(Action::Put(fields("whole"))));
    let found = claim(&*journal, Duty::Pg).await.entries;
    assert_eq!(seqs(&found), [first, lost]);
    assert_eq!((found[0].outcome, found[0].redo, found[1].redo), (task(11), false, true));
    let next = accepted(&*journal, put("n", 5)).await;
    assert!(next > lost, "seqs go on");
    assert_eq!(journal.dispose(&DeadLetters::All, Redrive::Drop).await.unwrap(), 1);
    let journal = reopened(journal, place).await;
    assert_eq!(journal.dead_letters(None, 10).await.unwrap(), []);
}

pub(crate) async fn a_restart_ends_claims_and_waits(place: &impl Place) {
    let journal = place.open().await;
    let held = accepted(&*journal, put("a", 1)).await;
    let waiting = accepted(&*journal, put("b", 2)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [held, waiting]);
    settle(&*journal, Duty::Pg, waiting, End::Retry { after: LATER, why: Some("down".into()), counts: true }).await;
    let journal = reopened(journal, place).await;
    let mut found = Vec::new();
    while found.len() < 2 {
        found.extend(seqs(&claimed_soon(&*journal, Duty::Pg).await));
    }
    assert_eq!(found, [held, waiting]);
}

pub(crate) async fn a_restart_makes_asked_unknown(place: &impl Place) {
    let journal = place.open().await;
    let asked = append(&*journal, put("a", 1), Outcome::Asked).await;
    let swept = append(&*journal, Intent { authority: Side::Meili, ..sweep(2) }, Outcome::Asked).await;
    let began = Instant::now();
    let journal = reopened(journal, place).await;
    let found = claimed_soon(&*journal, Duty::Reconcile).await;
    assert!(began.elapsed() + Duration::from_millis(1) >= LIMBO, "due after {:?}", began.elapsed());
    assert_eq!((found[0].seq, found[0].outcome, &found[0].intent), (asked, Outcome::Unknown, &put("a", 1)));
    let found = claimed_soon(&*journal, Duty::Pg).await;
    assert_eq!((found[0].seq, found[0].outcome), (swept, Outcome::Unknown));
    assert_eq!(counts(&*journal).await, [2, 0, 0, 1, 1]);
    assert_eq!(resolve(&*journal, asked, task(1)).await, [asked], "given up");
}

/// What was noted and not resolved. A journal that says it has not noted something has to be told.
pub(crate) async fn a_restart_finds_what_was_noted(place: &impl Place) {
    let journal = place.open().await;
    let noted = append(&*journal, put("a", 1), Outcome::Asked).await;
    let taskless = append(&*journal, put("b", 2), Outcome::Asked).await;
    let both = [(noted, task(7)), (taskless, Outcome::Accepted(None))];
    let both = both.map(|(seq, outcome)| Mark { seq, outcome, document: None });
    let will_be_found = journal.note(&both);
    // Noted, and resolved in time.
    let resolved = append(&*journal, put("c", 3), Outcome::Asked).await;
    journal.note(&[Mark { seq: resolved, outcome: task(8), document: None }]);
    assert_eq!(resolve(&*journal, resolved, task(8)).await, []);
    settle_both(&*journal, resolved).await;
    // What nobody may take for done.
    for (id, outcome) in [("d", Outcome::Refused), ("e", Outcome::Unknown), ("f", Outcome::Asked)] {
        let seq = append(&*journal, put(id, 4), Outcome::Asked).await;
        assert!(!journal.note(&[Mark { seq, outcome, document: None }]), "{outcome:?}");
    }
    let merged = append(&*journal, put("g", 5), Outcome::Asked).await;
    let document = Some(fields("whole"));
    assert!(!journal.note(&[Mark { seq: merged, outcome: Outcome::Accepted(None), document }]));
    assert_eq!(status(&*journal).await.asked, 6, "until they are resolved");
    assert_eq!(claim(&*journal, Duty::Pg).await.entries, []);

    let journal = reopened(journal, place).await;
    let found = claim(&*journal, Duty::Pg).await.entries;
    if will_be_found {
        let outcomes: Vec<_> = found.iter().map(|entry| (entry.seq, entry.outcome)).collect();
        assert_eq!(outcomes, [(noted, task(7)), (taskless, Outcome::Accepted(None))]);
        assert_eq!(claimed(&*journal, Duty::Meili).await, [noted, taskless]);
        assert_eq!(counts(&*journal).await, [6, 0, 2, 2, 4]);
    } else {
        assert_eq!(found, []);
        assert_eq!(counts(&*journal).await, [6, 0, 0, 0, 6]);
    }
    assert_eq!(resolve(&*journal, noted, task(7)).await, [noted]);
    // Once.
    let journal = reopened(journal, place).await;
    assert_eq!(status(&*journal).await.pending, 6);
}

async fn settle_both(journal: &dyn Journal, seq: Seq) {
    for duty in [Duty::Meili, Duty::Pg] {
        assert_eq!(claimed(journal, duty).await, [seq]);
        settle(journal, duty, seq, End::Done { supersedes: true }).await;
    }
}

/// The process may have died right after the authority was asked.
pub(crate) async fn a_restart_begins_limbo_anew(place: &impl Place) {
    let journal = place.open().await;
    let began = Instant::now();
    let seq = append(&*journal, put("a", 1), Outcome::Unknown).await;
    let journal = reopened(journal, place).await;
    let found = claimed_soon(&*journal, Duty::Reconcile).await;
    assert!(began.elapsed() + Duration::from_millis(1) >= LIMBO, "due after {:?}", began.elapsed());
    assert_eq!(seqs(&found), [seq]);
}

/// What the process that died was sending for them may still arrive: compared before, they would seem to be alike.
pub(crate) async fn a_restart_lets_what_was_left_to_be_reconciled_wait(place: &impl Place) {
    let journal = place.open().await;
    assert_eq!(journal.limbo(), LIMBO);
    // One that it was reconciling, one that it was not, and one that had no other duty any more.
    let under_way = accepted(&*journal, resync("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [under_way]);
    let waiting = accepted(&*journal, resync("b", 2)).await;
    let delivered = accepted(&*journal, Intent { authority: Side::Pg, ..put("c", 3) }).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [delivered]);
    settle(&*journal, Duty::Meili, delivered, End::Then { duties: Duties::RECONCILE, redo: false }).await;
    let written = accepted(&*journal, put("d", 4)).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [written]);
    settle(&*journal, Duty::Meili, written, End::Then { duties: Duties::RECONCILE, redo: false }).await;
    let fresh = accepted(&*journal, put("e", 5)).await;

    let began = Instant::now();
    let journal = reopened(journal, place).await;
    let first = claim(&*journal, Duty::Reconcile).await;
    if began.elapsed() < LIMBO {
        assert_eq!(first.entries, []);
        let next = first.next.expect("they come due by themselves");
        assert!(next <= LIMBO + Duration::from_millis(1), "{next:?}");
    }
    assert_eq!(claimed(&*journal, Duty::Meili).await, [fresh], "other duties do not wait");
    assert_eq!(claimed(&*journal, Duty::Pg).await, [written, fresh], "with something to be reconciled or without");
    // Nobody who has died was sending anything for this one.
    let new = accepted(&*journal, resync("f", 6)).await;
    let mut found = seqs(&first.entries);
    found.extend(claimed(&*journal, Duty::Reconcile).await);
    if began.elapsed() < LIMBO {
        assert_eq!(found, [new]);
    }
    while found.len() < 4 {
        found.extend(seqs(&claimed_soon(&*journal, Duty::Reconcile).await));
    }
    assert!(began.elapsed() + Duration::from_millis(1) >= LIMBO, "due after {:?}", began.elapsed());
    found.sort();
    assert_eq!(found, [under_way, waiting, delivered, new]);
}

/// What is new of its document must not draw it along.
pub(crate) async fn what_a_restart_lets_wait_is_not_given_out_with_something_new(place: &impl Place) {
    let journal = place.open().await;
    let left = accepted(&*journal, resync("a", 1)).await;
    // It works: only of those that do may something be under way.
    assert_eq!(claimed(&*journal, Duty::Pg).await, []);
    let began = Instant::now();
    let journal = reopened(journal, place).await;
    let before = claimed(&*journal, Duty::Reconcile).await;
    let new = accepted(&*journal, resync("a", 2)).await;
    let early = [before, claimed(&*journal, Duty::Reconcile).await].concat();
    if began.elapsed() < LIMBO {
        assert!(!early.contains(&left), "{early:?}");
    }
    let mut found = Vec::new();
    let mut given = early;
    loop {
        for seq in &given {
            done(&*journal, Duty::Reconcile, *seq).await;
        }
        found.extend(given);
        if found.len() == 2 {
            break;
        }
        given = seqs(&claimed_soon(&*journal, Duty::Reconcile).await);
    }
    assert!(began.elapsed() + Duration::from_millis(1) >= LIMBO, "due after {:?}", began.elapsed());
    found.sort();
    assert_eq!(found, [left, new]);
}

pub(crate) async fn a_restart_forgets_ages(place: &impl Place) {
    let journal = place.open().await;
    let began = Instant::now();
    let before = accepted(&*journal, put("a", 1)).await;
    let found = claim(&*journal, Duty::Pg).await.entries;
    let age = found[0].age.expect("this process appended it");
    assert!(age <= began.elapsed(), "{age:?}");
    let journal = reopened(journal, place).await;
    let after = accepted(&*journal, put("b", 2)).await;
    let mut found = Vec::new();
    while found.len() < 2 {
        found.extend(claimed_soon(&*journal, Duty::Pg).await.into_iter().map(|e| (e.seq, e.age.is_some())));
    }
    assert_eq!(found, [(before, false), (after, true)]);
}

pub(crate) async fn highest_version_outlives_everything(place: &impl Place) {
    let journal = place.open().await;
    assert_eq!(journal.highest_version().await.unwrap(), Version(0));
    let seq = accepted(&*journal, resync("a", 41)).await;
    let refused = append(&*journal, put("b", 42), Outcome::Asked).await;
    accepted(&*journal, resync("a", 40)).await;
    resolve(&*journal, refused, Outcome::Refused).await;
    assert_eq!(journal.highest_version().await.unwrap(), Version(42));
    let all = claimed(&*journal, Duty::Reconcile).await;
    assert_eq!(all[0], seq);
    for seq in all {
        done(&*journal, Duty::Reconcile, seq).await;
    }
    assert_eq!(counts(&*journal).await, [0; 5]);
    assert_eq!(journal.highest_version().await.unwrap(), Version(42));
    let journal = reopened(journal, place).await;
    assert_eq!(journal.highest_version().await.unwrap(), Version(42));
    let next = accepted(&*journal, put("c", 1)).await;
    assert!(next > seq, "places are not given twice");
    append(&*journal, put("d", 50), Outcome::Refused).await;
    assert_eq!(journal.highest_version().await.unwrap(), Version(50));
}
