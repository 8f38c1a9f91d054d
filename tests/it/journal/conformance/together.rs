//! What is to be reconciled of a document is decided at once.

use crossfade::journal::memory::MemoryJournal;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

const LATER: Duration = Duration::from_secs(3600);

fn put_off(after: Duration) -> End {
    End::Retry { after, why: None, counts: true }
}

pub(crate) async fn what_is_to_be_reconciled_of_a_document_is_given_out_together(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, resync("a", 1)).await;
    let other = accepted(&*journal, resync("b", 2)).await;
    let namesake = accepted(&*journal, elsewhere(resync("a", 3))).await;
    let second = accepted(&*journal, resync("a", 4)).await;
    let found = journal.claim(Duty::Reconcile, 1).await.unwrap().entries;
    assert_eq!(seqs(&found), [first, second]);
    assert_eq!(found[1].intent, resync("a", 4));
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [other, namesake]);
    // Also those that are put off to different times, in the order in which they came and not in that of their times.
    let again = accepted(&*journal, resync("a", 5)).await;
    settle(&*journal, Duty::Reconcile, second, put_off(Duration::ZERO)).await;
    settle(&*journal, Duty::Reconcile, first, put_off(Duration::from_millis(50))).await;
    let found = claimed_soon(&*journal, Duty::Reconcile).await;
    assert_eq!(seqs(&found), [first, second, again]);
    assert_eq!(found.iter().map(|entry| entry.attempts).collect::<Vec<_>>(), [1, 1, 0]);
}

pub(crate) async fn while_one_of_a_document_is_reconciled_none_is_given_out(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, resync("a", 1)).await;
    let second = accepted(&*journal, resync("a", 2)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [first, second]);
    let third = accepted(&*journal, resync("a", 3)).await;
    settle(&*journal, Duty::Reconcile, first, put_off(Duration::ZERO)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, []);
    done(&*journal, Duty::Reconcile, second).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [first, third]);
}

pub(crate) async fn a_document_waits_for_the_last_that_is_put_off(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, resync("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [first]);
    let (began, wait) = (Instant::now(), Duration::from_millis(300));
    settle(&*journal, Duty::Reconcile, first, put_off(wait)).await;
    let second = accepted(&*journal, resync("a", 2)).await;
    let early = claim(&*journal, Duty::Reconcile).await;
    if began.elapsed() < wait {
        assert_eq!(early.entries, []);
        let next = early.next.expect("both come due by themselves");
        assert!(next <= wait, "{next:?}");
        // One that comes when the others are known to wait.
        let third = accepted(&*journal, resync("a", 3)).await;
        let found = claimed_soon(&*journal, Duty::Reconcile).await;
        assert!(began.elapsed() + Duration::from_millis(1) >= wait, "due after {:?}", began.elapsed());
        assert_eq!(seqs(&found), [first, second, third]);
        assert_eq!(found.iter().map(|entry| entry.attempts).collect::<Vec<_>>(), [1, 0, 0]);
    }
}

pub(crate) async fn a_document_waits_for_the_last_that_is_unknown(place: &impl Place) {
    let journal = place.open().await;
    for unknown_first in [true, false] {
        let began = Instant::now();
        let mut all = Vec::new();
        for version in 1..=3 {
            // The claim that finds the others first does not read as far as the last.
            let unknown = version == if unknown_first { 1 } else { 3 };
            let (intent, outcome) = match unknown {
                true => (put("a", version), Outcome::Unknown),
                false => (resync("a", version), Outcome::Accepted(None)),
            };
            all.push(append(&*journal, intent, outcome).await);
        }
        for limit in [1, 100] {
            let early = journal.claim(Duty::Reconcile, limit).await.unwrap();
            if began.elapsed() < LIMBO {
                assert_eq!(early.entries, []);
                let next = early.next.expect("they come due by themselves");
                assert!(next <= LIMBO + Duration::from_millis(1), "{next:?}");
            }
        }
        let found = claimed_soon(&*journal, Duty::Reconcile).await;
        assert!(began.elapsed() + Duration::from_millis(1) >= LIMBO, "due after {:?}", began.elapsed());
        assert_eq!(seqs(&found), all);
        for seq in all {
            done(&*journal, Duty::Reconcile, seq).await;
        }
    }
    assert_eq!(counts(&*journal).await, [0; 5]);
}

pub(crate) async fn a_document_that_waits_holds_up_no_other(place: &impl Place) {
    let journal = place.open().await;
    let held = accepted(&*journal, resync("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [held]);
    settle(&*journal, Duty::Reconcile, held, put_off(LATER)).await;
    for version in 2..5 {
        accepted(&*journal, resync("a", version)).await;
    }
    let other = accepted(&*journal, resync("b", 5)).await;
    let namesake = accepted(&*journal, elsewhere(resync("a", 6))).await;
    let first = journal.claim(Duty::Reconcile, 1).await.unwrap();
    assert_eq!(seqs(&first.entries), [other], "though four wait before it, and one is asked for");
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [namesake]);
}

pub(crate) async fn the_limit_does_not_part_a_document(place: &impl Place) {
    let journal = place.open().await;
    let mut all = Vec::new();
    for (version, id) in ["a", "b", "a", "c", "b", "a", "d"].into_iter().enumerate() {
        all.push(accepted(&*journal, resync(id, version as i64)).await);
    }
    let claim = async |limit| seqs(&journal.claim(Duty::Reconcile, limit).await.unwrap().entries);
    assert_eq!(claim(0).await, []);
    assert_eq!(claim(2).await, [all[0], all[2], all[5]], "and no other document beside it");
    assert_eq!(claim(3).await, [all[1], all[3], all[4]]);
    assert_eq!(claim(3).await, [all[6]]);
}

/// A document is given out before others that are older than the last of it. Those are found later, and it is not found anew.
pub(crate) async fn what_was_given_out_with_others_is_not_given_out_again(place: &impl Place) {
    let journal = place.open().await;
    let mut all = Vec::new();
    for (version, id) in ["a", "b", "c", "d", "a", "b", "c", "d"].into_iter().enumerate() {
        all.push(accepted(&*journal, resync(id, version as i64)).await);
    }
    let claim = async || seqs(&journal.claim(Duty::Reconcile, 1).await.unwrap().entries);
    assert_eq!(claim().await, [all[0], all[4]]);
    assert_eq!(claim().await, [all[1], all[5]]);
    assert_eq!(claim().await, [all[2], all[6]]);
    // One document stays claimed, one waits, one is there again, of one half is done.
    settle(&*journal, Duty::Reconcile, all[1], put_off(LATER)).await;
    settle(&*journal, Duty::Reconcile, all[5], put_off(LATER)).await;
    done(&*journal, Duty::Reconcile, all[2]).await;
    settle(&*journal, Duty::Reconcile, all[6], put_off(Duration::ZERO)).await;
    let last = accepted(&*journal, resync("e", 9)).await;
    assert_eq!(claim().await, [all[3], all[7]]);
    assert_eq!(claim().await, [all[6]]);
    assert_eq!(claim().await, [last]);
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, []);
    // With another duty in between, it is to be reconciled anew.
    settle(&*journal, Duty::Reconcile, all[7], End::Then { duties: Duties::PG, redo: false }).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [all[7]]);
    settle(&*journal, Duty::Reconcile, all[3], put_off(Duration::ZERO)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [all[3]]);
    settle(&*journal, Duty::Pg, all[7], End::Then { duties: Duties::RECONCILE, redo: false }).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, []);
    done(&*journal, Duty::Reconcile, all[3]).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [all[7]]);
}

pub(crate) async fn what_has_another_duty_is_not_part_of_it(place: &impl Place) {
    let journal = place.open().await;
    let other = accepted(&*journal, put("a", 1)).await;
    let seq = accepted(&*journal, resync("a", 2)).await;
    let asked = append(&*journal, put("a", 3), Outcome::Asked).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [other]);
    settle(&*journal, Duty::Meili, other, End::Then { duties: Duties::RECONCILE, redo: false }).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [other]);
    settle(&*journal, Duty::Pg, other, put_off(LATER)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [seq], "it neither comes with it nor holds it up");
    assert_eq!(resolve(&*journal, asked, task(1)).await, []);
    assert_eq!(claimed(&*journal, Duty::Pg).await, [asked]);
    done(&*journal, Duty::Pg, asked).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [asked]);
    settle(&*journal, Duty::Meili, asked, End::Then { duties: Duties::RECONCILE, redo: false }).await;
    settle(&*journal, Duty::Reconcile, seq, put_off(Duration::ZERO)).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [seq, asked], "once it has none, it is");
}

pub(crate) async fn open_after_leaves_out_what_is_being_reconciled(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, resync("a", 1)).await;
    let other = accepted(&*journal, resync("b", 2)).await;
    let open = async |ids: &[(&str, Seq)]| {
        let ids: Vec<_> = ids.iter().map(|(id, seq)| (DocumentId::from(*id), *seq)).collect();
        journal.open_after(Duty::Reconcile, INDEX, &ids).await.unwrap()
    };
    let any = [("a", Seq(0)), ("b", Seq(0))];
    assert_eq!(open(&any).await, [true, true]);
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [first, other]);
    assert_eq!(open(&any).await, [false, false]);
    let second = accepted(&*journal, resync("a", 3)).await;
    let asked = append(&*journal, put("b", 4), Outcome::Asked).await;
    assert_eq!(open(&any).await, [true, true], "what has come since");
    assert_eq!(open(&[("a", second), ("b", asked)]).await, [false, false]);
    settle(&*journal, Duty::Reconcile, other, put_off(LATER)).await;
    assert_eq!(resolve(&*journal, asked, Outcome::Refused).await, []);
    assert_eq!(open(&any).await, [true, true], "what was put off is no longer claimed");
    done(&*journal, Duty::Reconcile, first).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [second]);
    assert_eq!(open(&any).await, [false, true]);
}

/// Whatever happens to entries: which are given out, and with whom, is the same everywhere.
pub(crate) async fn claims_are_those_of_the_journal_in_memory(place: &impl Place) {
    let (journal, memory) = (place.open().await, MemoryJournal::new(OPTIONS));
    let mut random = StdRng::seed_from_u64(7);
    let mut held: Vec<(Duty, Seq, Seq)> = Vec::new();
    let mut asked: Vec<(Seq, Seq)> = Vec::new();
    // Places are not the same in a journal that leaves some out.
    let mut places: std::collections::BTreeMap<Seq, Seq> = std::collections::BTreeMap::new();
    for step in 0..400 {
        let id = ["a", "b", "c", "d", "e", "f", "g", "h"][random.random_range(0..8)];
        match random.random_range(0..10) {
            0..4 => {
                let kinds = [resync(id, step), put(id, step), Intent { authority: Side::Pg, ..put(id, step) }];
                let intent = kinds[[0, 0, 1, 2][random.random_range(0..4)]].clone();
                let outcome = if random.random_bool(0.2) { Outcome::Asked } else { Outcome::Accepted(None) };
                let both = (append(&*journal, intent.clone(), outcome).await, append(&memory, intent, outcome).await);
                places.insert(both.0, both.1);
                if outcome == Outcome::Asked {
                    asked.push(both);
                }
            }
            4 if !asked.is_empty() => {
                let (here, there) = asked.swap_remove(random.random_range(0..asked.len()));
                let outcome = if random.random_bool(0.2) { Outcome::Refused } else { Outcome::Accepted(None) };
                assert_eq!(resolve(&*journal, here, outcome).await, []);
                assert_eq!(resolve(&memory, there, outcome).await, []);
            }
            4..7 => {
                let duty = Duty::ALL[[0, 1, 2, 2][random.random_range(0..4)]];
                let limit = random.random_range(1..5);
                let here = journal.claim(duty, limit).await.unwrap().entries;
                let there = memory.claim(duty, limit).await.unwrap().entries;
                let seen = |entry: &Entry, seq| (seq, entry.intent.clone(), entry.attempts, entry.redo);
                let found: Vec<_> = here.iter().map(|entry| seen(entry, places[&entry.seq])).collect();
                let expected: Vec<_> = there.iter().map(|entry| seen(entry, entry.seq)).collect();
                assert_eq!(found, expected, "step {step}: {duty:?}, at most {limit}");
                held.extend(here.iter().zip(&there).map(|(here, there)| (duty, here.seq, there.seq)));
            }
            _ if !held.is_empty() => {
                let (duty, here, there) = held.swap_remove(random.random_range(0..held.len()));
                let all = [Duties::NONE, Duties::RECONCILE, Duties::PG, Duties::MEILI.and(Duties::RECONCILE)];
                let then = all[random.random_range(0..4)];
                let end = match random.random_range(0..8) {
                    0 => put_off(LATER),
                    1 | 2 => put_off(Duration::ZERO),
                    3 => End::Dead { why: "too large".into(), then },
                    4 | 5 => End::Then { duties: then, redo: random.random_bool(0.5) },
                    choice => End::Done { supersedes: choice == 6 },
                };
                settle(&*journal, duty, here, end.clone()).await;
                settle(&memory, duty, there, end).await;
            }
            _ => {}
        }
        let ids = ["a", "b", "c", "d"].map(|id| (DocumentId::from(id), Seq(0)));
        let here = journal.open_after(Duty::Reconcile, INDEX, &ids).await.unwrap();
        assert_eq!(here, memory.open_after(Duty::Reconcile, INDEX, &ids).await.unwrap(), "step {step}");
    }
    assert_eq!(counts(&*journal).await, counts(&memory).await);
}
