//! How claims end.

use super::*;

const LATER: Duration = Duration::from_secs(3600);

pub(crate) async fn done_ends_one_duty(place: &impl Place) {
    let journal = place.open().await;
    let older = accepted(&*journal, put("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [older]);
    settle(&*journal, Duty::Pg, older, End::Retry { after: LATER, why: None, counts: false }).await;
    let seq = accepted(&*journal, put("a", 2)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [seq]);
    settle(&*journal, Duty::Pg, seq, End::Done { supersedes: false }).await;
    assert_eq!(counts(&*journal).await, [2, 0, 2, 1, 0], "what is older stays");
}

pub(crate) async fn done_supersedes_earlier_entries_of_the_document(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, put("a", 1)).await;
    let second = accepted(&*journal, put("a", 2)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [first, second]);
    for seq in [first, second] {
        settle(&*journal, Duty::Pg, seq, End::Retry { after: LATER, why: Some("down".into()), counts: true }).await;
    }
    let third = accepted(&*journal, put("a", 3)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [third]);
    settle(&*journal, Duty::Pg, third, End::Done { supersedes: true }).await;
    assert_eq!(counts(&*journal).await, [3, 0, 3, 0, 0], "the other duty stays");
    assert_eq!(status(&*journal).await.failing, []);
    assert_eq!(claimed(&*journal, Duty::Meili).await, [first, second, third]);
    // Of entries that are settled in one call too: these three were claimed, the last of them supersedes the others once
    // they are not.
    let end = |seq, end| Settled { seq, end };
    let later = End::Retry { after: LATER, why: None, counts: false };
    let ends = [end(first, later.clone()), end(second, later), end(third, End::Done { supersedes: true })];
    journal.settle(Duty::Meili, &ends).await.unwrap();
    assert_eq!(counts(&*journal).await, [0; 5]);
}

pub(crate) async fn supersedes_spares_what_it_must(place: &impl Place) {
    let journal = place.open().await;
    let came_to_it = accepted(&*journal, put("a", 1)).await;
    let unknown = append(&*journal, put("a", 2), Outcome::Asked).await;
    let asked = append(&*journal, put("a", 3), Outcome::Asked).await;
    let other = accepted(&*journal, resync("b", 4)).await;
    let namesake = accepted(&*journal, elsewhere(resync("a", 5))).await;
    let otherwise = accepted(&*journal, put("a", 6)).await;
    let put_off = accepted(&*journal, resync("a", 7)).await;
    let older = accepted(&*journal, resync("a", 8)).await;
    let newest = accepted(&*journal, resync("a", 9)).await;
    let after = accepted(&*journal, resync("a", 10)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [other, namesake, put_off, older, newest, after]);
    let later = || End::Retry { after: LATER, why: None, counts: false };
    settle(&*journal, Duty::Reconcile, other, later()).await;
    settle(&*journal, Duty::Reconcile, namesake, later()).await;

    // Two come to be reconciled while others of the document are claimed.
    for duty in [Duty::Meili, Duty::Pg] {
        assert_eq!(claimed(&*journal, duty).await, [came_to_it, otherwise]);
        settle(&*journal, duty, came_to_it, End::Then { duties: Duties::RECONCILE, redo: false }).await;
        settle(&*journal, duty, otherwise, later()).await;
    }
    assert_eq!(resolve(&*journal, unknown, Outcome::Unknown).await, []);
    assert_eq!(counts(&*journal).await, [10, 1, 1, 1, 8]);

    settle(&*journal, Duty::Reconcile, put_off, later()).await;
    settle(&*journal, Duty::Reconcile, newest, End::Done { supersedes: true }).await;
    // Gone: `came_to_it` and `put_off`, which nobody had claimed, and `newest`. Left: the rest.
    let left = [unknown, asked, other, namesake, otherwise, older, after];
    assert_eq!(counts(&*journal).await, [left.len() as u64, 1, 1, 1, 5]);
    done(&*journal, Duty::Reconcile, older).await;
    done(&*journal, Duty::Reconcile, after).await;
    let found = claimed_soon(&*journal, Duty::Reconcile).await;
    assert_eq!(seqs(&found), [unknown], "what is unknown is never superseded");
}

pub(crate) async fn a_higher_version_is_not_superseded(place: &impl Place) {
    let journal = place.open().await;
    let higher = accepted(&*journal, put("a", 9)).await;
    let found = claimed(&*journal, Duty::Pg).await;
    settle(&*journal, Duty::Pg, higher, End::Retry { after: LATER, why: None, counts: false }).await;
    let lower = accepted(&*journal, put("a", 5)).await;
    assert_eq!((found, claimed(&*journal, Duty::Pg).await), (vec![higher], vec![lower]));
    settle(&*journal, Duty::Pg, lower, End::Done { supersedes: true }).await;
    assert_eq!(
        counts(&*journal).await,
        [2, 0, 2, 1, 1],
        "the higher one is still to be written, and to be compared then"
    );
}

pub(crate) async fn what_a_higher_version_will_come_over_is_to_be_reconciled(place: &impl Place) {
    let journal = place.open().await;
    let ends = async |duty, seq| {
        assert_eq!(claimed(&*journal, duty).await, [seq]);
        settle(&*journal, duty, seq, End::Done { supersedes: true }).await;
    };
    // Its outcome has been delayed, or it has failed.
    let asked = append(&*journal, put("a", 9), Outcome::Asked).await;
    let over_asked = accepted(&*journal, put("a", 5)).await;
    ends(Duty::Pg, over_asked).await;
    ends(Duty::Meili, over_asked).await;
    assert_eq!(counts(&*journal).await, [2, 1, 0, 0, 1]);
    resolve(&*journal, asked, Outcome::Accepted(None)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [asked]);
    settle(&*journal, Duty::Pg, asked, End::Retry { after: LATER, why: Some("down".into()), counts: false }).await;
    let over_failed = accepted(&*journal, put("a", 6)).await;
    ends(Duty::Pg, over_failed).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [asked, over_failed]);
    for seq in [asked, over_failed] {
        settle(&*journal, Duty::Meili, seq, End::Done { supersedes: true }).await;
    }
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [over_asked, over_failed]);
    for seq in [over_asked, over_failed] {
        done(&*journal, Duty::Reconcile, seq).await;
    }
    // What is higher comes over it, and others have nothing to do with it.
    let over_both = accepted(&*journal, put("a", 10)).await;
    let other = accepted(&*journal, put("b", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [over_both, other]);
    for seq in [over_both, other] {
        settle(&*journal, Duty::Pg, seq, End::Done { supersedes: true }).await;
    }
    assert_eq!(claimed(&*journal, Duty::Meili).await, [over_both, other]);
    for seq in [over_both, other] {
        done(&*journal, Duty::Meili, seq).await;
    }
    assert_eq!(status(&*journal).await.pending, 0);
}

pub(crate) async fn then_adds_duties(place: &impl Place) {
    let journal = place.open().await;
    let seq = accepted(&*journal, put("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [seq]);
    settle(&*journal, Duty::Meili, seq, End::Then { duties: Duties::RECONCILE, redo: true }).await;
    assert_eq!(counts(&*journal).await, [1, 0, 0, 1, 1]);
    let found = claim(&*journal, Duty::Pg).await.entries;
    assert_eq!((found[0].seq, found[0].redo), (seq, true));
    settle(&*journal, Duty::Pg, seq, End::Then { duties: Duties::RECONCILE, redo: false }).await;
    let found = claim(&*journal, Duty::Reconcile).await.entries;
    assert_eq!((found[0].seq, found[0].redo), (seq, true), "what is lost stays lost");
    let again = duties(&[Duty::Reconcile, Duty::Pg]);
    settle(&*journal, Duty::Reconcile, seq, End::Then { duties: again, redo: false }).await;
    assert_eq!(counts(&*journal).await, [1, 0, 0, 1, 1]);
    assert_eq!(claimed(&*journal, Duty::Pg).await, [seq]);
    settle(&*journal, Duty::Pg, seq, End::Then { duties: Duties::NONE, redo: false }).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [seq]);
    done(&*journal, Duty::Reconcile, seq).await;
    assert_eq!(counts(&*journal).await, [0; 5]);
}

pub(crate) async fn retry_comes_due_later(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, put("a", 1)).await;
    let second = accepted(&*journal, put("b", 2)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [first, second]);
    let began = Instant::now();
    let wait = Duration::from_millis(300);
    settle(&*journal, Duty::Pg, second, End::Retry { after: LATER, why: None, counts: false }).await;
    settle(&*journal, Duty::Pg, first, End::Retry { after: wait, why: None, counts: false }).await;
    assert_eq!(counts(&*journal).await, [2, 0, 2, 2, 0]);
    let claim = claim(&*journal, Duty::Pg).await;
    if began.elapsed() < wait {
        assert_eq!(claim.entries, []);
        let next = claim.next.expect("two come due by themselves");
        assert!(next <= wait, "{next:?}");
        let found = claimed_soon(&*journal, Duty::Pg).await;
        assert!(began.elapsed() + Duration::from_millis(1) >= wait, "due after {:?}", began.elapsed());
        assert_eq!(seqs(&found), [first]);
    }
    let next = self::claim(&*journal, Duty::Pg).await.next.expect("one comes due by itself");
    assert!(next > LATER / 2 && next <= LATER, "{next:?}");
    assert_eq!(claimed(&*journal, Duty::Meili).await, [first, second], "the other duty does not wait");
}

pub(crate) async fn retry_counts_attempts_if_asked_to(place: &impl Place) {
    let journal = place.open().await;
    let seq = accepted(&*journal, put("a", 1)).await;
    for (counts, before) in [(true, 0), (false, 1), (true, 1), (false, 2), (false, 2)] {
        let found = claimed_soon(&*journal, Duty::Pg).await;
        assert_eq!((found[0].seq, found[0].attempts), (seq, before));
        settle(&*journal, Duty::Pg, seq, End::Retry { after: Duration::ZERO, why: None, counts }).await;
    }
    let found = claimed_soon(&*journal, Duty::Meili).await;
    assert_eq!(found[0].attempts, 0, "attempts are counted by duty");
}

pub(crate) async fn what_failed_is_in_the_status(place: &impl Place) {
    let journal = place.open().await;
    let mut all = Vec::new();
    for at in 0..3 {
        all.push(accepted(&*journal, put(&at.to_string(), at)).await);
    }
    assert_eq!(claimed(&*journal, Duty::Pg).await, all);
    assert_eq!(claimed(&*journal, Duty::Meili).await, all);
    assert_eq!(status(&*journal).await.failing, []);
    let retry = |after, why: Option<&str>| End::Retry { after, why: why.map(Into::into), counts: true };
    settle(&*journal, Duty::Meili, all[0], retry(LATER, Some("refused"))).await;
    settle(&*journal, Duty::Pg, all[0], retry(LATER, Some("no route"))).await;
    settle(&*journal, Duty::Pg, all[1], retry(Duration::ZERO, Some("no route \u{0}\u{1f600}"))).await;
    settle(&*journal, Duty::Pg, all[2], retry(LATER, None)).await;
    let failing = status(&*journal).await.failing;
    let expected = [(Duty::Meili, 1, "refused".to_owned()), (Duty::Pg, 2, "no route \u{0}\u{1f600}".to_owned())];
    assert_eq!(failing, expected, "one line a duty, with the last that went wrong");
    let found = claimed_soon(&*journal, Duty::Pg).await;
    assert_eq!(seqs(&found), [all[1]]);
    done(&*journal, Duty::Pg, all[1]).await;
    let failing = status(&*journal).await.failing;
    assert_eq!(
        failing.iter().map(|(duty, waiting, _)| (*duty, *waiting)).collect::<Vec<_>>(),
        [(Duty::Meili, 1), (Duty::Pg, 1)]
    );
}

pub(crate) async fn settling_what_is_not_claimed_changes_nothing(place: &impl Place) {
    let journal = place.open().await;
    let seq = accepted(&*journal, put("a", 1)).await;
    let other = accepted(&*journal, put("b", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [seq, other]);
    done(&*journal, Duty::Pg, seq).await;
    for end in [
        End::Done { supersedes: true },
        End::Then { duties: Duties::RECONCILE, redo: true },
        End::Retry { after: LATER, why: Some("late".into()), counts: true },
        End::Dead { why: "late".into(), then: Duties::RECONCILE },
    ] {
        // Either nothing, or an error that says so.
        let _ = journal.settle(Duty::Pg, &[Settled { seq, end: end.clone() }]).await;
        let _ = journal.settle(Duty::Meili, &[Settled { seq, end }]).await;
    }
    assert_eq!(counts(&*journal).await, [2, 0, 2, 1, 0]);
    assert_eq!(status(&*journal).await.dead_letters, 0);
    assert_eq!(status(&*journal).await.failing, []);
    let found = claim(&*journal, Duty::Meili).await.entries;
    assert_eq!(
        found.iter().map(|e| (e.seq, e.attempts, e.redo)).collect::<Vec<_>>(),
        [(seq, 0, false), (other, 0, false)]
    );
}

pub(crate) async fn status_counts(place: &impl Place) {
    let journal = place.open().await;
    assert_eq!(status(&*journal).await, Status::default());
    let began = Instant::now();
    append(&*journal, put("a", 1), Outcome::Asked).await;
    accepted(&*journal, put("b", 2)).await;
    let done_soon = accepted(&*journal, resync("c", 3)).await;
    accepted(&*journal, sweep(4)).await;
    assert_eq!(counts(&*journal).await, [4, 1, 1, 2, 1]);
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [done_soon]);
    done(&*journal, Duty::Reconcile, done_soon).await;
    assert_eq!(counts(&*journal).await, [3, 1, 1, 2, 0]);
    let oldest = status(&*journal).await.oldest_seconds.unwrap();
    assert!((0.0..=began.elapsed().as_secs_f64() + 0.01).contains(&oldest), "{oldest}");
    let deadline = Instant::now() + PATIENCE;
    while status(&*journal).await.oldest_seconds.unwrap() < oldest + 0.02 {
        assert!(Instant::now() < deadline, "it does not get older");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn indexes_are_those_of_its_entries(place: &impl Place) {
    let journal = place.open().await;
    let indexes = async || {
        let mut indexes = journal.indexes().await.unwrap().unwrap();
        indexes.sort();
        indexes
    };
    assert!(indexes().await.is_empty());
    let first = accepted(&*journal, resync("a", 1)).await;
    accepted(&*journal, resync("b", 2)).await;
    accepted(&*journal, elsewhere(put("a", 3))).await;
    append(&*journal, Intent { index: "nul\0 and \u{1}0".into(), ..put("a", 4) }, Outcome::Asked).await;
    assert_eq!(indexes().await, ["nul\0 and \u{1}0".into(), INDEX.into(), Arc::<str>::from("users")]);
    assert_eq!(claimed(&*journal, Duty::Reconcile).await.first(), Some(&first));
    done(&*journal, Duty::Reconcile, first).await;
    assert_eq!(indexes().await.len(), 3, "one of them is left");
    done(&*journal, Duty::Reconcile, Seq(first.0 + 1)).await;
    assert_eq!(indexes().await.len(), 2);
}
