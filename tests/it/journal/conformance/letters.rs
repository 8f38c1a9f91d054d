//! Dead letters.

use crossfade::journal::{DeadLetter, DeadLetters, Redrive};

use super::*;

/// Gives up the duty to write a put of this document to PostgreSQL, and to confirm it on Meilisearch if asked to.
async fn bury(journal: &dyn Journal, id: &str, version: i64, duties: &[Duty]) -> Seq {
    let seq = accepted(journal, put(id, version)).await;
    for duty in [Duty::Meili, Duty::Pg] {
        assert_eq!(claimed(journal, duty).await, [seq]);
        let dead = End::Dead { why: format!("{id} for {}", duty.as_str()), then: Duties::NONE };
        let end = if duties.contains(&duty) { dead } else { End::Done { supersedes: false } };
        settle(journal, duty, seq, end).await;
    }
    seq
}

async fn letters(journal: &dyn Journal) -> Vec<DeadLetter> {
    journal.dead_letters(None, 100).await.unwrap()
}

fn whys(letters: &[DeadLetter]) -> Vec<&str> {
    letters.iter().map(|letter| letter.why.as_str()).collect()
}

pub(crate) async fn a_dead_letter_leaves_the_other_duties(place: &impl Place) {
    let journal = place.open().await;
    let seq = accepted(&*journal, put("a\u{0}", 7)).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [seq]);
    let dead = End::Dead { why: "too large \u{0}\u{1f600}".into(), then: Duties::RECONCILE };
    settle(&*journal, Duty::Meili, seq, dead).await;
    assert_eq!(counts(&*journal).await, [1, 0, 0, 1, 1]);
    assert_eq!(status(&*journal).await.dead_letters, 1);
    let letters = letters(&*journal).await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].duty, &letters[0].intent), (Duty::Meili, &put("a\u{0}", 7)));
    assert_eq!(letters[0].why, "too large \u{0}\u{1f600}");
    let age = jiff::Timestamp::now().duration_since(letters[0].at);
    assert!(age >= -jiff::SignedDuration::from_secs(1) && age < jiff::SignedDuration::from_secs(60), "{age:?}");
    assert_eq!(claimed(&*journal, Duty::Pg).await, [seq]);
    settle(&*journal, Duty::Pg, seq, End::Dead { why: "also here".into(), then: Duties::NONE }).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [seq]);
    done(&*journal, Duty::Reconcile, seq).await;
    assert_eq!(counts(&*journal).await, [0; 5]);
    assert_eq!(status(&*journal).await.dead_letters, 2, "an entry may leave two");
}

pub(crate) async fn letters_are_listed_in_order(place: &impl Place) {
    let journal = place.open().await;
    bury(&*journal, "a", 1, &[Duty::Meili, Duty::Pg]).await;
    bury(&*journal, "b", 2, &[Duty::Pg]).await;
    let all = letters(&*journal).await;
    assert_eq!(whys(&all), ["a for meili", "a for pg", "b for pg"]);
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq));
    let listed = async |after, limit| journal.dead_letters(after, limit).await.unwrap();
    assert_eq!(listed(None, 2).await, all[..2]);
    assert_eq!(listed(Some(all[1].seq), 2).await, all[2..]);
    assert_eq!(listed(Some(all[2].seq), 2).await, []);
    assert_eq!(listed(None, 0).await, []);
}

pub(crate) async fn letters_are_dropped(place: &impl Place) {
    let journal = place.open().await;
    for (at, id) in ["a", "b", "c"].into_iter().enumerate() {
        bury(&*journal, id, at as i64, &[Duty::Meili, Duty::Pg]).await;
    }
    let all = letters(&*journal).await;
    let drop = async |which| journal.dispose(&which, Redrive::Drop).await.unwrap();
    assert_eq!(drop(DeadLetters::These(vec![all[1].seq, all[4].seq, Seq(1 << 40)])).await, 2);
    assert_eq!(whys(&letters(&*journal).await), ["a for meili", "b for meili", "b for pg", "c for pg"]);
    assert_eq!(drop(DeadLetters::These(Vec::new())).await, 0);
    assert_eq!(drop(DeadLetters::Of(Duty::Reconcile)).await, 0);
    assert_eq!(drop(DeadLetters::Of(Duty::Meili)).await, 2);
    assert_eq!(whys(&letters(&*journal).await), ["b for pg", "c for pg"]);
    assert_eq!(drop(DeadLetters::All).await, 2);
    assert_eq!(letters(&*journal).await, []);
    assert_eq!(status(&*journal).await, Status::default(), "nothing is left of them");
}

pub(crate) async fn letters_are_redriven_at_the_end(place: &impl Place) {
    let journal = place.open().await;
    let first = bury(&*journal, "a", 7, &[Duty::Pg]).await;
    bury(&*journal, "b", 8, &[Duty::Pg, Duty::Meili]).await;
    let newer = accepted(&*journal, put("a", 9)).await;
    assert_eq!(journal.dispose(&DeadLetters::Of(Duty::Pg), Redrive::Again).await.unwrap(), 2);
    assert_eq!(whys(&letters(&*journal).await), ["b for meili"]);
    assert_eq!(counts(&*journal).await, [3, 0, 1, 3, 0], "with that duty only");
    let found = claim(&*journal, Duty::Pg).await.entries;
    let intents: Vec<&Intent> = found.iter().map(|entry| &entry.intent).collect();
    assert_eq!(intents, [&put("a", 9), &put("a", 7), &put("b", 8)], "of the old version, after what came since");
    assert!(found[0].seq == newer && found[1].seq > newer && found[1].seq > first);
    assert_eq!((found[1].attempts, found[1].redo), (0, false));
    assert!(matches!(found[1].outcome, Outcome::Accepted(_)));
    done(&*journal, Duty::Pg, found[1].seq).await;
    done(&*journal, Duty::Pg, found[2].seq).await;
    assert_eq!(counts(&*journal).await, [1, 0, 1, 1, 0]);
    let rest = DeadLetters::These(vec![letters(&*journal).await[0].seq]);
    assert_eq!(journal.dispose(&rest, Redrive::Again).await.unwrap(), 1);
    assert_eq!(counts(&*journal).await, [2, 0, 2, 1, 0]);
}
